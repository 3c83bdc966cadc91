"""Several upstreams: which one gets a path."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from tests.events.make import APP, REST, make_event, read_response
from tests.functions.gateway.conftest import LoggingGateway
from tests.functions.gateway.spy import Spy


@pytest.fixture
def api() -> Iterator[Spy]:
    with Spy() as running:
        yield running


@pytest.fixture
def images() -> Iterator[Spy]:
    with Spy() as running:
        yield running


@pytest.mark.parametrize(
    ("path", "upstream", "target"),
    [
        ("/", "default", "/"),
        ("/api", "api", "/v1/api"),
        ("/api/x", "api", "/v1/api/x"),
        ("/api/img/x", "images", "/api/img/x"),
        ("/apis/x", "default", "/apis/x"),
        ("/API/x", "default", "/API/x"),
        ("/%61pi/x", "api", "/v1/%61pi/x"),
        ("/x/../api/y", "api", "/v1/x/../api/y"),
    ],
)
def test_longest_prefix_decides_the_upstream(
    path: str, upstream: str, target: str, spy: Spy, api: Spy, images: Spy
) -> None:
    routes = f"/api=http://{api.netloc}/v1, /api/img/=http://{images.netloc}"
    gateway = LoggingGateway(f"http://{spy.netloc}", routes=routes)
    assert gateway(make_event(REST, path=path))["statusCode"] == 200
    upstreams = {"default": spy, "api": api, "images": images}
    assert {name: [seen.target for seen in each.seen] for name, each in upstreams.items() if each.seen} == {
        upstream: [target]
    }
    assert upstreams[upstream].seen[0].values("host") == [upstreams[upstream].netloc]


@pytest.mark.parametrize(
    "path", ["/api%2fx", "/api/..%2fx", "//api/x", "/x/..;/api/y", "/api;v=1/x", "/" + "%25" * 2000]
)
def test_ambiguous_path_with_several_upstreams_is_a_bad_request(path: str, spy: Spy, api: Spy) -> None:
    gateway = LoggingGateway(f"http://{spy.netloc}", routes=f"/api=http://{api.netloc}")
    status, headers, _ = read_response(REST, gateway(make_event(REST, path=path, headers=[("Origin", APP)])))
    assert (status, spy.seen, api.seen) == (400, [], [])
    assert dict(headers)["access-control-allow-origin"] == APP


def test_ambiguous_path_with_one_upstream_is_passed_on(spy: Spy, gateway: LoggingGateway) -> None:
    assert gateway(make_event(REST, path="/api%2fx"))["statusCode"] == 200


def test_each_upstream_has_its_own_connection(spy: Spy, api: Spy) -> None:
    gateway = LoggingGateway(f"http://{spy.netloc}", routes=f"/api=http://{api.netloc}")
    for path in ("/a", "/api/a", "/b", "/api/b"):
        assert gateway(make_event(REST, path=path))["statusCode"] == 200
    assert [[seen.connection for seen in upstream.seen] for upstream in (spy, api)] == [[1, 1], [1, 1]]


@pytest.mark.parametrize(
    ("routes", "message"),
    [
        ("/api", "EDGECORS_UPSTREAMS has '/api', which is not a path and an address"),
        ("api=https://a.example", "'api=https://a.example', which is not a path and an address"),
        ("/=https://a.example", "which is not a path and an address"),
        ("/a//b=https://a.example", "which is not a path and an address"),
        ("/a%2fb=https://a.example", "which is not a path and an address"),
        ("/a/../b=https://a.example", "which is not a path and an address"),
        ("/a=https://a.example /a/=https://b.example", "has the path '/a/' twice"),
        ("/a=ftp://a.example", "EDGECORS_UPSTREAMS is 'ftp://a.example': it starts with neither"),
        ("/a=", "EDGECORS_UPSTREAMS is ''"),
    ],
)
def test_invalid_routes_name_the_fault(routes: str, message: str) -> None:
    read: Any = import_module("upstream").read_upstreams
    with pytest.raises(ValueError, match="EDGECORS_UPSTREAMS") as raised:
        read("https://a.example", routes)
    assert message in str(raised.value)
    assert "set EDGECORS_UPSTREAMS to pairs such as /api=https://" in str(raised.value)
