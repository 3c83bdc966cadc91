"""The linter: each of its own codes has a policy that earns it and one, nearly the same, that does not."""

import json
from pathlib import Path
from typing import Any

import pytest
from edgecors.document import load_policy
from edgecors_admin.codes import LINTER_CODES
from edgecors_admin.globs import glob_covers
from edgecors_admin.lint import has_errors, is_clean, lint, lint_list
from edgecors_admin.size import ADVANCED, pack
from edgecors_admin.widening import widened

from tests.cli.conftest import Command


def policy(*rules: dict[str, Any], **fields: Any) -> str:
    return json.dumps({"version": 1, "rules": rules, **fields})


def rule(*origins: str, **fields: Any) -> dict[str, Any]:
    return {"allow_origins": list(origins) or ["https://a.example.com"], **fields}


def findings_of(text: str, lists: dict[str, str | None] | None = None) -> list[tuple[str, str, str]]:
    return [(f.severity, f.code, f.location) for f in lint(text, lists)]


def grants(*items: dict[str, Any]) -> dict[str, Any]:
    return {"grants": list(items)}


A = "https://a.example.com"
ORIGIN = "rules[0].allow_origins[0]"
GRANT = "rules[0].grants[1]"
EVERYONE_IN_GRANT = ("note", "everyone", f"{GRANT}.allow_origins")

