"""Everything that can be wrong with a document: severity, code and location, all at once."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest
from edgecors.decision import decide, parse_header_names
from edgecors.document import PolicyError, load_policy
from edgecors.origin import parse_pattern
from edgecors_admin.codes import LIBRARY_CODES
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.oracle import strategies
from tests.unit.cases import (
    APP,
    actual,
    document,
    errors_of,
    found_in,
)


def rule(**fields: Any) -> str:
    return document(fields)


def grants(*grants: dict[str, Any]) -> str:
    return json.dumps({"rules": [{"grants": grants}]})


def packed(data: bytes) -> str:
    return "gz:" + base64.b64encode(gzip.compress(data, mtime=0)).decode()


# A document and its errors as (code, location). `R` is the first rule's location.
R = "rules[0]"
O = f"{R}.allow_origins"  # noqa: E741
ERRORS: dict[str, tuple[str, list[tuple[str, str]]]] = {
    # The document as a whole
    "no JSON": ("{", [("invalid-json", "line 1 column 2")]),
    "no JSON, a comma missing": ('{"rules": [] "version": 1}', [("invalid-json", "line 1 column 14")]),
    "no JSON, something behind": (rule() + "x", [("invalid-json", "line 1 column 74")]),
    "no JSON, no number": ('{"max_age": NaN}', [("invalid-json", "")]),
    "no JSON, infinite": ('{"max_age": -Infinity}', [("invalid-json", "")]),
    "no JSON, a raw control character": ('{"rules": "\n"}', [("invalid-json", "line 1 column 12")]),
    "no JSON, a number too long to read": ('{"max_age": ' + "9" * 5000 + "}", [("invalid-json", "")]),
    "no JSON, endless nesting": ("[" * 200_000, [("invalid-json", "")]),
    "a list": ("[]", [("wrong-type", "")]),
    "YAML": ("version: 1\nrules:\n- allow_origins: [https://a.example]\n", [("yaml-not-json", "")]),
    "YAML with quoted keys": (
        '"version": 1\n"rules":\n- "allow_origins": [https://a.example]\n',
        [("yaml-not-json", "")],
    ),
    "YAML with keys in single quotes": ("'rules':\n- 'allow_origins': []\n", [("yaml-not-json", "")]),
    "YAML in one line": ("{version: 1, rules: [{allow_origins: [https://a.example]}]}", [("yaml-not-json", "")]),
    "YAML in one line, quoted": ('{"version": 1, rules: []}', [("yaml-not-json", "")]),
    "JSON after a comment": ('// the shop\n{"rules": []}', [("invalid-json", "line 1 column 1")]),
    "JSON after a comment of several lines": ('/* the\nshop */ {"rules": []}', [("invalid-json", "line 1 column 1")]),
    "YAML that begins a document": ("---\nrules: []", [("yaml-not-json", "")]),
    "too much JSON": ('{"rules": [' + "1," * 250_001 + "1]}", [("too-large", "")]),
    "too many rules": (json.dumps({"rules": [{"allow_origins": "*"}] * 1001}), [("too-large", "rules")]),
    "too many globs": (rule(paths=[f"/{number}" for number in range(2001)]), [("too-large", "rules[0].paths")]),
    "too many globs in all": (
        json.dumps({"rules": [{"allow_origins": "*", "paths": [f"/{n}" for n in range(1001)]} for _ in range(2)]}),
        [("too-large", "rules")],
    ),
    "a long path": (rule(paths=["/" + "a" * 8192]), [("bad-glob", "rules[0].paths[0]")]),
    "a long host": (rule(hosts=["a" * 8193]), [("bad-glob", "rules[0].hosts[0]")]),
    "too many question marks": (rule(paths=["/" + "?" * 101]), [("too-large", "rules")]),
    "too long globs": (
        rule(hosts=["a" * 1025], paths=["/" + "a" * 1024]),
        [("bad-glob", f"{R}.hosts[0]"), ("bad-glob", f"{R}.paths[0]")],
    ),
    "too many lists": (rule(allow_origins=[f"@{number}" for number in range(101)]), [("too-large", "rules")]),
    "too many origins": (
        rule(allow_origins=[f"https://a{number}.example" for number in range(100_001)]),
        [("too-large", O)],
    ),
    "too many entries": (" ".join(f"https://a{number}.example" for number in range(100_001)), [("too-large", "")]),
    "too many unreadable entries": (" ".join(map(str, range(100_001))), [("too-large", "")]),
    "too much text": (" " * 4_194_305, [("too-large", "")]),
    "too much text when unpacked": (packed(b" " * 4_194_305), [("too-large", "")]),
    "a list of origins as JSON": (json.dumps([APP]), [("wrong-type", "")]),
    "unpacking fails": ("gz:x", [("unreadable", "")]),
    "nothing in it": ("{}", [("missing-field", "rules")]),
    "unknown field": (document({}, rule=[]), [("unknown-field", "rule")]),
    "unknown field that is not a name": (document({}, **{"a b": 1}), [("unknown-field", '"a b"')]),
    "a rule's field at the top": (document({}, allow_credentials=True), [("unknown-field", "allow_credentials")]),
    "field twice": ('{"rules": [], "rules": [{"allow_origins": "*"}]}', [("duplicate-field", "rules")]),
    "field twice beside another": (
        '{"version": 1, "rules": [], "rules": [{"allow_origins": "*"}]}',
        [("duplicate-field", "rules")],
    ),
    "field twice in a rule": (
        '{"rules": [{"allow_origins": [], "allow_origins": "*"}]}',
        [("duplicate-field", f"{R}.allow_origins")],
    ),
    "fields twice in rules and a grant": (
        '{"rules": [{"allow_origins": "*"}, {"debug": true, "debug": true, "debug": true, "grants": '
        '[{"allow_origins": []}, {"allow_origins": "*", "max_age": 1, "max_age": 2}]}]}',
        [("duplicate-field", "rules[1].grants[1].max_age"), ("duplicate-field", "rules[1].debug")],
    ),
    "field twice in an object that is not a rule": (
        '{"rules": [{"allow_origins": "*", "debug": {"a": 1, "a": 2}}]}',
        [("duplicate-field", "a"), ("wrong-type", f"{R}.debug")],
    ),
    "field twice in what is not an object of rules": (
        '[{"a": 1, "a": 2}]',
        [("duplicate-field", "a"), ("wrong-type", "")],
    ),
    "a number that JSON does not have": ('{"version": NaN}', [("invalid-json", "")]),
    "a number of too many digits": ('{"version": ' + "9" * 5000 + "}", [("invalid-json", "")]),
    "version to come": (document({}, version=2), [("unknown-version", "version")]),
    "version as text": (document({}, version="1"), [("unknown-version", "version")]),
    "version true": (document({}, version=True), [("unknown-version", "version")]),
    "version null": (document({}, version=None), [("unknown-version", "version")]),
    "mode": (document({}, mode="Shadow"), [("unknown-value", "mode")]),
    "mode null": (document({}, mode=None), [("unknown-value", "mode")]),
    "refresh, too often": (document({}, refresh_seconds=4), [("out-of-range", "refresh_seconds")]),
    "refresh, too seldom": (document({}, refresh_seconds=3601), [("out-of-range", "refresh_seconds")]),
    "refresh as text": (document({}, refresh_seconds="60"), [("wrong-type", "refresh_seconds")]),
    "refresh, not whole": (document({}, refresh_seconds=60.5), [("wrong-type", "refresh_seconds")]),
    "refresh true": (document({}, refresh_seconds=True), [("wrong-type", "refresh_seconds")]),
    "refresh infinite": (
        '{"refresh_seconds": 1e999, "rules": [{"allow_origins": []}]}',
        [("wrong-type", "refresh_seconds")],
    ),
    "rules, none": ('{"rules": []}', [("empty", "rules")]),
    "rules, an object": ('{"rules": {}}', [("wrong-type", "rules")]),
    "rules null": ('{"rules": null}', [("wrong-type", "rules")]),
    "a rule that is not an object": (
        '{"rules": ["*", null]}',
        [("wrong-type", "rules[0]"), ("wrong-type", "rules[1]")],
    ),
    # Rules
    "no origins": ('{"rules": [{}]}', [("missing-field", O)]),
    "unknown field of a rule": (rule(allow_origin="*"), [("unknown-field", f"{R}.allow_origin")]),
    "camel case": (rule(maxAge=1), [("unknown-field", f"{R}.maxAge")]),
    "hosts, none": (rule(hosts=[]), [("empty", f"{R}.hosts")]),
    "hosts as text": (rule(hosts="a.example"), [("wrong-type", f"{R}.hosts")]),
    "hosts null": (rule(hosts=None), [("wrong-type", f"{R}.hosts")]),
    "hosts with an empty label": (
        rule(hosts=[".example.com", "a..example", ".", "..", "*..example"]),
        [("bad-glob", f"{R}.hosts[{n}]") for n in range(5)],
    ),
    "paths that are URLs": (
        rule(paths=["https://a.example/api/*", "http://a/*"]),
        [("bad-glob", f"{R}.paths[{n}]") for n in range(2)],
    ),
    "hosts, strange": (
        rule(hosts=["", "https://a", "a/b", "a:443", "a b", "a,b", 1, "\u00e4", "u@a", "a~b"]),
        [("wrong-type", f"{R}.hosts[6]"), *(("bad-glob", f"{R}.hosts[{n}]") for n in (0, 1, 2, 3, 4, 5, 7, 8, 9))],
    ),
    "paths, none": (rule(paths=[]), [("empty", f"{R}.paths")]),
    "paths as text": (rule(paths="/api/*"), [("wrong-type", f"{R}.paths")]),
    "paths, strange": (
        rule(paths=["", "/a%2fb", "/a%", "/a\\b", "/a b", "/../a", "/./a", "/%2e%2e/a", "/a\n", "/a/..", "/\x7f"]),
        [("bad-glob", f"{R}.paths[{n}]") for n in range(11)],
    ),
    "paths, everything beside a bad one": (rule(paths=["/*", "/a%"]), [("bad-glob", f"{R}.paths[1]")]),
    "origins as text": (rule(allow_origins=APP), [("wrong-type", O)]),
    "origins as padded star": (rule(allow_origins=" *"), [("wrong-type", O)]),
    "origins null": (rule(allow_origins=None), [("wrong-type", O)]),
    "origins, no text": (
        rule(allow_origins=[1, None, [], {}, True]),
        [("wrong-type", f"{O}[{number}]") for number in range(5)],
    ),
    "star beside others": (rule(allow_origins=["*", APP]), [("wildcard-not-alone", f"{O}[0]")]),
    "padded star beside others": (rule(allow_origins=[APP, " *"]), [("wildcard-not-alone", f"{O}[1]")]),
    "star beside a list": (rule(allow_origins=["@a", "*"]), [("wildcard-not-alone", f"{O}[1]")]),
    "star twice": (
        rule(allow_origins=["*", "*"]),
        [("wildcard-not-alone", f"{O}[0]")],
    ),
    "methods, star beside others": (
        rule(allow_methods=["GET", "*"]),
        [("wildcard-not-alone", f"{R}.allow_methods[1]")],
    ),
    "headers, star beside others": (
        rule(allow_headers=["*", "authorization"]),
        [("wildcard-not-alone", f"{R}.allow_headers[0]")],
    ),
    "expose, star beside others": (
        rule(expose_headers=["etag", "*"]),
        [("wildcard-not-alone", f"{R}.expose_headers[1]")],
    ),
    "list names": (
        rule(allow_origins=["@", "@a b", "@a/b", "@\u00e4"]),
        [("bad-list-name", f"{O}[{number}]") for number in range(4)],
    ),
    "origins, one of each": (
        rule(
            allow_origins=[
                *("https://b\u00fccher.example", "a.example", "file:///", "1a://b", "https://a/b", "https://u@a"),
                *("https://a:0", "https://1.2.3", "https://a.*", "a" * 600 + "://b"),
            ]
        ),
        [
            ("origin-not-ascii", f"{O}[0]"),
            ("origin-no-scheme", f"{O}[1]"),
            ("origin-file-scheme", f"{O}[2]"),
            ("origin-bad-scheme", f"{O}[3]"),
            ("origin-has-path", f"{O}[4]"),
            ("origin-has-userinfo", f"{O}[5]"),
            ("origin-bad-port", f"{O}[6]"),
            ("origin-bad-host", f"{O}[7]"),
            ("origin-bad-wildcard", f"{O}[8]"),
            ("origin-too-long", f"{O}[9]"),
        ],
    ),
    "methods, strange": (
        rule(allow_methods=["", "G T", "GET,PUT", "\u00e4", 1, "connect", "TRACE", "Track"]),
        [
            ("wrong-type", f"{R}.allow_methods[4]"),
            *(("not-a-token", f"{R}.allow_methods[{number}]") for number in range(4)),
            *(("forbidden-method", f"{R}.allow_methods[{number}]") for number in (5, 6, 7)),
        ],
    ),
    "methods as text": (rule(allow_methods="GET"), [("wrong-type", f"{R}.allow_methods")]),
    "headers, strange": (
        rule(
            allow_headers=[
                "",
                "x a",
                "x:",
                "Cookie",
                "host",
                "Sec-X",
            ]
        ),
        [("not-a-token", f"{R}.allow_headers[{number}]") for number in range(3)],
    ),
    "headers as text": (rule(allow_headers="x-a"), [("wrong-type", f"{R}.allow_headers")]),
    "expose, strange": (
        rule(expose_headers=["set-cookie", "Access-Control-Allow-Origin", "x\n"]),
        [("not-a-token", f"{R}.expose_headers[2]")],
    ),
    "switches": (
        rule(allow_credentials="true", allow_private_network=1, timing_allow_origin=None, debug=[]),
        [
            ("wrong-type", f"{R}.allow_credentials"),
            ("wrong-type", f"{R}.allow_private_network"),
            ("wrong-type", f"{R}.timing_allow_origin"),
            ("wrong-type", f"{R}.debug"),
        ],
    ),
    "a wrong type for a switch switches nothing on": (
        rule(allow_origins="*", allow_credentials="true"),
        [("wrong-type", f"{R}.allow_credentials")],
    ),
    "max_age, below": (rule(max_age=-1), [("out-of-range", f"{R}.max_age")]),
    "max_age, above": (rule(max_age=86401), [("out-of-range", f"{R}.max_age")]),
    "max_age as text": (rule(max_age="7200"), [("wrong-type", f"{R}.max_age")]),
    "max_age false": (rule(max_age=False), [("wrong-type", f"{R}.max_age")]),
    "on_refused": (rule(on_refused="deny"), [("unknown-value", f"{R}.on_refused")]),
    "resource policy": (rule(resource_policy=""), [("unknown-value", f"{R}.resource_policy")]),
    "resource policy, a list": (rule(resource_policy=["same-site"]), [("unknown-value", f"{R}.resource_policy")]),
    "tolerate": (
        rule(tolerate=["insecure", "insecure-origin", 1]),
        [("wrong-type", f"{R}.tolerate[2]"), ("unknown-value", f"{R}.tolerate[0]")],
    ),
    "tolerate, one": (rule(tolerate="everything"), [("unknown-value", f"{R}.tolerate")]),
    "tolerate null": (rule(tolerate=None), [("wrong-type", f"{R}.tolerate")]),
    # Safety
    "star with credentials": (
        rule(allow_origins="*", allow_credentials=True),
        [("wildcard-with-credentials", O)],
    ),
    "star in a list with credentials": (
        rule(allow_origins=["*"], allow_credentials=True),
        [("wildcard-with-credentials", O)],
    ),
    "padded star with credentials": (
        rule(allow_origins=["* "], allow_credentials=True),
        [("wildcard-with-credentials", O)],
    ),
    "everything exposed with credentials": (
        rule(expose_headers="*", allow_credentials=True),
        [("expose-wildcard-with-credentials", f"{R}.expose_headers")],
    ),
    "null with credentials": (
        rule(allow_origins=[APP, "null"], allow_credentials=True),
        [("null-with-credentials", f"{O}[1]")],
    ),
    "null with credentials can't be tolerated": (
        rule(allow_origins=["NULL"], allow_credentials=True, tolerate=["insecure-origin", "public-suffix"]),
        [("null-with-credentials", f"{O}[0]")],
    ),
    "http with credentials": (
        rule(
            allow_credentials=True,
            allow_origins=[
                *(
                    "http://a",
                    APP,
                    "http://*.a",
                    "http://a-*.b",
                    "http://localhost",
                    "HTTP://a:80/",
                    "http://[::2]:8080",
                ),
                *("http://a:*", "http://127.0.0.1:3000", "@http"),
            ],
        ),
        [("insecure-origin", f"{O}[{number}]") for number in (0, 2, 3, 5, 6, 7)],
    ),
    "http with credentials, another thing is tolerated": (
        rule(allow_credentials=True, allow_origins=["http://a"], tolerate="public-suffix"),
        [("insecure-origin", f"{O}[0]")],
    ),
    "any extension with credentials": (
        rule(allow_origins=[APP, "moz-extension://*"], allow_credentials=True, tolerate="insecure-origin"),
        [("extension-wildcard-with-credentials", f"{O}[1]")],
    ),
    # Grants
    "grants, none": ('{"rules": [{"grants": []}]}', [("empty", f"{R}.grants")]),
    "grants as text": ('{"rules": [{"grants": "*"}]}', [("wrong-type", f"{R}.grants")]),
    "grants beside fields": (
        rule(grants=[{"allow_origins": "*"}], max_age=5),
        [("grants-beside-fields", f"{R}.allow_origins"), ("grants-beside-fields", f"{R}.max_age")],
    ),
    "grants, a star before the last": (
        grants({"allow_origins": "*"}, {"allow_origins": [APP]}),
        [("wildcard-not-last", f"{R}.grants[0].allow_origins")],
    ),
    "grants, a star with credentials": (
        grants({"allow_origins": [APP]}, {"allow_origins": "*", "allow_credentials": True}),
        [("wildcard-with-credentials", f"{R}.grants[1].allow_origins")],
    ),
    "grants, a field of the rule": (
        grants({"allow_origins": [APP], "debug": True}),
        [("unknown-field", f"{R}.grants[0].debug")],
    ),
    "grants without origins": (grants({}), [("missing-field", f"{R}.grants[0].allow_origins")]),
    "grants, an unsafe origin": (
        grants({"allow_origins": ["http://a"], "allow_credentials": True}, {"allow_origins": ["http://a"]}),
        [("insecure-origin", f"{R}.grants[0].allow_origins[0]")],
    ),
    # All at once
    "all at once": (
        json.dumps(
            {
                "version": 3,
                "mod": "shadow",
                "refresh_seconds": 0,
                "rules": [
                    {"allow_origins": ["https://a/b", "http://c"], "allow_credentials": True, "max_age": "1"},
                    7,
                    {"paths": [], "allow_methods": ["TRACE"], "expose_headers": "*", "allow_credentials": True},
                ],
            }
        ),
        [
            ("unknown-field", "mod"),
            ("unknown-version", "version"),
            ("out-of-range", "refresh_seconds"),
            ("wrong-type", f"{R}.max_age"),
            ("origin-has-path", f"{O}[0]"),
            ("insecure-origin", f"{O}[1]"),
            ("wrong-type", "rules[1]"),
            ("empty", "rules[2].paths"),
            ("forbidden-method", "rules[2].allow_methods[0]"),
            ("missing-field", "rules[2].allow_origins"),
            ("expose-wildcard-with-credentials", "rules[2].expose_headers"),
        ],
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    text, errors = ERRORS[name]
    findings, message = errors_of(text)
    assert sorted(f[1:] for f in findings if f[0] == "error") == sorted(errors)
    assert {severity for severity, _, _ in findings} <= {"error", "repaired", "warning", "skipped"}
    for code, location in errors:
        assert f"({code})" in message
        assert (location or "document") in message


def test_invalid_json_is_reported_with_line_column_and_text() -> None:
    message = errors_of('{"version": 1,\n "rules": [}]}')[1]
    assert message.startswith("line 2 column 12: the document starts like JSON but is not valid JSON: Expecting value")
    assert '"\\"rules\\": [}]}"' in message


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "null"),
        ([], "[]"),
        ([1], "[...]"),
        ({}, "{}"),
        ({"a": 1}, "{...}"),
        ("a" * 78, '"' + "a" * 78 + '"'),
        ("a" * 79, '"' + "a" * 76 + "..."),
    ],
)
def test_a_message_shows_the_value_on_one_line_and_not_endless(value: Any, shown: str) -> None:
    assert errors_of(document({}, mode=value))[1].startswith(
        f"mode: {shown} is not a valid value of mode (unknown-value)"
    )


@pytest.mark.parametrize(
    ("field", "location"),
    [("x" * 80, "x" * 80), ("x" * 81, '"' + "x" * 76 + "..."), ("\u00e4", '"\\u00e4"'), ("1", '"1"'), ("", '""')],
)
def test_a_field_that_is_not_a_plain_name_is_quoted_in_its_place(field: str, location: str) -> None:
    assert errors_of(document({}, **{field: 1}))[0] == [("error", "unknown-field", location)]


# What is reported of policies that serve, as (severity, code).
SERVING: dict[str, tuple[str, dict[str, str | None], list[tuple[str, str]]]] = {
    "list missing": ("@l", {}, [("skipped", "list-missing")]),
    "a header that no page can send": (rule(allow_headers=["cookie"]), {}, [("warning", "forbidden-header")]),
    "many findings": (
        " ".join(map(str, range(102))),
        {},
        [*[("skipped", "origin-no-scheme")] * 100, ("skipped", "more-findings")],
    ),
    "everyone in a list": ("@l", {"l": "*"}, [("skipped", "not-in-a-list")]),
    "blanks": (rule(allow_origins=[" https://a"]), {}, [("repaired", "repaired-blanks")]),
    "case": ("https://A", {}, [("repaired", "repaired-case")]),
    "default port": ("https://a:443", {}, [("repaired", "repaired-default-port")]),
    "trailing slash": ("https://a/", {}, [("repaired", "repaired-trailing-slash")]),
}


@pytest.mark.parametrize("name", SERVING)
def test_load_policy_with_repairs_or_skips_reports_them(name: str) -> None:
    text, lists, findings = SERVING[name]
    assert [entry[:2] for entry in found_in(load_policy(text, lists))] == findings


def test_every_code_has_a_document_that_shows_it() -> None:
    shown = {code for _, errors in ERRORS.values() for code, _ in errors}
    shown |= {code for _, _, findings in SERVING.values() for _, code in findings}
    assert shown == set(LIBRARY_CODES)


REMEDIES = {
    rule(maxage=1): "Did you mean 'max_age'?",
    rule(allow_credential=True): "Did you mean 'allow_credentials'?",
    rule(alow_origins=[]): "Did you mean 'allow_origins'?",
    rule(exposed_headers=[]): "Did you mean 'expose_headers'?",
    document({}, refresh=5): "Did you mean 'refresh_seconds'?",
    document({}, zzz=5): "Valid fields: $schema, version, mode, refresh_seconds, rules.",
    rule(allow_origins=[APP, "*"]): 'Write "allow_origins": "*", or leave "*" out.',
    rule(allow_origins=["http://a"], allow_credentials=True): (
        'Use https, or accept the risk with "tolerate": ["insecure-origin"].'
    ),
    rule(hosts=[".example.com"]): "Write *.example.com for the hosts below example.com.",
    rule(hosts=["b\u00fccher.example"]): "Write an internationalised name in Punycode (xn--...).",
    rule(hosts=["https://a.example"]): "Write a glob with * and ? as wildcards.",
    **{
        rule(**{field: [glob]}): "Write a glob with * and ? as wildcards."
        for field, glob in (
            ("hosts", "a" * 1025),
            ("paths", "a" * 1025),
            ("paths", ""),
            ("paths", "/a%"),
            ("paths", "/a/../b"),
        )
    },
    rule(paths=["https://a.example/x"]): "Write the path alone, such as /api/*, and the host in hosts.",
    rule(max_age=86401): "Write a whole number of seconds from 0 to 86400.",
    rule(on_refused="deny"): "Write one of: omit, block.",
    rule(allow_origins=["https://b\u00fccher.example"]): "Write an internationalised name in Punycode (xn--...).",
}


@pytest.mark.parametrize("text", REMEDIES)
def test_the_remedy_says_what_to_write_instead(text: str) -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy(text)
    (error,) = caught.value.errors
    assert error.remedy == REMEDIES[text]


@pytest.mark.parametrize(
    ("field", "glob", "message"),
    [
        ("hosts", "", '"" has an empty label, which no host has'),
        ("hosts", "\u00e4", '"\\u00e4" is not ASCII'),
        ("hosts", "a:443", '"a:443" is not a host name (without scheme and port)'),
        ("paths", "", '"" is not a path: it is empty, or has a backslash, a blank or a control character'),
        ("paths", "http://a", '"http://a" is a URL, not a path'),
    ],
)
def test_bad_glob_says_what_is_wrong_with_it(field: str, glob: str, message: str) -> None:
    assert errors_of(rule(**{field: [glob]}))[1].startswith(f"{R}.{field}[0]: {message} (bad-glob). Write ")


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_has_a_message_and_a_remedy_in_words(name: str) -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy(ERRORS[name][0])
    for finding in caught.value.findings:
        assert len(finding.message) > 8
        assert finding.remedy[-1] in ".?"
        assert str(finding).isprintable()
        assert len(str(finding)) < 500


TOLERATED: list[dict[str, Any]] = [
    {"allow_origins": ["http://a", "http://*.b"], "tolerate": ["insecure-origin"]},
    {"allow_origins": ["http://a"], "tolerate": "insecure-origin"},
    {"allow_origins": ["https://*.co.uk"], "tolerate": ["public-suffix"]},
    {"allow_origins": ["https://*.github.io"]},  # the data path carries no suffix list
]


@pytest.mark.parametrize("fields", TOLERATED)
def test_what_is_tolerated_is_not_an_error(fields: dict[str, Any]) -> None:
    policy = load_policy(rule(allow_credentials=True, **fields))
    assert set(policy.rules[0].grants[0].allow_origins or ()) == set(fields["allow_origins"])


junk: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["*", "@a", "null", APP]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def spoil(data: dict[str, Any], location: int, value: Any) -> dict[str, Any]:
    """The document with one of its fields, of the site or of its first rule, replaced by something."""
    first = data["rules"][0]
    fields = [(data, name) for name in data] + [(first, name) for name in first]
    holder, name = fields[location % len(fields)]
    changed = dict(holder) | {name: value}
    return changed if holder is data else data | {"rules": [changed, *data["rules"][1:]]}


@settings(max_examples=150, deadline=None)
@given(strategies.documents(), st.integers(0, 30), junk)
def test_corrupted_document_is_read_or_raises_policy_error(data: dict[str, Any], location: int, value: Any) -> None:
    check_reading(json.dumps(spoil(data, location, value)))


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(), st.text().map("{".__add__), st.text().map("gz:".__add__), junk.map(json.dumps)))
def test_any_text_is_read_or_rejected_and_nothing_else(text: str) -> None:
    check_reading(text)


def check_reading(text: str) -> None:
    try:
        findings, rejected = load_policy(text).findings, False
    except PolicyError as error:
        findings, rejected = error.findings, True
    assert any(finding.severity == "error" for finding in findings) == rejected
    for finding in findings:
        assert finding.code in LIBRARY_CODES
        assert finding.message
        assert finding.remedy
        assert str(finding).isprintable()


def test_unknown_fields_beyond_a_hundred_are_counted() -> None:
    findings, _ = errors_of(json.dumps({"rules": [], **{f"a{number}": 1 for number in range(150)}}))
    assert len([entry for entry in findings if entry[1] == "unknown-field"]) == 100
    assert findings[-1][:2] == ("error", "more-findings")


@pytest.mark.parametrize("entry", ["http://a{}", "HTTP://a{}:80/", " http://a{}", "http://*.a{}"])
@pytest.mark.parametrize("where", ["rule", "grant"])
def test_unsafe_origins_beyond_a_hundred_are_counted(entry: str, where: str) -> None:
    """Regression: the hundred and first of them raised StopIteration."""
    unsafe = [entry.format(number) for number in range(103)]
    grant = {"allow_origins": [APP, *unsafe], "allow_credentials": True}
    text = document(grant) if where == "rule" else grants(grant, {"allow_origins": [APP]})
    findings, _ = errors_of(text)
    location = f"{R}.allow_origins" if where == "rule" else f"{R}.grants[0].allow_origins"
    errors = [finding for finding in findings if finding[0] == "error"]
    expected = [("error", "insecure-origin", f"{location}[{number}]") for number in range(1, 101)]
    assert errors == [*expected, ("error", "more-findings", "")]


def test_unsafe_origin_after_an_entry_that_is_not_a_string_is_reported_too() -> None:
    text = document({"allow_origins": [7, "http://a"], "allow_credentials": True})
    location = f"{R}.allow_origins"
    assert errors_of(text)[0] == [
        ("error", "wrong-type", f"{location}[0]"),
        ("error", "insecure-origin", f"{location}[1]"),
    ]


def test_tolerated_origin_beside_an_unsafe_one_is_not_reported() -> None:
    fields = {"allow_origins": ["http://a", "null"], "allow_credentials": True, "tolerate": ["insecure-origin"]}
    assert errors_of(document(fields))[0] == [("error", "null-with-credentials", f"{R}.allow_origins[1]")]


def test_unsafe_origin_listed_twice_is_reported_at_both_places() -> None:
    text = document({"allow_origins": ["http://a", APP, "http://a"], "allow_credentials": True})
    assert errors_of(text)[0] == [
        ("error", "insecure-origin", f"{R}.allow_origins[0]"),
        ("error", "insecure-origin", f"{R}.allow_origins[2]"),
    ]


def codes(document: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        load_policy(document)
    return [error.code for error in caught.value.errors]


@pytest.mark.parametrize("star", [" *", "* ", "\t*", "\u00a0*"])
def test_star_with_blanks_beside_origins_is_an_error(star: str) -> None:
    """It was repaired to `*`, which then stood for the whole list."""
    for origins in ([star, "https://a.example"], ["https://a.example", star], ["@partners", star], [star, star]):
        assert codes(json.dumps({"rules": [{"allow_origins": origins}]})) == ["wildcard-not-alone"]


def test_kelvin_sign_is_not_the_letter_k() -> None:
    """`"\u212a".lower()` is an ASCII k: an invalid token became a valid one."""
    assert parse_header_names("x-\u212aey") is None
    assert codes('{"rules": [{"allow_origins": [], "hosts": ["\u212aiosk.example"]}]}') == ["bad-glob"]
    assert codes('{"rules": [{"allow_origins": [], "allow_headers": ["x-\u212aey"]}]}') == ["not-a-token"]


@pytest.mark.parametrize("depth", [900, 950, *range(970, 1000), 5000])
def test_document_nested_too_deep_is_an_error_of_the_document(depth: int) -> None:
    """Between the decoder's and the encoder's limit the message about the value could not be made."""
    nested = "[" * depth + "]" * depth
    for text in (
        f'{{"rules": {nested}}}',
        f'{{"rules": [{{"allow_origins": [{nested}]}}]}}',
        f'{{"mode": {nested}, "rules": [{{"allow_origins": []}}]}}',
        f'{{"rules": [{{"allow_origins": [], "tolerate": [{nested}]}}]}}',
    ):
        assert set(codes(text)) <= {"invalid-json", "wrong-type", "unknown-value"}


def test_findings_are_short_and_on_one_line_whatever_the_document_has() -> None:
    """Names of fields and methods went into messages and places as they were."""
    long = "x" * 10_000
    document = {
        "rules\n": 1,
        "\ud800": 1,
        "rules": [{"allow_origins": ["@" + "\n" + long], long: 1, "allow_methods": ["TRACE\n", "trace"]}],
    }
    with pytest.raises(PolicyError) as caught:
        load_policy(json.dumps(document))
    texts = [str(finding) for finding in caught.value.findings]
    texts += [str(finding) for finding in load_policy("@" + long + "!").findings]
    texts += [str(finding) for finding in parse_pattern(" A\b" + long)[1]]
    twice = f'{{"{long}": 1, "{long}": 2, "rules": []}}'
    with pytest.raises(PolicyError) as caught:
        load_policy(twice)
    texts += [str(finding) for finding in caught.value.findings]
    assert len(texts) > 8
    assert all(text.isprintable() and len(text) < 800 for text in texts), texts


def test_string_in_place_of_a_list_is_an_error() -> None:
    assert errors_of(document({"allow_origins": APP}))[0] == [("error", "wrong-type", "rules[0].allow_origins")]
    policy = load_policy(APP)
    for part in ("https://app.example.co", "https://app", "https://a", "https://", "h", "", "app.example.com"):
        assert decide(policy, actual(part)).headers == ()
    for field in ("allow_methods", "allow_headers", "expose_headers", "hosts", "paths"):
        assert errors_of(document({field: "GET"}))[0] == [("error", "wrong-type", f"rules[0].{field}")]


def test_invalid_document_is_rejected_as_a_whole() -> None:
    good = document({})
    for end in range(1, len(good)):
        with pytest.raises(PolicyError):
            load_policy(good[:end])
    assert json.loads(good)["rules"]
