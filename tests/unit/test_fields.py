"""Readers of single fields."""

from __future__ import annotations

import pytest
from edgecors.document import PolicyError, load_policy
from edgecors.fields import SITE_FIELDS

from tests.unit.cases import document, policy

# https://fetch.spec.whatwg.org/#forbidden-request-header
FORBIDDEN_REQUEST_HEADERS = [
    *("Accept-Charset", "Accept-Encoding", "Access-Control-Request-Headers", "Access-Control-Request-Method"),
    *("Access-Control-Request-Private-Network", "Connection", "Content-Length", "Cookie", "Cookie2", "Date", "DNT"),
    *("Expect", "Host", "Keep-Alive", "Origin", "Referer", "Set-Cookie", "TE", "Trailer", "Transfer-Encoding"),
    *("Upgrade", "Via", "Proxy-Authorization", "proxy-x", "Sec-Fetch-Mode", "sec-x"),
]


ALLOWED_REQUEST_HEADERS = [
    "cookies",
    "Access-Control-Allow-Origin",
    "access-control-allow-headers",
    "dates",
    "tes",
    "viae",
    "d",
    "t",
    "access-controlled",
    "proxying",
    "secret",
    "hosts",
]


@pytest.mark.parametrize("name", FORBIDDEN_REQUEST_HEADERS)
def test_allow_headers_with_a_name_that_no_page_can_send_ignores_it_with_a_warning(name: str) -> None:
    compiled = load_policy(document({"allow_headers": ["x-a", name]}))
    assert compiled.rules[0].grants[0].allow_headers == frozenset(["x-a"])
    assert [(f.severity, f.code, f.location) for f in compiled.findings] == [
        ("warning", "forbidden-header", "rules[0].allow_headers[1]")
    ]


@pytest.mark.parametrize("name", ALLOWED_REQUEST_HEADERS)
def test_allow_headers_with_a_name_that_only_begins_alike_keeps_it(name: str) -> None:
    assert policy(allow_headers=[name]).rules[0].grants[0].allow_headers == frozenset([name.lower()])


@pytest.mark.parametrize(("name", "default"), [("mode", "shadow"), ("refresh_seconds", 300)])
def test_plain_list_has_the_defaults_of_the_table(name: str, default: object, monkeypatch: pytest.MonkeyPatch) -> None:
    (field,) = [field for field in SITE_FIELDS if field.name == name]
    monkeypatch.setattr(field, "default", default)
    assert getattr(load_policy("https://a.example"), name) == default


def test_schema_is_ignored_and_has_to_be_a_string() -> None:
    text = '{"$schema": %s, "rules": [{"allow_origins": ["https://a.example"]}]}'
    assert load_policy(text % '"./policy.schema.json"').findings == ()
    with pytest.raises(PolicyError, match=r"^\$schema: 1 is not a string \(wrong-type\)\. Write a string\.$"):
        load_policy(text % "1")
