"""Headers of responses at CloudFront: what is set, removed, merged and left alone."""

from typing import Any

import pytest

from tests.functions.edge.support import ORIGIN_RESPONSE, SETUPS, VIEWER_RESPONSE, Handlers, event, plain, preflight

APP, EVIL = "https://app.example.com", "https://evil.example"
RULE: dict[str, Any] = {"allow_origins": [APP, "https://*.example.org"], "allow_credentials": True}
POLICY = {"version": 1, "rules": [RULE]}
# The triggers that set headers on a response.
SETTING = [("viewer", VIEWER_RESPONSE), ("origin", ORIGIN_RESPONSE)]

setting = pytest.mark.parametrize(("setup", "trigger"), SETTING)


def cors(result: Any) -> dict[str, str]:
    return {name: value for name, value in plain(result).items() if name.startswith("access-control-")}


READ_ONLY: list[tuple[str, str, dict[str, str]]] = [
    ("viewer", VIEWER_RESPONSE, {"via": "1.1 x", "warning": "110 - stale", "content_encoding": "br"}),
    ("viewer", VIEWER_RESPONSE, {"transfer_encoding": "chunked", "content_length": "7"}),
    ("viewer", ORIGIN_RESPONSE, {"via": "1.1 x", "transfer_encoding": "chunked"}),
    ("origin", ORIGIN_RESPONSE, {"via": "1.1 x", "transfer_encoding": "chunked"}),
]


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize(("setup", "trigger", "upstream"), READ_ONLY)
def test_read_only_headers_are_unchanged(setup: str, trigger: str, upstream: dict[str, str], status: int) -> None:
    """CloudFront answers 502 to a change; `Handlers` checks every result against its rules."""
    for origin in (APP, EVIL):
        result = plain(Handlers(POLICY)(setup, event(trigger, origin=origin, upstream=upstream, status=status)))
        assert {name: result[name.replace("_", "-")] for name in upstream} == upstream


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize(("setup", "trigger"), [*SETTING, ("viewer", ORIGIN_RESPONSE)])
def test_repeated_headers_stay_separate(setup: str, trigger: str, status: int) -> None:
    cookies = ["a=1; Path=/", "b=2; Path=/"]
    links = ["</a.css>; rel=preload", "</b.css>; rel=preload"]
    original = event(trigger, origin=APP, status=status, upstream={"set_cookie": cookies, "link": links})
    result = Handlers(POLICY)(setup, original)["headers"]
    assert [item["value"] for item in result["set-cookie"]] == cookies
    assert [item["value"] for item in result["link"]] == links


@setting
def test_upper_case_header_keys_are_merged(setup: str, trigger: str) -> None:
    """Other functions in the chain set headers in any case."""
    original = event(trigger)
    cf = original["Records"][0]["cf"]
    cf["request"]["headers"]["Origin"] = [{"key": "Origin", "value": APP}]
    cf["response"]["headers"] |= {
        "Access-Control-Allow-Origin": [{"key": "Access-Control-Allow-Origin", "value": "*"}],
        "ACCESS-CONTROL-ALLOW-METHODS": [{"key": "ACCESS-CONTROL-ALLOW-METHODS", "value": "*"}],
        "Vary": [{"key": "Vary", "value": "Accept-Encoding"}],
        "vary": [{"key": "vary", "value": "Cookie"}],
    }
    result = Handlers(POLICY)(setup, original)
    assert cors(result) == {"access-control-allow-origin": APP, "access-control-allow-credentials": "true"}
    assert plain(result)["vary"] == "Accept-Encoding, Cookie, Origin"


@setting
def test_refused_origin_loses_the_upstream_s_cors_headers(setup: str, trigger: str) -> None:
    upstream = {"access_control_allow_origin": EVIL, "access_control_allow_credentials": "true"}
    for origin in (EVIL, "null", f"{APP}/", f"{APP}, {EVIL}"):
        assert cors(Handlers(POLICY)(setup, event(trigger, origin=origin, upstream=upstream))) == {}
    assert cors(Handlers(POLICY)(setup, event(trigger, upstream=upstream))) == {}


@setting
def test_two_allow_origin_headers_of_the_upstream_become_one(setup: str, trigger: str) -> None:
    """A function URL's CORS headers beside the application's: browsers refuse two."""
    upstream: dict[str, str | list[str]] = {"access_control_allow_origin": [APP, "*"]}
    result = Handlers(POLICY)(setup, event(trigger, origin=APP, upstream=upstream))
    assert cors(result)["access-control-allow-origin"] == APP


@setting
def test_header_with_a_similar_name_is_unchanged(setup: str, trigger: str) -> None:
    upstream = {"x_access_control_allow_origin": "1", "access_control": "2"}
    result = plain(Handlers(POLICY)(setup, event(trigger, origin=EVIL, upstream=upstream)))
    assert (result["x-access-control-allow-origin"], result["access-control"]) == ("1", "2")


@pytest.mark.parametrize("setup", SETUPS)
def test_two_origins_are_malformed(setup: str) -> None:
    handlers = Handlers(POLICY)
    original = preflight(SETUPS[setup][0], APP)
    original["Records"][0]["cf"]["request"]["headers"]["origin"] *= 2
    assert handlers(setup, original)["status"] == "403"
    assert handlers.reasons() == ["origin-malformed"]


@setting
def test_vary_is_the_same_for_every_origin(setup: str, trigger: str) -> None:
    """Allowed, refused and without an origin: a cache never mixes them up."""
    handlers = Handlers(POLICY)
    assert plain(handlers(setup, event(trigger)))["vary"] == "Origin"
    for origin in (APP, EVIL, "nonsense"):
        assert plain(handlers(setup, event(trigger, origin=origin)))["vary"] == "Origin"


def test_cached_response_in_viewer_set_up_has_no_cors_headers() -> None:
    """viewer set-up: a permission stored for one origin would be served to the next."""
    handlers = Handlers(POLICY)
    for_nobody = handlers("viewer", event(ORIGIN_RESPONSE))
    assert cors(for_nobody) == {}
    for origin in (APP, EVIL):
        assert handlers("viewer", event(ORIGIN_RESPONSE, origin=origin)) == for_nobody


def test_error_response_in_viewer_set_up_is_not_cached() -> None:
    """viewer set-up: CloudFront would keep a 404 for ten seconds, with the first one's permission on it."""
    result = plain(Handlers(POLICY)("viewer", event(ORIGIN_RESPONSE, origin=APP, status=404)))
    assert (result["access-control-allow-origin"], result["cache-control"]) == (APP, "no-store")
