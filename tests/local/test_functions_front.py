"""The front with CloudFront Functions: events to and fro, and the built functions behind real HTTP."""

import asyncio
import json
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from edgecors_local.behavior import deployed_behavior
from edgecors_local.cloudfront import CloudFront
from edgecors_local.cloudfront_events import EmulatedDistribution, make_event, request_object, response_object
from edgecors_local.forwarding import Upstream
from edgecors_local.front_names import FUNCTIONS
from edgecors_local.functions_front import FunctionsInvoker, function_event, lambda_result
from edgecors_local.http import Exchange, HttpRequest, HttpResponse, value
from edgecors_local.invoke import Invocation
from edgecors_local.javascript import Engine, Output, find_engine
from edgecors_local.plan import LocalPlan
from edgecors_local.server import local_edge

from tests.support.require import require

REQUEST = HttpRequest(
    "GET", "/a", "b=1&c=2&b=3", (("Host", "example.com"), ("Cookie", "x=1; y=2"), ("Accept", "a"), ("Accept", "b"))
)
RESPONSE = HttpResponse(200, (("Content-Type", "text/plain"), ("Set-Cookie", "x=1; Secure"), ("Set-Cookie", "y=2")))


def record(response: HttpResponse | None = None) -> dict[str, Any]:
    event = make_event(
        EmulatedDistribution("E1"),
        "viewer-response" if response else "viewer-request",
        "id",
        request_object(REQUEST),
        response_object(response) if response else None,
    )
    cf: dict[str, Any] = event["Records"][0]["cf"]
    return cf


def test_function_event_has_headers_cookies_and_query_in_the_form_of_functions() -> None:
    request = function_event(record())["request"]
    assert request["headers"] == {
        "host": {"value": "example.com"},
        "accept": {"value": "a", "multiValue": [{"value": "a"}, {"value": "b"}]},
    }
    assert request["cookies"] == {"x": {"value": "1"}, "y": {"value": "2"}}
    assert request["querystring"]["b"] == {"value": "1", "multiValue": [{"value": "1"}, {"value": "3"}]}


def test_function_event_of_a_response_keeps_set_cookie_out_of_the_headers() -> None:
    response = function_event(record(RESPONSE))["response"]
    assert response["headers"] == {"content-type": {"value": "text/plain"}}
    assert sorted(response["cookies"]) == ["x", "y"]


def test_lambda_result_of_an_unchanged_request_is_the_request() -> None:
    cf = record()
    result = lambda_result(cf, function_event(cf)["request"])
    values = {name: [item["value"] for item in items] for name, items in result["headers"].items()}
    assert values == {"host": ["example.com"], "cookie": ["x=1; y=2"], "accept": ["a", "b"]}
    assert result["querystring"] == "b=1&c=2&b=3"


def test_lambda_result_of_a_response_keeps_its_cookies() -> None:
    cf = record(RESPONSE)
    result = lambda_result(cf, function_event(cf)["response"])
    assert [item["value"] for item in result["headers"]["set-cookie"]] == ["x=1; Secure", "y=2"]


def test_lambda_result_of_an_answer_has_status_headers_and_text() -> None:
    answer = {"statusCode": 403, "statusDescription": "Forbidden", "headers": {"vary": {"value": "Origin"}}}
    result = lambda_result(record(), {**answer, "body": {"encoding": "text", "data": "why"}})
    assert result["status"] == "403"
    assert result["body"] == "why"


class FailingEngine:
    """An engine in which every function throws."""

    name = "njs"

    def run(self, program: Path, lines: list[Any]) -> list[Output]:
        return [Output(None, "TypeError: cannot get property", 0)]


def test_front_answers_503_when_a_function_fails(tmp_path: Path) -> None:
    async def never(event: dict[str, Any]) -> Invocation:
        raise AssertionError("Lambda@Edge must not be asked")

    async def ask() -> Exchange:
        invoke = FunctionsInvoker(cast(Engine, FailingEngine()), tmp_path, "E1", lambda: None, never, print)
        front = CloudFront(FUNCTIONS, deployed_behavior("viewer"), invoke, Upstream("http://127.0.0.1:9"))
        exchange = await front.handle(REQUEST)
        await front.close()
        return exchange

    exchange = asyncio.run(ask())
    assert exchange.response.status == 503
    assert value(exchange.response.headers, "x-cache") == "FunctionExecutionError from cloudfront (local)"


