"""The harness of ambiguous resources, in its short form, and what it has shown."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from edgecors import decision
from edgecors.decision import Request, decide
from edgecors.document import load_policy
from edgecors.paths import readings

from harness import paths

APP, FONTS = paths.ORIGINS[:2]


def test_no_grant_that_a_reading_would_refuse() -> None:
    summary = paths.run(20261125, 5000, 300)
    assert summary.failures == []
    assert summary.counts["cases"] == 5000
    # Cases that are all refused, or all plain, would prove nothing.
    assert summary.counts["grants"] > 1000
    assert summary.counts["several_resources"] > 1500
    assert summary.counts["ambiguous"] > 300


def test_the_harness_notices_an_engine_that_reads_paths_in_one_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def only_the_first(path: str) -> Iterable[str] | None:
        texts = readings(path)
        return texts and texts[:1]

    monkeypatch.setattr(decision, "readings", only_the_first)
    failures = "\n".join(paths.run(20261125, 2000, 300).failures)
    assert "granted otherwise than by the rule of the resource" in failures
    assert "not managed" in failures
    assert "passed on instead of blocked" in failures


def test_the_harness_notices_an_engine_that_refuses_every_odd_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision, "readings", lambda path: (path,) if path.isalnum() else None)
    assert "instead of" in "\n".join(paths.run(20261125, 2000, 300).failures)


@pytest.mark.parametrize(
    ("path", "server", "seen"),
    [
        # Python's http.server merges leading slashes alone.
        ("//api//me", "wsgi", "/api//me"),
        # Tomcat leaves no slash where a dot segment ended the path.
        ("/api/me/x/..;", "tomcat", "/api/me"),
        # Jetty decodes %uXXXX.
        ("/api%u002fme", "jetty", "/api/me"),
        # A byte that is not UTF-8 makes the whole path Latin-1 for Jetty, a replacement character for Werkzeug.
        ("/b%C3%BCro/%FF", "jetty", "/b\u00c3\u00bcro/\u00ff"),
        ("/a%E2%82b", "flask", "/a\ufffdb"),
        # A bad escape that a decoded digit would complete.
        ("/api%%32Fme", "wsgi", "/api%252Fme"),
    ],
)
def test_the_reading_of_a_server_is_among_those_of_the_library(path: str, server: str, seen: str) -> None:
    assert dict(paths.resources(path))[server] == seen
    assert seen in (readings(path) or ())


@pytest.mark.parametrize(
    "path", ["/fonts/..;/api/me", "/api;x/me", "//api/me", "/x//../api/me", "/api%2Fme", "/fonts/%2e%2e%2Fapi/me"]
)
def test_a_page_trusted_for_fonts_gets_no_grant_for_what_may_be_the_api(path: str) -> None:
    rules = [
        {"paths": ["/api/*"], "allow_origins": [APP], "allow_credentials": True},
        {"allow_origins": [FONTS], "allow_credentials": True},
    ]
    policy = load_policy(json.dumps({"rules": rules}), {})
    decided = decide(policy, Request("GET", path, host="cdn.example.com", origin=FONTS))
    assert (decided.reason, decided.managed, decided.headers) == ("resource-ambiguous", True, ())


def test_globs_match_as_behaviors_of_cloudfront_do() -> None:
    for glob, text in (("/a/*", "/a/"), ("/a/*", "/a/b/c"), ("*.css", "/x.css"), ("/a?c", "/a/c"), ("/*a*a", "/aa")):
        assert paths.matches(glob, text), (glob, text)
    for glob, text in (("/a/*", "/a"), ("/a?c", "/ac"), ("/*a*a", "/a"), ("/a", "/ab"), ("/A", "/a")):
        assert not paths.matches(glob, text), (glob, text)