TABLE: list[tuple[str, list[tuple[str, str, str]]]] = [
    (policy(rule()), []),
    ("https://a.example.com,https://b.example.com", []),
    # Public suffixes: ICANN's and private ones, over and under the wildcard.
    *(
        (policy(rule(origin, allow_credentials=True)), [("error", "public-suffix", ORIGIN)])
        for origin in (
            "https://*.co.uk",
            "https://*.com",
            "https://*.github.io",
            "https://app-*.vercel.app",
            "https://app-*.vercel.app:*",
            "https://*.kobe.jp",
            "https://*.amazonaws.com",
            "https://*.xn--55qx5d.cn",
            "https://*.github.io.",
        )
    ),
    *(
        (policy(rule(origin, allow_credentials=True)), [])
        for origin in (
            "https://*.example.co.uk",
            "https://*.me.github.io",
            "https://app-*.team.vercel.app",
            "https://*.city.kobe.jp",
            "https://*.localhost",
            "https://x.github.io",
        )
    ),
    (policy(rule("https://*.github.io")), [("warning", "public-suffix", ORIGIN)]),
    (policy(rule("https://*.github.io", allow_credentials=True, tolerate=["public-suffix"])), []),
    (policy(rule("https://*.github.io", allow_credentials=True, tolerate="public-suffix")), []),
    ("https://*.github.io", [("warning", "public-suffix", "entries[0]")]),
    # Rejected for something else: both are said.
    (
        policy(rule("https://*.github.io", allow_credentials=True, max_age=-1)),
        [("error", "out-of-range", "rules[0].max_age"), ("error", "public-suffix", ORIGIN)],
    ),
    (policy(rule("http://a.example.com")), [("warning", "insecure-origin", ORIGIN)]),
    (policy(rule("http://a.example.com", allow_credentials=True)), [("error", "insecure-origin", ORIGIN)]),
    (policy(rule("http://localhost:3000")), []),
    (policy(rule("null")), [("warning", "null-origin", ORIGIN)]),
    (policy({"allow_origins": "*"}), [("note", "everyone", "rules[0].allow_origins")]),
    (policy({"allow_origins": []}), [("warning", "allows-nobody", "rules[0]")]),
    # Rules that never decide.
    (
        policy(rule(paths=["/api/*"]), rule(paths=["/api/v1/*", "/api/?"])),
        [("warning", "shadowed-rule", "rules[1]")],
    ),
    (policy(rule(paths=["/api/*"]), rule(paths=["/api/v1/*", "/other"])), []),
    (policy(rule(hosts=["a.example.com"]), rule()), [("note", "hosts-at-origin-events", "rules[0].hosts")]),
    # What is different in CloudFront Functions.
    (policy(rule(), refresh_seconds=300), [("note", "ignored-by-functions", "refresh_seconds")]),
    (policy(rule(), refresh_seconds=60), []),
    (policy(rule(), mode="shadow"), [("note", "ignored-by-functions", "mode")]),
    (policy(rule(paths=[f"/{number}/*" for number in range(101)])), [("note", "too-large-for-functions", "")]),
    (policy(rule(paths=[f"/{number}/*" for number in range(100)])), []),
    (policy(rule(), rule(paths=["/x"])), [("warning", "shadowed-rule", "rules[1]")]),
    # Entries that another one covers.
    (
        policy(rule("https://a.example.com", "https://*.example.com")),
        [("warning", "covered-entry", ORIGIN)],
    ),
    (policy(rule("https://*.a.example.com", "https://*.example.com")), [("warning", "covered-entry", ORIGIN)]),
    (policy(rule("https://s-1-*.example.com", "https://s-*.example.com")), [("warning", "covered-entry", ORIGIN)]),
    (policy(rule("https://s-*.example.com", "https://*.example.com")), [("warning", "covered-entry", ORIGIN)]),
    (policy(rule("https://a.example.com:8443", "https://a.example.com:*")), [("warning", "covered-entry", ORIGIN)]),
    (policy(rule("https://*.example.com", "https://*.example.com:*")), [("warning", "covered-entry", ORIGIN)]),
    (policy(rule("https://example.com", "https://*.example.com")), []),
    (policy(rule("http://a.localhost", "https://*.localhost")), []),
    (policy(rule("https://a.example.com:*", "https://*.example.com")), []),
    (policy(rule("https://a-*.example.com", "https://b-*.example.com")), []),
    (policy(rule("https://a.b.example.com", "https://a-*.example.com", "https://*.c.example.com")), []),
    (
        policy(rule("https://a.example.com", "https://A.example.com/")),
        [
            ("warning", "duplicate-entry", "rules[0].allow_origins[1]"),
            ("repaired", "repaired-case", "rules[0].allow_origins[1]"),
            ("repaired", "repaired-trailing-slash", "rules[0].allow_origins[1]"),
        ],
    ),
    # Grants.
    (policy(grants({"allow_origins": [A], "allow_credentials": True}, {"allow_origins": "*"})), [EVERYONE_IN_GRANT]),
    (policy(grants({"allow_origins": [A]}, {"allow_origins": ["https://*.example.com"]})), []),
    (
        policy(grants({"allow_origins": [A]}, {"allow_origins": [A, "https://b.example.org"]})),
        [("warning", "origin-in-two-grants", f"{GRANT}.allow_origins[0]")],
    ),
    (
        policy(grants({"allow_origins": ["https://*.example.com"]}, {"allow_origins": [A, "https://b.example.org"]})),
        [("warning", "grants-overlap", f"{GRANT}.allow_origins[0]")],
    ),
    (
        policy(grants({"allow_origins": ["https://*.example.com", "https://b.example.org"]}, {"allow_origins": [A]})),
        [("warning", "grants-overlap", f"{GRANT}.allow_origins[0]"), ("warning", "shadowed-grant", GRANT)],
    ),
    (policy(grants({"allow_origins": [A]}, {"allow_origins": []})), [("warning", "allows-nobody", GRANT)]),
    (
        policy(grants({"allow_origins": ["https://*.github.io"], "allow_credentials": True}, {"allow_origins": "*"})),
        [("error", "public-suffix", "rules[0].grants[0].allow_origins[0]"), EVERYONE_IN_GRANT],
    ),
    # Requests with JSON.
    (policy(rule(allow_headers=["authorization"])), [("warning", "missing-content-type", "rules[0].allow_headers")]),
    (policy(rule(allow_headers=["authorization", "Content-Type"])), []),
    (policy(rule(allow_headers=["authorization"], allow_methods=["GET", "DELETE"])), []),
    (
        policy(rule(allow_headers=[], allow_methods=["PATCH"])),
        [("warning", "missing-content-type", "rules[0].allow_headers")],
    ),
    (
        policy(rule(allow_headers=["x-a"], allow_methods="*")),
        [("warning", "missing-content-type", "rules[0].allow_headers")],
    ),
    (
        policy(grants({"allow_origins": [A]}, {"allow_origins": ["https://b.example.org"], "allow_headers": ["x-a"]})),
        [("warning", "missing-content-type", f"{GRANT}.allow_headers")],
    ),
    # Fields.
    (policy(rule(max_age=7200)), []),
    (policy(rule(max_age=7201)), [("warning", "max-age-over-ceiling", "rules[0].max_age")]),
    (policy(rule(max_age=86401)), [("error", "out-of-range", "rules[0].max_age")]),
    (
        policy(rule(expose_headers=["etag", "Cache-Control"])),
        [("warning", "needless-expose", "rules[0].expose_headers[1]")],
    ),
    (policy(rule(allow_methods=["GET", "patch"])), [("warning", "method-case", "rules[0].allow_methods[1]")]),
    (policy(rule(allow_methods=["GET", "propfind"])), []),
    (policy(rule(tolerate=["public-suffix"])), [("warning", "needless-tolerate", "rules[0].tolerate")]),
    (policy(rule(on_refused="block")), [("note", "block-at-origin-events", "rules[0].on_refused")]),
    (
        policy({"allow_origins": "*", "on_refused": "block"}),
        [("warning", "block-without-effect", "rules[0].on_refused"), ("note", "everyone", "rules[0].allow_origins")],
    ),
    (json.dumps({"rules": [rule()]}), [("note", "missing-version", "version")]),
    ("{", [("error", "invalid-json", "line 1 column 2")]),
    ("gz:!", [("error", "unreadable", "")]),
]