def test_front_answers_as_the_policy_says(tmp_path: Path) -> None:
    require(find_engine("njs"), "njs is not installed (Debian and Ubuntu: apt install njs)")
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps({"rules": [{"allow_origins": ["https://app.example.com"], "max_age": 77}]}), "utf-8")
    preflight = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "PUT"}
    lines: list[str] = []

    async def ask() -> list[httpx.Response]:
        plan = LocalPlan(front=FUNCTIONS, port=0, policy=policy, page_port=0)
        async with local_edge(plan, lines.append) as running, httpx.AsyncClient() as client:
            url = f"http://127.0.0.1:{running.port}/"
            return [
                await client.options(url, headers=preflight),
                await client.options(url, headers={**preflight, "Origin": "https://evil.example"}),
                await client.get(url, headers={"Origin": "https://app.example.com"}),
                await client.get(f"{url}missing", headers={"Origin": "https://app.example.com"}),
                await client.get(url),
            ]

    allowed, refused, actual, missing, plain = asyncio.run(ask())
    assert (allowed.status_code, allowed.headers["access-control-max-age"]) == (204, "77")
    assert (refused.status_code, refused.headers["cache-control"]) == (403, "no-store")
    assert actual.headers["access-control-allow-origin"] == "https://app.example.com"
    # Lambda@Edge's function puts the headers on errors, which viewer-response never sees.
    assert missing.status_code == 404
    assert missing.headers["access-control-allow-origin"] == "https://app.example.com"
    assert "access-control-allow-origin" not in plain.headers
    assert "origin" in plain.headers["vary"].lower()
    assert any("njs, 1 read" in line for line in lines)


def test_front_error_of_the_upstream_keeps_its_cookies_and_is_not_cached_for_another_origin(tmp_path: Path) -> None:
    """viewer-response does not run for errors, so what Lambda@Edge's function writes must not stay in the cache."""
    require(find_engine("njs"), "njs is not installed (Debian and Ubuntu: apt install njs)")
    policy = tmp_path / "policy.json"
    origins = ["https://a.example.com", "https://b.example.com"]
    policy.write_text(json.dumps({"rules": [{"allow_origins": origins}]}), "utf-8")

    async def ask() -> list[httpx.Response]:
        upstream = await asyncio.start_server(answer_with_an_error, "127.0.0.1", 0)
        address = f"http://127.0.0.1:{upstream.sockets[0].getsockname()[1]}"
        plan = LocalPlan(front=FUNCTIONS, port=0, policy=policy, page_port=0, upstream=address)
        async with upstream, local_edge(plan, lambda line: None) as running, httpx.AsyncClient() as client:
            url = f"http://127.0.0.1:{running.port}/x"
            return [await client.get(url, headers={"Origin": origin}) for origin in [*origins, "https://evil.example"]]

    first, second, refused = asyncio.run(ask())
    for response, origin in ((first, origins[0]), (second, origins[1]), (refused, None)):
        assert response.status_code == 404
        assert response.headers.get("access-control-allow-origin") == origin
        assert response.headers["cache-control"] == "no-store"
        assert "Origin" in response.headers["vary"]
        assert response.headers["set-cookie"] == "id=1; Secure; HttpOnly"


async def answer_with_an_error(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An upstream that sets a cookie, has CORS headers of its own, and wants its error to be cached."""
    await reader.readuntil(b"\r\n\r\n")
    head = "Cache-Control: max-age=600\r\nAccess-Control-Allow-Origin: *\r\nSet-Cookie: id=1; Secure; HttpOnly"
    writer.write(f"HTTP/1.1 404 Not Found\r\n{head}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno".encode())
    await writer.drain()
    writer.close()


@pytest.mark.parametrize("engine", ["njs", "node"])
def test_find_engine_absent_engine_is_none(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert find_engine(engine) is None
