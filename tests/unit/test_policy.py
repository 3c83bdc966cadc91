"""Reading policies: every field and its default, the forms a value can have, lists, repairs and skipped entries."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest
from edgecors.allowlist import Allowlist, is_name, read_list, split_entries
from edgecors.characters import is_token
from edgecors.decision import Request, decide
from edgecors.document import PolicyError, load_policy, read_document
from edgecors.packing import unpack
from edgecors.policy import Grant, Policy, Rule
from hypothesis import given, settings

from harness.oracle import strategies
from tests.unit.cases import APP, document, errors_of, found_in, policy


def only_rule(compiled: Policy) -> Rule:
    (rule,) = compiled.rules
    return rule


def only_grant(compiled: Policy) -> Grant:
    (grant,) = only_rule(compiled).grants
    return grant


def entries(compiled: Policy) -> list[str] | None:
    origins = only_grant(compiled).allow_origins
    return None if origins is None else list(origins)


def packed(text: str) -> str:
    return "gz:" + base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def test_the_defaults() -> None:
    compiled = policy()
    rule = only_rule(compiled)
    assert (compiled.shadow, compiled.refresh_seconds, compiled.blocks, compiled.findings) == (False, 60, False, ())
    assert (rule.hosts, rule.paths) == (None, None)
    assert entries(compiled) == [APP]
    grant = only_grant(compiled)
    assert (grant.allow_methods, grant.allow_methods_value) == (
        frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}),
        "GET, HEAD, POST, PUT, PATCH, DELETE",
    )
    assert (grant.allow_headers, grant.allow_headers_value, grant.expose_headers) == (None, "*, authorization", "")
    assert (grant.allow_credentials, grant.max_age, grant.allow_private_network) == (False, 7200, False)
    assert (grant.timing_allow_origin, grant.index) == (False, 0)
    assert (rule.on_refused, rule.blocks, rule.resource_policy, rule.debug, rule.index) == ("omit", False, "", False, 0)


def test_a_plain_list_is_one_rule_with_the_defaults() -> None:
    for plain, written, skipped in (
        (only_rule(load_policy(APP)), only_rule(policy()), "grants"),
        (only_grant(load_policy(APP)), only_grant(policy()), "allow_origins"),
    ):
        for name in type(plain).__slots__:
            if name != skipped:
                assert getattr(plain, name) == getattr(written, name), name
    assert entries(load_policy(APP)) == entries(policy())


FIELDS: dict[str, tuple[dict[str, Any], str, Any]] = {
    "methods, HEAD comes with GET": ({"allow_methods": ["PUT", "GET"]}, "allow_methods_value", "PUT, GET, HEAD"),
    "methods, HEAD only once": ({"allow_methods": ["GET", "HEAD"]}, "allow_methods_value", "GET, HEAD"),
    "methods, HEAD right behind GET": ({"allow_methods": ["GET", "PUT"]}, "allow_methods_value", "GET, HEAD, PUT"),
    "methods, HEAD where it was named": (
        {"allow_methods": ["GET", "PUT", "HEAD"]},
        "allow_methods_value",
        "GET, PUT, HEAD",
    ),
    "methods without GET": ({"allow_methods": ["PUT", "purge"]}, "allow_methods", {"PUT", "purge"}),
    "methods in other case are others": ({"allow_methods": ["get"]}, "allow_methods", {"get"}),
    "methods, none": ({"allow_methods": []}, "allow_methods", frozenset()),
    "methods, any": ({"allow_methods": "*"}, "allow_methods", None),
    "methods, any, in a list": ({"allow_methods": ["*"]}, "allow_methods_value", "*"),
    "headers": ({"allow_headers": ["X-B", "x-a", "x-b"]}, "allow_headers_value", "x-b, x-a"),
    "headers, none": ({"allow_headers": []}, "allow_headers", frozenset()),
    "headers, any": ({"allow_headers": ["*"]}, "allow_headers", None),
    "expose": ({"expose_headers": ["ETag", "x-a"]}, "expose_headers", "etag, x-a"),
    "expose, any": ({"expose_headers": "*"}, "expose_headers", "*"),
    "expose, none": ({"expose_headers": []}, "expose_headers", ""),
    "expose, what only begins alike": (
        {"expose_headers": ["access-controlled", "set-cookies"]},
        "expose_headers",
        "access-controlled, set-cookies",
    ),
    "credentials": ({"allow_credentials": True}, "allow_credentials", True),
    "max_age": ({"max_age": 600}, "max_age", 600),
    "max_age, none at all": ({"max_age": 0}, "max_age", 0),
    "max_age, most": ({"max_age": 86400}, "max_age", 86400),
    "max_age as JSON's other spelling of a whole number": ({"max_age": 600.0}, "max_age", 600),
    "private network": ({"allow_private_network": True}, "allow_private_network", True),
    "block": ({"on_refused": "block"}, "blocks", True),
    "omit": ({"on_refused": "omit"}, "blocks", False),
    "block where nobody is refused": ({"on_refused": "block", "allow_origins": "*"}, "blocks", False),
    "timing": ({"timing_allow_origin": True}, "timing_allow_origin", True),
    "resource policy": ({"resource_policy": "same-site"}, "resource_policy", "same-site"),
    "debug": ({"debug": True}, "debug", True),
    "any origin": ({"allow_origins": "*"}, "allow_origins", None),
    "any origin, in a list": ({"allow_origins": ["*"]}, "allow_origins", None),
    "hosts, all": ({"hosts": ["a.example", "*"]}, "hosts", None),
    "paths, all": ({"paths": ["/*"]}, "paths", None),
    "paths, all, the other way": ({"paths": ["*"]}, "paths", None),
}


@pytest.mark.parametrize("name", FIELDS)
def test_fields(name: str) -> None:
    fields, attribute, value = FIELDS[name]
    compiled = policy(**fields)
    holder = only_rule(compiled) if attribute in Rule.__slots__ else only_grant(compiled)
    assert getattr(holder, attribute) == value


def test_the_site_s_fields() -> None:
    compiled = load_policy(document({}, {}, mode="shadow", refresh_seconds=5))
    assert (compiled.shadow, compiled.refresh_seconds, [rule.index for rule in compiled.rules]) == (True, 5, [0, 1])
    assert load_policy(document({}, mode="enforce", refresh_seconds=3600)).refresh_seconds == 3600
    assert load_policy(document({}, {"on_refused": "block"})).blocks


def test_the_version_may_be_left_out() -> None:
    assert len(load_policy('{"rules": [{"allow_origins": "*"}]}').rules) == 1


@pytest.mark.parametrize("version", ["1", "1.0", "1e0", "10e-1"])
def test_the_version_is_compared_as_a_number(version: str) -> None:
    assert len(load_policy(f'{{"version": {version}, "rules": [{{"allow_origins": "*"}}]}}').rules) == 1


@pytest.mark.parametrize("path", ["/https://a.example/*", "/x/http://a", "*://a", "https:/a", "http:/a"])
def test_path_glob_that_has_a_url_in_it_is_accepted(path: str) -> None:
    assert load_policy(document({"paths": [path]})).rules[0].paths is not None


MATCHING: list[tuple[dict[str, Any], str | None, str, bool | None]] = [
    ({}, None, "/", True),
    ({"hosts": ["*"]}, None, "/", True),
    ({"hosts": ["a.example"]}, None, "/", None),
    ({"hosts": ["a.example"]}, "a.example", "/", True),
    ({"hosts": ["A.Example."]}, "a.example", "/", True),
    ({"hosts": ["a.example"]}, "b.a.example", "/", False),
    ({"hosts": ["a.example"]}, "axexample", "/", False),
    ({"hosts": ["*.a.example"]}, "b.c.a.example", "/", True),
    ({"hosts": ["*.a.example"]}, "a.example", "/", False),
    ({"hosts": ["?.a"]}, "b.a", "/", True),
    ({"hosts": ["[::1]"]}, "[::1]", "/", True),
    ({"hosts": ["[::1]"]}, "::1", "/", False),
    ({"hosts": ["a"]}, "a:b", "/", False),
    ({"hosts": ["a", "b"]}, "b", "/", True),
    ({"paths": ["/api/*"]}, None, "/api/x", True),
    ({"paths": ["api/*"]}, None, "/api/x", True),
    ({"paths": ["/%61pi/%7e"]}, None, "/api/~", True),
    ({"paths": ["/%c3%a4"]}, None, "/\u00e4", True),
    ({"paths": ["/a%20b"]}, None, "/a b", True),
    ({"paths": ["/api/*"]}, None, "/Api/x", False),
    ({"paths": ["*.js", "/b"]}, None, "/b", True),
    ({"hosts": ["a"], "paths": ["/x"]}, "a", "/x", True),
    ({"hosts": ["a"], "paths": ["/x"]}, "a", "/y", False),
    ({"hosts": ["a"], "paths": ["/x"]}, "b", "/x", False),
]


@pytest.mark.parametrize(("fields", "host", "path", "matches"), MATCHING)
def test_hosts_and_paths(fields: dict[str, Any], host: str | None, path: str, matches: bool | None) -> None:
    assert only_rule(policy(**fields)).matches(host, path) is matches


# The forms of a value


@pytest.mark.parametrize(
    "text",
    [
        *(
            "https://a.example,https://b.example",
            "https://a.example https://b.example",
            "https://b.example\nhttps://a.example\n",
        ),
        *(" https://a.example ,\t https://b.example, ", ",,https://a.example,,,https://b.example,https://a.example"),
        "\r\nhttps://a.example\r\nhttps://b.example\r\n",
    ],
)
def test_a_plain_list_is_separated_by_commas_and_white_space(text: str) -> None:
    compiled = load_policy(text)
    assert entries(compiled) == ["https://a.example", "https://b.example"]
    assert compiled.findings == ()
    assert len(list(split_entries(text))) >= 2


@pytest.mark.parametrize("text", ["", " ", ",", "\n,\n", "gz:" + packed(" ").removeprefix("gz:")])
def test_an_empty_list_allows_nobody(text: str) -> None:
    compiled = load_policy(text)
    assert (entries(compiled), compiled.findings) == ([], ())


@pytest.mark.parametrize("text", ["*", " * ", "*,", "*\n", "* *", "*,*"])
def test_a_plain_star_allows_everybody(text: str) -> None:
    compiled = load_policy(text)
    assert (entries(compiled), compiled.findings) == (None, ())


PLAIN: dict[str, tuple[list[str], list[tuple[str, str, str]]]] = {
    "HTTPS://A.example/ https://b.example:443": (
        ["https://a.example", "https://b.example"],
        [
            ("repaired", "repaired-case", "entries[0]"),
            ("repaired", "repaired-trailing-slash", "entries[0]"),
            ("repaired", "repaired-default-port", "entries[1]"),
        ],
    ),
    "a.example,https://b.example,https://c/d": (
        ["https://b.example"],
        [("skipped", "origin-no-scheme", "entries[0]"), ("skipped", "origin-has-path", "entries[2]")],
    ),
    "HTTPS://a.example/x https://b.example": (
        ["https://b.example"],
        [("repaired", "repaired-case", "entries[0]"), ("skipped", "origin-has-path", "entries[0]")],
    ),
    "*,https://a.example": (["https://a.example"], [("skipped", "wildcard-not-alone", "entries")]),
    "@ https://a.example": (["https://a.example"], [("skipped", "bad-list-name", "entries[0]")]),
    "@a/b https://a.example": (["https://a.example"], [("skipped", "bad-list-name", "entries[0]")]),
    "null,http://a.example": (["http://a.example", "null"], []),
    "https://*.a.example https://b-*.a.example https://c:*": (
        ["https://*.a.example", "https://b-*.a.example", "https://c:*"],
        [],
    ),
    '"https://a.example"': ([], [("skipped", "origin-bad-scheme", "entries[0]")]),
}


@pytest.mark.parametrize("text", PLAIN)
def test_in_a_plain_list_what_can_not_be_read_is_skipped_and_reported(text: str) -> None:
    compiled = load_policy(text)
    assert (entries(compiled), found_in(compiled)) == PLAIN[text]
    for finding in compiled.findings:
        assert finding.remedy
        if finding.severity == "skipped":
            assert finding.message.endswith("; the entry is skipped")


@pytest.mark.parametrize(
    "text", [APP, document({}), document({}, mode="shadow"), " " + document({}), f"{APP},https://b"]
)
def test_a_packed_value_is_the_value(text: str) -> None:
    plain, compiled = load_policy(text), load_policy(packed(text))
    assert (entries(compiled), compiled.shadow) == (entries(plain), plain.shadow)
    assert unpack(packed(text)) == text
    assert unpack(packed(text) + "\n") == text
    assert unpack("gz:" + base64.encodebytes(gzip.compress(text.encode() * 9)).decode()) == text * 9
    assert unpack(text) == text


BASE = base64.b64encode(gzip.compress(b"https://a.example")).decode()
NOT_PACKED = {
    "nothing": "",
    "no base64": "https://a.example",
    "not ASCII": "\u00e4",
    "no gzip": base64.b64encode(b"https://a.example").decode(),
    "no padding": BASE.rstrip("="),
    "base64 that is cut": BASE[:-8],
    "gzip that is cut": base64.b64encode(gzip.compress(b"https://a.example" * 50)[:-9]).decode(),
    "something behind": base64.b64encode(gzip.compress(b"a") + b"x").decode(),
    "two members": base64.b64encode(gzip.compress(b"a") * 2).decode(),
    "a wrong checksum": base64.b64encode(gzip.compress(b"a" * 20)[:-8] + b"\0" * 8).decode(),
    "no UTF-8": base64.b64encode(gzip.compress(b"\xff\xfe")).decode(),
}


@pytest.mark.parametrize("name", NOT_PACKED)
def test_what_can_not_be_unpacked_rejects_a_document_and_empties_a_list(name: str) -> None:
    value = "gz:" + NOT_PACKED[name]
    assert errors_of(value)[0] == [("error", "unreadable", "")]
    compiled = load_policy(f"{APP},@bad,@good", {"bad": value, "good": "https://b.example"})
    assert entries(compiled) == [APP, "https://b.example"]
    assert found_in(compiled) == [("skipped", "unreadable", "@bad")]


# Lists


def test_a_document_tells_which_lists_it_needs_each_once_in_order() -> None:
    text = document({"allow_origins": ["@b", APP, "@a"]}, {"allow_origins": ["@a", "@c"]}, {"allow_origins": "*"})
    assert read_document(text).lists == ("b", "a", "c")
    assert read_document("@x,https://a.example,@y @x").lists == ("x", "y")
    assert read_document(APP).lists == ()


def test_lists_are_filled_in_where_they_are_named() -> None:
    text = document({"allow_origins": ["@a", APP]}, {"allow_origins": ["@b"]})
    compiled = load_policy(
        text, {"a": "https://a.example,https://*.a.example", "b": packed("https://b.example"), "c": "null"}
    )
    assert [list(rule.grants[0].allow_origins or ()) for rule in compiled.rules] == [
        ["https://*.a.example", "https://a.example", APP],
        ["https://b.example"],
    ]
    assert compiled.findings == ()


def test_one_document_compiles_with_several_states_of_its_lists() -> None:
    read = read_document("https://a.example,@l")
    for origin in ("https://b.example", "https://c.example"):
        assert entries(read.compile({"l": read_list("l", origin)})) == ["https://a.example", origin]
    assert entries(read.compile({})) == ["https://a.example"]


LISTS: dict[str, tuple[str | None, list[str], list[tuple[str, str, str]]]] = {
    "there is none": (None, [], [("skipped", "list-missing", "@l")]),
    "it is empty": (" ", [], []),
    "it says everyone": ("*", [], [("skipped", "not-in-a-list", "@l[0]")]),
    "it says everyone beside others": ("https://a *", ["https://a"], [("skipped", "not-in-a-list", "@l[1]")]),
    "it names a list": ("@m,https://a", ["https://a"], [("skipped", "not-in-a-list", "@l[0]")]),
    "it is not a list": (
        '{"rules": []}',
        [],
        [("skipped", "origin-no-scheme", "@l[0]"), ("skipped", "origin-no-scheme", "@l[1]")],
    ),
    "an entry can't be read": (
        "https://a/b,https://c,x",
        ["https://c"],
        [("skipped", "origin-has-path", "@l[0]"), ("skipped", "origin-no-scheme", "@l[2]")],
    ),
    "an entry is repaired": ("https://A", ["https://a"], [("repaired", "repaired-case", "@l[0]")]),
    "without credentials nothing is unsafe": ("null,http://a", ["http://a", "null"], []),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_never_rejects_the_policy(name: str) -> None:
    value, allowed, findings = LISTS[name]
    compiled = policy({"l": value}, allow_origins=["@l"])
    assert (entries(compiled), found_in(compiled)) == (allowed, findings)


UNSAFE = (
    "null http://a http://*.b http://c-*.b:* http://d:* http://localhost http://*.localhost:* http://[::2]:8080 "
    "https://e capacitor://localhost http://127.0.0.1"
)
SAFE = ["capacitor://localhost", "http://127.0.0.1", "http://localhost", "https://e", "http://*.localhost:*"]


def test_a_rule_with_credentials_leaves_out_what_is_unsafe_in_a_list() -> None:
    compiled = policy({"l": UNSAFE}, allow_origins=["@l"], allow_credentials=True)
    assert entries(compiled) == sorted(SAFE)
    insecure = ("skipped", "insecure-origin", "rules[0] @l")
    assert sorted(found_in(compiled)) == [insecure] * 5 + [("skipped", "null-with-credentials", "rules[0] @l")]


def test_the_same_list_serves_a_rule_without_credentials_in_full() -> None:
    text = document({"allow_origins": ["@l"], "allow_credentials": True}, {"allow_origins": ["@l"]})
    first, second = load_policy(text, {"l": UNSAFE}).rules
    assert list(first.grants[0].allow_origins or ()) == sorted(SAFE)
    assert set(second.grants[0].allow_origins or ()) == set(UNSAFE.split())


def test_what_is_tolerated_is_taken_over_but_null_never() -> None:
    for tolerated in (["insecure-origin"], "insecure-origin", ["insecure-origin", "public-suffix"]):
        compiled = policy({"l": UNSAFE}, allow_origins=["@l"], allow_credentials=True, tolerate=tolerated)
        assert set(entries(compiled) or ()) == set(UNSAFE.split()) - {"null"}
        assert found_in(compiled) == [("skipped", "null-with-credentials", "rules[0] @l")]
    other = policy({"l": UNSAFE}, allow_origins=["@l"], allow_credentials=True, tolerate=["public-suffix"])
    assert entries(other) == sorted(SAFE)


def test_an_unsafe_entry_of_a_list_does_not_take_the_rule_s_own_away() -> None:
    fields = {"allow_origins": ["http://localhost:3000", "@l"], "allow_credentials": True}
    compiled = policy({"l": "http://a http://localhost:3000"}, **fields)
    assert entries(compiled) == ["http://localhost:3000"]


def test_repairs_of_a_json_document_serve_and_are_reported() -> None:
    compiled = policy(allow_origins=["https://A.example", "HTTPS://*.b.example:443/", " null"])
    assert entries(compiled) == ["https://*.b.example", "https://a.example", "null"]
    assert found_in(compiled) == [
        ("repaired", "repaired-case", "rules[0].allow_origins[0]"),
        ("repaired", "repaired-case", "rules[0].allow_origins[1]"),
        ("repaired", "repaired-trailing-slash", "rules[0].allow_origins[1]"),
        ("repaired", "repaired-default-port", "rules[0].allow_origins[1]"),
        ("repaired", "repaired-blanks", "rules[0].allow_origins[2]"),
    ]


def test_a_star_with_blanks_is_everyone_where_it_is_alone() -> None:
    compiled = policy(allow_origins=[" * "])
    assert (entries(compiled), found_in(compiled)) == (
        None,
        [("repaired", "repaired-blanks", "rules[0].allow_origins[0]")],
    )


def test_a_hundred_thousand_origins_and_ten_thousand_patterns_are_read() -> None:
    exact = [f"https://shop{number}.example" for number in range(90_000)]
    wild = [f"https://*.p{number}.example" for number in range(10_000)]
    compiled = load_policy(packed(json.dumps({"rules": [{"allow_origins": exact + wild, "allow_credentials": True}]})))
    origins = only_grant(compiled).allow_origins
    assert origins is not None
    assert len(origins) == 100_000
    assert origins.match("https://shop89999.example") == "https://shop89999.example"
    assert origins.match("https://a.b.p9999.example") == "https://*.p9999.example"


def test_globs_of_paths_stay_as_written_but_for_the_leading_slash() -> None:
    paths = only_rule(policy(paths=["*.css", "/!", "fonts/*"])).paths
    assert paths is not None
    assert paths.texts == ("*.css", "/!", "/fonts/*")


def test_is_known_for_a_canonical_entry_adds_it_and_for_any_other_adds_nothing() -> None:
    allowlist = Allowlist()
    for canonical in (APP, "https://*.a.example:8443", "https://a-*.b.example"):
        assert allowlist.is_known(canonical)
    for other in ("https://A.example", "https://*.a.example:*", "null", "*", "@team", "x", "", "https://a-*.1"):
        assert not allowlist.is_known(other)
    assert list(allowlist.index) == [APP, "https://*.a.example:8443", "https://a-*.b.example"]
    assert (allowlist.has_star, list(allowlist.names)) == (False, [])


@settings(max_examples=100, deadline=None)
@given(strategies.documents())
def test_every_valid_document_is_read_and_only_repairs_are_reported(data: dict[str, Any]) -> None:
    compiled = load_policy(json.dumps(data))
    assert len(compiled.rules) == len(data["rules"])
    assert all(finding.severity in ("repaired", "warning") for finding in compiled.findings)
    for rule, written in zip(compiled.rules, data["rules"], strict=True):
        for grant, fields in zip(rule.grants, written.get("grants", [written]), strict=True):
            assert grant.allow_credentials == fields.get("allow_credentials", False)
            assert not (grant.allow_credentials and grant.allow_origins is None)
    assert compiled.shadow == (data.get("mode") == "shadow")


# Words


def test_names_of_sites_and_lists() -> None:
    assert all(map(is_name, ["E2QWRUHAPOMQZL", "shop", "a.b-c_d", "1", "a" * 256]))
    assert not any(map(is_name, ["", "a/b", "a b", "\u00e4", "a" * 257, "a\n", "@a", "*"]))


def test_tokens() -> None:
    assert all(map(is_token, ["GET", "x-a", "!#$%&'*+-.^_`|~0aZ"]))
    assert not any(map(is_token, ["", " ", "a b", "a:", "a,", "(a)", '"a"', "\u00e4", "a\0", "a/b", "a\n"]))


def test_a_policy_error_carries_everything_and_reads_as_text() -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy(document({"allow_origins": ["HTTPS://a/b"], "max_age": -1}))
    error = caught.value
    assert isinstance(error, ValueError)
    assert sorted(f.code for f in error.findings) == ["origin-has-path", "out-of-range", "repaired-case"]
    assert sorted(f.code for f in error.errors) == ["origin-has-path", "out-of-range"]
    assert str(error) == "; ".join(map(str, error.errors))


def test_a_request_says_what_it_is() -> None:
    assert Request("OPTIONS", "/", origin=APP, request_method="").is_preflight
    assert not Request("OPTIONS", "/", origin=APP).is_preflight
    assert not Request("OPTIONS", "/", request_method="GET").is_preflight
    assert not Request("options", "/", origin=APP, request_method="GET").is_preflight


@pytest.mark.parametrize("blanks", [" ", "\n\t ", "\ufeff", "\ufeff\n"])
def test_document_after_blanks_is_read_as_json(blanks: str) -> None:
    compiled = load_policy(blanks + document({"paths": ["/api/*"]}))
    assert decide(compiled, Request("GET", "/", origin=APP)).reason == "not-managed"
    assert decide(compiled, Request("GET", "/api/", origin=APP)).reason == "allowed"


def test_list_without_a_value_is_reported_as_missing() -> None:
    compiled = load_policy(f"@partners {APP}")
    assert [finding.code for finding in compiled.findings] == ["list-missing"]
    assert decide(compiled, Request("GET", "/", origin=APP)).reason == "allowed"


def test_list_that_is_missing_in_two_rules_is_reported_once() -> None:
    compiled = load_policy(document({"allow_origins": ["@gone"], "paths": ["/a"]}, {"allow_origins": ["@gone"]}))
    assert [finding.code for finding in compiled.findings] == ["list-missing"]


@pytest.mark.parametrize(
    ("entry", "allowed"),
    [
        ("http://[::1]", True),
        ("http://[::1]:3000", True),
        ("http://localhost:3000", True),
        ("http://127.0.0.1", True),
        ("http://[2001:db8::7]:3000", False),
        ("http://[::2]", False),
        ("http://10.0.0.7:3000", False),
        ("https://[2001:db8::7]", True),
        ("httpx://a.example", True),
    ],
)
def test_grant_with_credentials_skips_unsafe_entries_of_a_list(entry: str, allowed: bool) -> None:
    compiled = policy({"team": entry}, allow_origins=["@team"], allow_credentials=True)
    reason = decide(compiled, Request("GET", "/", origin=entry)).reason
    assert reason == ("allowed" if allowed else "origin-not-allowed")
    assert [finding.code for finding in compiled.findings] == ([] if allowed else ["insecure-origin"])


def test_name_below_localhost_counts_as_loopback() -> None:
    compiled = policy(allow_origins=["http://127.localhost"], allow_credentials=True)
    assert decide(compiled, Request("GET", "/", origin="http://127.localhost")).reason == "allowed"


def codes(document: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        load_policy(document)
    return [error.code for error in caught.value.errors]


@pytest.mark.parametrize("plain", ["*, https//app.example", "app.example *", "* @", "*,https://a.example/x"])
def test_plain_list_with_a_star_beside_an_unreadable_entry_allows_nobody(plain: str) -> None:
    """The other entry was skipped, so that the star stood alone."""
    policy = load_policy(plain)
    assert policy.rules[0].grants[0].allow_origins is not None
    assert list(policy.rules[0].grants[0].allow_origins) == []
    assert policy.findings[-1].code == "wildcard-not-alone"


def test_document_after_a_byte_order_mark_is_read_as_json() -> None:
    """Every word of the document was skipped as an entry, and the site was left with a policy that allows nobody."""
    document = '\ufeff{"rules": [{"allow_origins": ["https://a.example"]}]}'
    assert list(load_policy(document).rules[0].grants[0].allow_origins or ()) == ["https://a.example"]
    assert codes('\ufeff{"rules": []}') == ["empty"]
    plain = load_policy("\ufeffhttps://a.example")
    assert (list(plain.rules[0].grants[0].allow_origins or ()), plain.findings) == (["https://a.example"], ())
