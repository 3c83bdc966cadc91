"""The playground's server, without a browser: what the edge saw of a trial, what ought to have come of it, and who is
served.
"""

from __future__ import annotations

import asyncio
import json
from importlib import resources
from typing import Any

import httpx
import pytest
from edgecors.document import load_policy
from edgecors_local.errors import LocalError
from edgecors_local.http import Exchange, Headers, HttpRequest, HttpResponse
from edgecors_local.playground.page import Setup, make_page
from edgecors_local.playground.trials import KEPT, MOST, Trials, judged

APP = "http://app.localhost:8081"
EVIL = "http://evil.localhost:8081"
POLICY = load_policy(
    json.dumps(
        {
            "version": 1,
            "rules": [
                {"paths": ["/api/*"], "allow_origins": ["http://app.localhost:*"], "allow_credentials": True},
                {"paths": ["/public/*"], "allow_origins": "*"},
            ],
        }
    ),
    {},
)


def seen(trials: Trials, method: str, target: str, origin: str | None, *answer: tuple[str, str], **more: str) -> None:
    """The edge has answered a request."""
    path, _, query = target.partition("?")
    headers: Headers = tuple((name.replace("_", "-"), text) for name, text in more.items())
    if origin is not None:
        headers = (("origin", origin), *headers)
    trials(HttpRequest(method, path, query, headers), Exchange(HttpResponse(200, answer), ["handler"]), 0.0)


def verdict(trials: Trials, origin: str, credentials: bool = False) -> tuple[Any, str]:
    judgement = judged(POLICY, trials.of("1", origin), credentials)
    return judgement["expected"], judgement["why"]


def test_expected_verdict_follows_the_policy_not_the_sent_headers() -> None:
    """A poisoned cache sends other headers than the policy wants: that is the difference to be shown."""
    trials = Trials()
    seen(trials, "GET", "/api/a?trial=1", APP, ("Access-Control-Allow-Origin", EVIL))
    seen(trials, "GET", "/api/a?trial=1", EVIL, ("Access-Control-Allow-Origin", EVIL))
    assert verdict(trials, APP) == (True, "Access-Control-Allow-Origin names the origin")
    assert verdict(trials, EVIL) == (False, "origin-not-allowed: no entry of the rule allows the origin")
    poisoned = judged(POLICY, trials.of("1", APP), False)
    assert poisoned["answered"] == f"Access-Control-Allow-Origin names {EVIL}, not {APP}"
    assert [exchange["differs"] for exchange in poisoned["exchanges"]] == [True]


def test_a_refused_preflight_is_enough() -> None:
    trials = Trials()
    asked = {"access_control_request_method": "PUT"}
    seen(trials, "OPTIONS", "/api/a?trial=1", APP, **asked)
    seen(trials, "PUT", "/api/a?trial=1", APP)
    seen(trials, "OPTIONS", "/api/a?trial=1", EVIL, **asked)
    assert verdict(trials, APP)[0] is True
    assert verdict(trials, EVIL) == (False, "origin-not-allowed: no entry of the rule allows the origin")
    first, second = judged(POLICY, trials.of("1", APP), False)["exchanges"]
    assert (first["preflight"], first["reason"], first["entry"]) == (True, "allowed", "http://app.localhost:*")
    assert (second["preflight"], second["method"], second["steps"]) == (False, "PUT", ["handler"])


def test_a_refused_method_is_named_as_the_reason() -> None:
    trials = Trials()
    seen(trials, "OPTIONS", "/api/a?trial=1", APP, access_control_request_method="PATCHY")
    policy = load_policy(json.dumps({"rules": [{"allow_origins": [APP], "allow_methods": ["GET"]}]}))
    judgement = judged(policy, trials.of("1", APP), False)
    assert judgement["why"] == "method-not-allowed (PATCHY): the method is not allowed for this origin"
    (exchange,) = judgement["exchanges"]
    assert (exchange["reason"], exchange["cause"], exchange["rule"], exchange["managed"]) == (
        "method-not-allowed",
        "PATCHY",
        0,
        True,
    )


def test_everyone_is_not_everyone_with_cookies() -> None:
    trials = Trials()
    seen(trials, "GET", "/public/a?trial=1", EVIL)
    assert verdict(trials, EVIL)[0] is True
    assert verdict(trials, EVIL, credentials=True)[0] is False


def test_expected_verdict_of_an_unmanaged_path_follows_the_sent_headers() -> None:
    trials = Trials()
    seen(trials, "GET", "/other?trial=1", EVIL, ("Access-Control-Allow-Origin", "*"))
    seen(trials, "GET", "/other?trial=2", EVIL)
    assert verdict(trials, EVIL)[0] is True
    assert judged(POLICY, trials.of("2", EVIL), False)["expected"] is False


def test_trial_that_the_edge_did_not_see_has_no_expected_verdict() -> None:
    nothing: dict[str, Any] = {"expected": None, "why": "", "deciding": None, "answered": "", "exchanges": []}
    assert judged(POLICY, [], False) == nothing


