"""The JSON Schema for editors accepts and rejects what the parser does.

What a schema can't see, and only the parser says: fields that stand twice, an IPv6 address in another spelling than the
canonical one, an origin of more than 512 characters, `1.0` written for the version. And what stands in lists.
"""

import json
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest
from edgecors import policy as parser
from edgecors.document import PolicyError, read_document
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError, validators

SCHEMA = json.loads(resources.files("edgecors").joinpath("policy.schema.json").read_text("utf-8"))


def pattern_as_editors_read_it(_: Any, pattern: str, value: object, __: object) -> Iterator[ValidationError]:
    """JSON Schema's expressions are ECMAScript's, where ``$`` is the end and not also before a last line feed."""
    import re

    if isinstance(value, str) and not re.search(pattern.replace("$", r"\Z"), value, re.ASCII):
        yield ValidationError(f"{value!r} does not match")


VALIDATOR = validators.extend(Draft202012Validator, {"pattern": pattern_as_editors_read_it})(SCHEMA)  # type: ignore[no-untyped-call]


def parses(document: object) -> bool:
    try:
        read_document(json.dumps(document))
    except PolicyError:
        return False
    return True


def fits(document: object) -> bool:
    return bool(VALIDATOR.is_valid(document))


def one_rule(**fields: Any) -> dict[str, Any]:
    return {"rules": [{"allow_origins": ["https://a.example.com"], **fields}]}


def with_origins(*origins: str, **fields: Any) -> dict[str, Any]:
    return one_rule(allow_origins=list(origins), **fields)


def test_the_schema_is_one_and_its_example_is_good() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    for document in SCHEMA["examples"]:
        assert fits(document)
        assert parses(document)


def test_the_schema_names_the_fields_and_defaults_of_the_parser() -> None:
    rule = SCHEMA["$defs"]["rule"]["properties"]
    assert tuple(SCHEMA["properties"]) == parser._SITE_FIELDS
    assert tuple(rule) == parser._RULE_FIELDS
    assert SCHEMA["properties"]["refresh_seconds"]["default"] == parser.DEFAULT_REFRESH_SECONDS
    assert rule["max_age"]["default"] == parser.DEFAULT_MAX_AGE
    assert tuple(rule["allow_methods"]["default"]) == parser.DEFAULT_METHODS
    assert all(field.get("description") for field in (*rule.values(), *SCHEMA["properties"].values()))


GOOD_ORIGINS = [
    "https://a.example.com",
    "https://a.example.com.",
    "https://A.example.com/",
    " https://a.example.com ",
    "https://a.example.com:443",
    "https://a_b.example.com:65535",
    "https://*.example.com:*",
    "https://shop-*.example.com",
    "https://*-shop.example.com",
    "http://localhost:*",
    "http://127.0.0.1",
    "http://[::1]:3000",
    "chrome-extension://abcdefgh",
    "capacitor://localhost",
    "null",
    "NULL",
    "@partners",
    "@a.b-c_d",
    "https://" + "a" * 63 + ".example.com",
]
BAD_ORIGINS = [
    "",
    "*",
    "@",
    "@a b",
    " @partners",
    "app.example.com",
    "https:/a.example.com",
    "https://",
    "https:///",
    "https://a.example.com//",
    "https://a.example.com/path",
    "https://a.example.com?x",
    "https://user@a.example.com",
    "https://a.example.com:0",
    "https://a.example.com:080",
    "https://a.example.com:65536",
    "https://a.example.com:",
    "https://a..example.com",
    "https://-a.example.com",
    "https://a-.example.com",
    "https://bücher.example",
    "https://*",
    "https://*.",
    "https://**.example.com",
    "https://a.*.example.com",
    "https://*.*.example.com",
    "https://-*.example.com",
    "https://*.168.0.1",
    "https://1.2.3",
    "https://1.2.3.4.5",
    "https://256.1.1.1",
    "https://01.1.1.1",
    "https://a.0x1f",
    "https://[::1",
    "file://localhost",
    "FILE://a",
    "*://a.example.com",
    "https://" + "a" * 64 + ".example.com",
    "https://" + ".".join(["a" * 60] * 5),
    "https://a.example.com\n.evil.example",
]


