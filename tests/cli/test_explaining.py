"""`explain` says what the decision says, points at what made it, and lets the browser judge."""

import json
from typing import Any

import pytest
from edgecors_admin.explain import Asked, explain_request

from tests.cli.conftest import Command

A = "https://a.example.com"


def explained(
    rules: list[dict[str, Any]], asked: Asked, lists: dict[str, str | None] | None = None, **site: Any
) -> Any:
    return explain_request(json.dumps({"rules": rules, **site}), lists or {}, asked)


def test_explain_reports_rule_entry_and_location() -> None:
    rules: list[dict[str, Any]] = [
        {"paths": ["/x"], "allow_origins": []},
        {"allow_origins": ["https://b.example.com", "@one", "@two"], "allow_credentials": True},
    ]
    lists: dict[str, str | None] = {"one": "nonsense https://c.example.com", "two": "https://*.EXAMPLE.com"}
    explanation = explained(rules, Asked(A, "PUT", [("x-a", None)]), lists)
    assert (explanation.actual.rule, explanation.actual.entry, explanation.actual.entry_location) == (
        1,
        "https://*.example.com",
        "@two[0]",
    )
    assert explanation.preflight.status == 204
    assert explanation.preflight.headers == (
        ("Access-Control-Allow-Origin", A),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE"),
        ("Access-Control-Allow-Headers", "x-a"),
        ("Access-Control-Max-Age", "7200"),
        ("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"),
    )
    assert explanation.verdict_with_credentials.ok


@pytest.mark.parametrize(
    ("rule", "site", "asked", "reason", "why"),
    [
        ({"allow_origins": []}, {}, Asked(A), "origin-not-allowed", "no Access-Control-Allow-Origin"),
        ({"allow_origins": [A]}, {}, Asked(A + "/"), "origin-malformed", "no Access-Control-Allow-Origin"),
        ({"allow_origins": [A], "paths": ["/x"]}, {}, Asked(A), "not-managed", "the upstream's headers decide"),
        ({"allow_origins": [A]}, {"mode": "shadow"}, Asked(A), "allowed", "the upstream's headers decide"),
        ({"allow_origins": [A]}, {}, Asked(A, "TRACE"), "allowed", "no page can send TRACE"),
        ({"allow_origins": [A], "allow_methods": ["PATCH"]}, {}, Asked(A, "patch"), "allowed", "no Access-Control"),
        (
            {"allow_origins": [A], "allow_headers": []},
            {},
            Asked(A, "GET", [("x-a", None)]),
            "allowed",
            "no Access-Control",
        ),
    ],
)
def test_why_a_page_can_not_read_it(
    rule: dict[str, Any], site: dict[str, Any], asked: Asked, reason: str, why: str
) -> None:
    explanation = explained([rule], asked, **site)
    assert explanation.actual.reason == reason
    assert not explanation.verdict_without_credentials.ok
    assert why in explanation.verdict_without_credentials.why


AMBIGUOUS: list[dict[str, Any]] = [
    {"paths": ["/fonts/*"], "allow_origins": "*"},
    {"paths": ["/api/*"], "allow_origins": [A]},
    {"hosts": ["h.example"], "paths": ["/h/*"], "allow_origins": [A]},
]


@pytest.mark.parametrize(
    ("path", "host", "candidates", "sentence"),
    [
        ("/fonts/..;/api/x", "x", [0, 1], "The path can be read in several ways: rules 0 and 1 may decide."),
        ("/fonts%2fx", "x", [None, 0], "The path can be read in several ways: rule 0, or none, may decide."),
        ("/h/x", None, [2, None], "The host is not known: rule 2, or none, may decide."),
        (
            "/h/..;/api/x",
            None,
            [2, None, 1],
            "The path can be read in several ways and the host is not known: rules 2 and 1, or none, may decide.",
        ),
        ("/h/x", "h.example", [], ""),
        ("/fonts/a;v=1", None, [], ""),
    ],
)
def test_ambiguous_resource_has_the_rules_that_may_decide(
    path: str, host: str | None, candidates: list[int | None], sentence: str
) -> None:
    explanation = explained(AMBIGUOUS, Asked(A, "PUT", [("x-a", None)], path, host))
    assert (explanation.as_dict()["candidates"], explanation.ambiguity) == (candidates, sentence)
    reasons = {explanation.actual.reason, explanation.preflight.reason}
    assert ("resource-ambiguous" in reasons) is bool(candidates)


def test_explain_command_says_which_rules_may_decide(edgecors: Command) -> None:
    edgecors.put("sites/shop", json.dumps({"rules": AMBIGUOUS}))
    arguments = ("explain", "shop", "--origin", A, "--path", "/fonts/..;/api/x", "--host", "x")
    assert "The path can be read in several ways: rules 0 and 1 may decide.\n" in edgecors(*arguments).out
    assert edgecors.json(*arguments)["candidates"] == [0, 1]


@pytest.mark.parametrize(("method", "word"), [("GET", "the upstream decides"), ("TRACE", "the browser refuses")])
def test_explain_command_leaves_an_unmanaged_path_to_the_upstream(edgecors: Command, method: str, word: str) -> None:
    edgecors.put("sites/shop", json.dumps({"rules": [{"allow_origins": [A], "paths": ["/x"]}]}))
    result = edgecors("explain", "shop", "--origin", A, "--method", method, "--path", "/y")
    assert f"without credentials: {word}: " in result.out


def test_a_rejected_policy() -> None:
    explanation = explain_request('{"rules": []}', {}, Asked(A, "PUT"))
    assert [f.code for f in explanation.rejected] == ["empty"]
    assert explanation.preflight is not None
    assert (explanation.preflight.reason, explanation.preflight.status) == ("policy-unavailable", 503)


def test_what_is_different_in_cloudfront_functions() -> None:
    paths = [f"/{number}/*" for number in range(101)]
    (finding,) = explained([{"allow_origins": [A], "paths": paths}], Asked(A)).functions
    assert (finding.severity, finding.code) == ("note", "too-large-for-functions")
    assert "101 hosts and paths" in finding.message
    assert "EdgeSetup=viewer" in finding.remedy
    assert explained([{"allow_origins": [A]}], Asked(A)).functions == ()
    assert [f.location for f in explained([{"allow_origins": [A]}], Asked(A), mode="shadow").functions] == ["mode"]