@pytest.mark.parametrize(("text", "expected"), TABLE)
def test_findings(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert findings_of(text) == expected
    assert is_clean(lint(text)) == all(severity in ("repaired", "note") for severity, _, _ in expected)


def test_every_code_is_documented_and_no_other_is_used() -> None:
    import inspect

    from edgecors_admin import lint as module

    source = inspect.getsource(module)
    own = set(LINTER_CODES) - {"not-referenced", "widens-to-everyone"}
    for code in own:
        assert f', "{code}",' in source, code


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://*.github.io", [("error", "public-suffix", "@p[0]")]),
        ("https://b.example.com https://*.b.example.com", []),
        ("https://a.example.com", [("warning", "duplicate-entry", "@p[0]")]),
        (None, [("skipped", "list-missing", "@p")]),
        ("*", [("skipped", "not-in-a-list", "@p[0]")]),
        (",", [("warning", "allows-nobody", "@p")]),
        ("gz:AAAA", [("skipped", "unreadable", "@p")]),
    ],
)
def test_findings_in_a_list_that_a_rule_with_credentials_names(
    value: str | None, expected: list[tuple[str, str, str]]
) -> None:
    text = policy(rule("https://a.example.com", "@p", allow_credentials=True))
    assert [f for f in findings_of(text, {"p": value}) if f[1:] != ("allows-nobody", "@p") or value == ","] == expected


def test_a_list_by_itself() -> None:
    assert [
        (f.severity, f.code, f.location) for f in lint_list("p", "https://*.github.io https://x.github.io nonsense")
    ] == [
        ("skipped", "origin-no-scheme", "@p[2]"),
        ("warning", "public-suffix", "@p[0]"),
        ("warning", "covered-entry", "@p[1]"),
    ]


def test_entry_that_can_not_be_read_has_no_repair() -> None:
    text = "HTTP https://A.example.com HTTPS://a/b"
    expected = [("skipped", "origin-no-scheme", 0), ("skipped", "origin-has-path", 2), ("repaired", "repaired-case", 1)]
    assert [(f.severity, f.code, f.location) for f in lint_list("p", text)] == [
        (severity, code, f"@p[{n}]") for severity, code, n in expected
    ]
    assert findings_of(text) == [(severity, code, f"entries[{n}]") for severity, code, n in expected]
    assert findings_of("@p", {"p": text}) == [(severity, code, f"@p[{n}]") for severity, code, n in expected]
    assert findings_of(policy(rule("HTTP", "https://A.example.com"), version=1)) == [
        ("error", "origin-no-scheme", "rules[0].allow_origins[0]"),
        ("repaired", "repaired-case", "rules[0].allow_origins[1]"),
    ]


def test_sizes() -> None:
    def origins(count: int) -> str:
        return " ".join(f"https://shop-{number:04d}.example.com" for number in range(count))

    assert findings_of(origins(100)) == []
    assert findings_of(origins(125)) == [("note", "large", "")]
    assert findings_of(origins(250)) == [("warning", "nearly-full", "")]
    # Larger than a parameter: what counts is the packed value.
    assert findings_of(origins(400)) == []
    assert findings_of(pack(origins(400))) == []
    noise = " ".join(f"https://{hash_of(number)}.example.com" for number in range(600))
    assert len(pack(noise)) > ADVANCED
    assert findings_of(noise) == [("error", "too-large", "")]


def hash_of(number: int) -> str:
    from hashlib import sha256

    return sha256(str(number).encode()).hexdigest()[:40]


def test_linting_twice_or_reading_it_as_the_service_does_sees_the_same_document() -> None:
    text = policy(rule("https://A.example.com/", "https://*.example.com"), version=1)
    before = load_policy(text)
    lint(text)
    after = load_policy(text)
    assert before.findings == after.findings
    assert list(before.rules[0].grants[0].allow_origins or ()) == list(after.rules[0].grants[0].allow_origins or ())
    assert not has_errors(lint(text))


@pytest.mark.parametrize(
    ("wide", "narrow", "covers"),
    [
        ("*", "/api/*", True),
        ("/api/*", "/api/v1/*", True),
        ("/api/*", "/api/", True),
        ("/api/*", "/api", False),
        ("/api/?", "/api/*", False),
        ("/api/?*", "/api/*", False),
        ("/api/?", "/api/?", True),
        ("/*.js", "/a/*.js", True),
        ("/*.js", "/a/*", False),
        ("/a*b*c", "/aXbYc", True),
        ("/a*b*c", "/a*c", False),
        ("/a", "/a", True),
        ("/a", "/?", False),
    ],
)
def test_covering_globs(wide: str, narrow: str, covers: bool) -> None:
    assert glob_covers(wide, narrow) is covers