@pytest.mark.parametrize("origin", GOOD_ORIGINS)
def test_origins_that_both_accept(origin: str) -> None:
    assert (parses(with_origins(origin)), fits(with_origins(origin))) == (True, True)


@pytest.mark.parametrize("origin", BAD_ORIGINS)
def test_origins_that_both_reject(origin: str) -> None:
    document = with_origins("https://b.example.com", origin)
    assert (parses(document), fits(document)) == (False, False)


CREDENTIALS = {"allow_credentials": True}
GOOD = [
    one_rule(),
    {"version": 1, "mode": "shadow", "refresh_seconds": 5, "rules": [{"allow_origins": "*"}]},
    one_rule(allow_origins=["*"]),
    one_rule(allow_origins=[]),
    one_rule(allow_origins="*", max_age=0, resource_policy="same-site"),
    one_rule(max_age=60.0),
    one_rule(hosts=["API.example.com", "*.a?", "[::1]", "a.example.com."], paths=["/api/*", "x", "*.js", "/a%20b"]),
    one_rule(allow_methods="*", allow_headers=["*"], expose_headers="*"),
    one_rule(allow_methods=["get", "PROPFIND"], allow_headers=["X-A"], expose_headers=[]),
    one_rule(**CREDENTIALS, expose_headers=["x"]),
    with_origins("http://localhost", "http://a.localhost:*", "http://127.0.0.1", "http://[::1]", **CREDENTIALS),
    with_origins("http://a.example.com", **CREDENTIALS, tolerate="insecure-origin"),
    with_origins("http://a.example.com", **CREDENTIALS, tolerate=["public-suffix", "insecure-origin"]),
    with_origins("http://a.example.com", "null", allow_credentials=False),
    with_origins("httpx://a.example.com", **CREDENTIALS),
]
BAD: list[object] = [
    [],
    {},
    {"rules": []},
    {"rules": {}},
    {"rules": [None]},
    {"rules": [{}]},
    {"rule": [], **one_rule()},
    {"version": 2, **one_rule()},
    {"version": "1", **one_rule()},
    {"version": True, **one_rule()},
    {"mode": "Shadow", **one_rule()},
    {"mode": None, **one_rule()},
    {"refresh_seconds": 4, **one_rule()},
    {"refresh_seconds": 3601, **one_rule()},
    {"refresh_seconds": True, **one_rule()},
    one_rule(allow_origin=[]),
    one_rule(allow_origins="https://a.example.com"),
    one_rule(allow_origins=None),
    one_rule(allow_origins=[1]),
    one_rule(allow_origins=["https://a.example.com", "*"]),
    one_rule(hosts=[]),
    one_rule(hosts="*"),
    one_rule(hosts=["https://a"]),
    one_rule(hosts=["a:80"]),
    one_rule(hosts=[""]),
    one_rule(paths=[]),
    one_rule(paths=["/a b"]),
    one_rule(paths=["/a/../b"]),
    one_rule(paths=["/a/%2e%2E"]),
    one_rule(paths=["."]),
    one_rule(paths=["/%2f"]),
    one_rule(paths=["/%zz"]),
    one_rule(paths=["/a\\b"]),
    one_rule(paths=[""]),
    one_rule(allow_methods="GET"),
    one_rule(allow_methods=["TRACE"]),
    one_rule(allow_methods=["connect"]),
    one_rule(allow_methods=["G T"]),
    one_rule(allow_methods=["GET", "*"]),
    one_rule(allow_methods=["GET\n"]),
    one_rule(allow_headers=["Sec-Fetch-Site"]),
    one_rule(allow_headers=["proxy-x"]),
    one_rule(allow_headers=["Cookie"]),
    one_rule(allow_headers=["x", "*"]),
    one_rule(expose_headers=["Set-Cookie"]),
    one_rule(expose_headers=["access-control-max-age"]),
    one_rule(allow_credentials="true"),
    one_rule(allow_credentials=1),
    one_rule(max_age=-1),
    one_rule(max_age=86401),
    one_rule(max_age=0.5),
    one_rule(max_age="60"),
    one_rule(on_refused="deny"),
    one_rule(resource_policy=""),
    one_rule(resource_policy=None),
    one_rule(debug=0),
    one_rule(tolerate="everything"),
    one_rule(tolerate=["null"]),
    one_rule(tolerate={}),
    one_rule(allow_origins="*", **CREDENTIALS),
    one_rule(allow_origins=["*"], **CREDENTIALS),
    one_rule(expose_headers="*", **CREDENTIALS),
    one_rule(expose_headers=["*"], **CREDENTIALS),
    with_origins("null", **CREDENTIALS),
    with_origins("Null ", **CREDENTIALS),
    with_origins("http://a.example.com", **CREDENTIALS),
    with_origins("HTTP://A.example.com", **CREDENTIALS),
    with_origins("http://*.example.com", **CREDENTIALS, tolerate="public-suffix"),
    with_origins("http://localhost.example.com", **CREDENTIALS),
    with_origins("http://xlocalhost", **CREDENTIALS),
    with_origins("http://127.example.com", **CREDENTIALS),
    with_origins("http://128.0.0.1", **CREDENTIALS, tolerate=[]),
]