def test_only_trials_are_kept_and_not_for_ever() -> None:
    trials = Trials()
    seen(trials, "GET", "/api/a", APP)
    seen(trials, "GET", "/api/a?trial=1", None)
    for _ in range(MOST + 5):
        seen(trials, "GET", "/api/a?b=2&trial=1", APP)
    assert len(trials.of("1", APP)) == MOST - 1
    for number in range(KEPT):
        seen(trials, "GET", f"/api/a?trial=n{number}", APP)
    assert trials.of("1", APP) == []
    assert len(trials.of("n0", APP)) == 1


# -- the server -------------------------------------------------------------------------------------------------------


class PlaygroundClient:
    """Asks an ASGI application as the page on ``app.localhost`` does."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.ask("GET", path, **options)

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url=APP) as client:
                return await client.request(method, path, **options)

        return asyncio.run(ask())


class Switch:
    """Two fronts, of which the second can't be built."""

    names = ("alb", "cloudfront-functions")
    name = "alb"

    async def select(self, name: str) -> None:
        if name != "alb":
            raise LocalError(f"{name} needs njs.")


@pytest.fixture
def client() -> PlaygroundClient:
    trials = Trials()
    seen(trials, "GET", "/api/a?trial=1", APP)
    setup = Setup("/edgecors/sites/demo", 8081, 8080, True, True, "edgecors allow @demo {origin}")
    return PlaygroundClient(make_page(setup, trials, lambda: POLICY, Switch()))


def test_the_page_gets_all_its_parts(client: PlaygroundClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for part in ("style.css", "page.css", "way.js", "page.js", "icon.svg"):
        assert f'"{part}"' in page.text
        assert client.get(f"/{part}").status_code == 200
    assert '"runner.js"' in client.get("/runner.html").text
    assert client.get("/runner.js").status_code == 200
    assert client.get("/cases.json").json()
    assert client.get("/setup").json() == {
        "front": "alb",
        "fronts": ["alb", "cloudfront-functions"],
        "allow": "edgecors allow @demo {origin}",
        "parameter": "/edgecors/sites/demo",
        "demo_policy": True,
        "demo_upstream": True,
        "edge": "http://localhost:8080",
        "app": APP,
        "evil": EVIL,
    }


@pytest.mark.parametrize(
    ("origin", "name", "status", "error"),
    [
        (APP, "alb", 200, ""),
        (APP, "cloudfront-functions", 409, "cloudfront-functions needs njs."),
        (EVIL, "alb", 403, None),
        (None, "alb", 403, None),
    ],
)
def test_the_front_is_switched_by_the_page_alone(
    client: PlaygroundClient, origin: str | None, name: str, status: int, error: str | None
) -> None:
    headers = {"Origin": origin} if origin is not None else {}
    reply = client.ask("POST", "/front", params={"name": name}, headers=headers)
    assert reply.status_code == status
    if error is not None:
        assert reply.json() == {"front": "alb", "error": error}


def test_trial_endpoint_returns_what_the_edge_saw(client: PlaygroundClient) -> None:
    reported = client.get("/trial", params={"id": "1", "origin": APP, "credentials": "include"}).json()
    assert reported["expected"] is True
    assert reported["exchanges"][0]["sent"] == [["origin", APP]]
    assert client.get("/trial").json()["exchanges"] == []


@pytest.mark.parametrize(
    "name", ["page.py", "files.py", "__init__.py", "nothing.html", "..%2fserver.py", "%2e%2e/server.py"]
)
def test_nothing_else_is_served(client: PlaygroundClient, name: str) -> None:
    assert client.get(f"/{name}").status_code == 404


def test_only_this_machine_s_names_are_served(client: PlaygroundClient) -> None:
    """Otherwise a name of somebody's that leads to 127.0.0.1 would make their page one of ours."""
    for host in ("app.localhost:8081", "evil.localhost:8081", "localhost", "127.0.0.1:8081", "[::1]:8081"):
        assert client.get("/setup", headers={"Host": host}).status_code == 200, host
    for host in (
        "evil.example",
        "evil.example:8081",
        "localhost.evil.example",
        "app.localhost.",
        "127.0.0.1.evil.example",
    ):
        reply = client.get("/trial?id=1", headers={"Host": host})
        assert (reply.status_code, "exchanges" in reply.text) == (421, False), host


def test_nobody_else_may_frame_it_or_read_it(client: PlaygroundClient) -> None:
    reply = client.get("/runner.html", headers={"Origin": EVIL})
    policy = reply.headers["content-security-policy"]
    assert f"frame-ancestors {APP}" in policy.split("; ")
    assert "script-src 'self'" in policy.split("; ")
    assert "unsafe" not in policy
    assert not [name for name in reply.headers if name.startswith("access-control-")]


def test_the_page_needs_nothing_from_elsewhere() -> None:
    for file in resources.files("edgecors_local.playground").iterdir():
        if file.name.endswith((".html", ".css", ".js")):
            assert "https://" not in file.read_text(encoding="utf-8"), file.name