EVERYONE = {"allow_origins": "*"}


@pytest.mark.parametrize(
    ("old", "new", "places"),
    [
        (None, "*", [""]),
        ("https://a.example.com", "*", [""]),
        ("*", "*", []),
        ("*", policy({**EVERYONE, "paths": ["/fonts/*"]}), []),
        (policy({**EVERYONE, "paths": ["/fonts/*"]}), policy(EVERYONE), [""]),
        (policy({**EVERYONE, "paths": ["/fonts/*"]}), policy({**EVERYONE, "paths": ["/api/*"]}), ["rules[0]"]),
        # The open rule stayed, but what stood before it and was narrower is gone.
        (policy(rule(paths=["/api/*"]), EVERYONE), policy(EVERYONE), [""]),
        (
            policy(rule(paths=["/api/*"]), EVERYONE),
            policy(rule("https://b.example.com", paths=["/api/*"]), EVERYONE),
            [],
        ),
        (policy(rule(paths=["/api/*"]), {**EVERYONE, "paths": ["/f/*"]}), policy({**EVERYONE, "paths": ["/f/*"]}), []),
        # A rule that never decides opens nothing, and neither does a document that is rejected.
        (policy(rule()), policy(rule(), {**EVERYONE, "paths": ["/x"]}), []),
        (policy(rule()), policy({**EVERYONE, "allow_credentials": True}), []),
        (policy({**EVERYONE, "allow_credentials": True}), policy(EVERYONE), [""]),
        (policy(EVERYONE, mode="shadow"), policy(EVERYONE), [""]),
        (policy(EVERYONE), None, []),
    ],
)
def test_widening(old: str | None, new: str | None, places: list[str]) -> None:
    assert [(f.code, f.location) for f in widened(old, new)] == [("widens-to-everyone", place) for place in places]


NOT_A_LIST = ["Please allow app.example.com, thanks", "(https://a.example.com)", "app.example.com"]


@pytest.mark.parametrize("text", [*NOT_A_LIST, "@bad/name", pack("nonsense")])
def test_lint_plain_list_without_a_readable_entry_is_an_error(text: str) -> None:
    for findings, location in ((lint(text), ""), (lint_list("partners", text), "@partners")):
        assert ("error", "nothing-readable", location) in [(f.severity, f.code, f.location) for f in findings]


@pytest.mark.parametrize("text", ["", ",", " ", "@partners nonsense", f"{A} nonsense", "*", '{"rules": []}', '["x"]'])
def test_lint_value_that_may_be_meant_is_not_unreadable(text: str) -> None:
    assert "nothing-readable" not in [f.code for f in lint(text, {"partners": "nonsense"})]


@pytest.mark.parametrize("text", [NOT_A_LIST[0], NOT_A_LIST[2]])
@pytest.mark.parametrize("kind", ["sites", "lists"])
def test_apply_plain_list_without_a_readable_entry_writes_nothing(
    edgecors: Command, tmp_path: Path, kind: str, text: str
) -> None:
    edgecors.put(f"{kind}/shop", A)
    (tmp_path / kind).mkdir()
    (tmp_path / kind / "shop.txt").write_text(text, encoding="utf-8")
    assert "nothing-readable" in edgecors("lint", str(tmp_path)).out
    assert edgecors("plan", str(tmp_path)).status == 1
    ran = edgecors("apply", str(tmp_path), "--yes")
    assert (ran.status, "Nothing was written" in ran.err) == (1, True), ran
    assert edgecors.value(f"{kind}/shop") == A


SAMPLES = Path(__file__).resolve().parents[1] / "importing" / "samples"


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("sam-template.yaml", "a CloudFormation, SAM or CDK template"),
        ("serverless-wrong-keys.yml", "serverless.yml"),
        ("s3-namespace-and-comments.xml", "S3 CORS rules"),
        ("function-url-get.json", "a Lambda function URL"),
        ("terraform.tf", "Terraform"),
    ],
)
def test_lint_configuration_of_another_system_names_import(edgecors: Command, name: str, title: str) -> None:
    ran = edgecors("lint", str(SAMPLES / name))
    assert ran.status in (1, 2)
    assert f"The file looks like {title}" in ran.err
    assert f"edgecors import {SAMPLES / name}" in ran.err


@pytest.mark.parametrize("text", ['{"allow_origins": ["https://a.example.com"]}', '{"rule": []}', NOT_A_LIST[0]])
def test_lint_policy_with_a_mistake_does_not_name_import(edgecors: Command, tmp_path: Path, text: str) -> None:
    (tmp_path / "shop").write_text(text, encoding="utf-8")
    assert "import" not in edgecors("lint", str(tmp_path / "shop")).err
