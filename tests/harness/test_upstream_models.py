"""The models of upstream servers give the answers of the real ones."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from harness.upstreams import servers
from harness.upstreams.models import MODELS
from tests.support.require import require

HEADER, *ROWS = [json.loads(line) for line in servers.ANSWERS.read_text("ascii").splitlines()]


def test_the_recorded_answers_are_of_every_model() -> None:
    assert ["path", *MODELS] == HEADER
    assert len(ROWS) > 3000


@pytest.mark.parametrize("server", MODELS)
def test_a_model_gives_the_recorded_answers(server: str) -> None:
    column = HEADER.index(server)
    # A status stands for a path that the server refuses.
    recorded = {row[0]: None if isinstance(row[column], int) else row[column] for row in ROWS}
    assert {path: MODELS[server](path) for path in recorded} == recorded


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        # Tomcat cuts parameters before it resolves dot segments.
        ("/fonts/..;/api/me", {"tomcat": "/api/me", "express": "/fonts/..;/api/me", "jetty": None}),
        ("/api;x/me", {"tomcat": "/api/me", "jetty": "/api/me", "nginx": "/api;x/me"}),
        ("//api/me", {"nginx": "/api/me", "tomcat": "/api/me", "express": "//api/me"}),
        ("/api%2Fme", {"flask": "/api/me", "nginx": "/api/me", "express": "/api%2Fme", "tomcat": None}),
        ("/a%00b", {"flask": "/a\0b", "nginx": None, "tomcat": None}),
        ("/a%", {"flask": "/a%", "express": "/a%", "nginx": None}),
        ("/%40me/x", {"flask": "/@me/x", "nginx": "/@me/x", "express": "/%40me/x"}),
    ],
)
def test_a_path_is_read_differently_by_servers(path: str, seen: dict[str, str | None]) -> None:
    assert {server: MODELS[server](path) for server in seen} == seen


@pytest.mark.parametrize("start", [servers.flask_server, servers.wsgi_server], ids=["flask", "wsgi"])
def test_a_server_of_the_development_environment_answers_as_recorded(
    start: Callable[[], AbstractContextManager[int]],
) -> None:
    server = start.__name__.removesuffix("_server")
    with start() as port:
        for row in ROWS[::30]:
            assert servers.ask(port, row[0]) == row[HEADER.index(server)], row[0]


def test_nginx_answers_as_recorded(tmp_path: Path) -> None:
    require(shutil.which("nginx"), "nginx is not here: apt-get install nginx")
    with servers.nginx_server(tmp_path) as port:
        for row in ROWS[::30]:
            assert servers.ask(port, row[0]) == row[HEADER.index("nginx")], row[0]