@pytest.mark.parametrize("document", GOOD)
def test_documents_that_both_accept(document: object) -> None:
    assert (parses(document), fits(document)) == (True, True)


@pytest.mark.parametrize("document", BAD)
def test_documents_that_both_reject(document: object) -> None:
    assert (parses(document), fits(document)) == (False, False)


FORBIDDEN = sorted(parser._FORBIDDEN_REQUEST_HEADERS) + [f"{p}x" for p in parser._FORBIDDEN_REQUEST_PREFIXES]


@pytest.mark.parametrize("name", [*FORBIDDEN, *(name.upper() for name in FORBIDDEN), "cook", "cookies", "x-host"])
def test_forbidden_header_names(name: str) -> None:
    assert parses(one_rule(allow_headers=[name])) == fits(one_rule(allow_headers=[name]))


words = st.sampled_from(
    [*GOOD_ORIGINS, *BAD_ORIGINS, "http://a.example.com", "http://*.localhost", "*", "GET", "x-a", "Cookie", "/a/*", ""]
)
text = st.one_of(words, st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=12))
values = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 90000), st.floats(0, 100), text, st.lists(text, max_size=3), st.just({})
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(parser._RULE_FIELDS, values),
    "allow_origins": st.one_of(st.just("*"), st.lists(words, max_size=3), values),
    "allow_credentials": st.sampled_from([True, False, None]),
    "tolerate": st.sampled_from(["insecure-origin", ["insecure-origin"], [], ["public-suffix"], ["x"], "x"]),
}
rules = st.fixed_dictionaries(
    {"allow_origins": FIELDS["allow_origins"]}, optional={k: v for k, v in FIELDS.items() if k != "allow_origins"}
)
documents = st.fixed_dictionaries(
    {"rules": st.one_of(st.lists(rules, max_size=2), values)},
    optional={
        "version": st.sampled_from([1, 2, "1", None]),
        "mode": values,
        "refresh_seconds": values,
        "comment": st.just(""),
    },
)


@given(documents)
@example(with_origins("https://a.example.com", **CREDENTIALS, expose_headers=["x"]))
def test_generated_documents(document: dict[str, Any]) -> None:
    assert parses(document) == fits(document), document


host = st.text("a1-_.*x0:[]/@", max_size=14)


@given(st.sampled_from(["https://", "http://", "x+y://", "file://", "@", "ht*://", ""]), host)
def test_generated_origins(scheme: str, rest: str) -> None:
    if "[" in rest:
        return  # IPv6: only the parser knows the canonical spelling
    document = with_origins("https://a.example.com", scheme + rest)
    assert parses(document) == fits(document)


@pytest.mark.parametrize(
    "unseen",
    [
        '{"rules": [{"allow_origins": [], "allow_origins": "*"}]}',
        '{"rules": [{"allow_origins": ["https://[0:0:0:0:0:0:0:1]"]}]}',
        '{"version": 1.0, "rules": [{"allow_origins": []}]}',
        json.dumps({"rules": [{"allow_origins": ["x" * 500 + "://a.example.com"]}]}),
    ],
)
def test_what_only_the_parser_sees(unseen: str) -> None:
    with pytest.raises(PolicyError):
        read_document(unseen)
    assert fits(json.loads(unseen))
