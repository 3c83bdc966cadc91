"""The whole local edge over real sockets: HTTP in, the library's handler, the embedded store, the demo upstream."""

import asyncio
import http.client
import json
import os
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from edgecors_local.banner import banner
from edgecors_local.errors import LocalError
from edgecors_local.parameter_store import DEMO_LIST, DEMO_LIST_PARAMETER
from edgecors_local.plan import LocalPlan, Running
from edgecors_local.ports import free_port
from edgecors_local.server import local_edge

from tests.support.parameter_store import ParameterStoreServer

ALLOWED = "https://app.example.com"
REFUSED = "https://evil.example"
PREFLIGHT = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"}


class ReceivedResponse:
    """A response as received: ``headers`` by lower-case name with all values, stamps of the edge left out."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.body = response.read()
        self.raw = response.getheaders()
        self.headers: dict[str, list[str]] = {}
        for name, text in self.raw:
            if name.lower() not in ("date", "via", "x-amz-cf-id", "x-amz-cf-pop", "x-request-id"):
                self.headers.setdefault(name.lower(), []).append(text)

    @property
    def cors(self) -> dict[str, str]:
        """The CORS headers; each must be there once."""
        headers = {name: values for name, values in self.headers.items() if name.startswith("access-control-")}
        assert all(len(values) == 1 for values in headers.values()), headers
        return {name: values[0] for name, values in headers.items()}


class RunningEdge:
    """A running local edge, and what it printed."""

    def __init__(self, running: Running, printed: list[str]) -> None:
        self.running = running
        self.printed = printed

    async def ask(self, method: str, target: str, origin: str | None = None, **headers: str) -> ReceivedResponse:
        return await asyncio.to_thread(self._ask, method, target, origin, headers)

    async def preflight(self, target: str, origin: str) -> ReceivedResponse:
        return await asyncio.to_thread(self._ask, "OPTIONS", target, origin, PREFLIGHT)

    def _ask(self, method: str, target: str, origin: str | None, headers: dict[str, str]) -> ReceivedResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.running.port, timeout=20)
        try:
            named = {name.replace("_", "-"): text for name, text in headers.items()}
            connection.request(method, target, headers=named | ({"Origin": origin} if origin else {}))
            return ReceivedResponse(connection.getresponse())
        finally:
            connection.close()

    async def until(self, probe: Callable[[], Coroutine[Any, Any, bool]], what: str) -> None:
        """Waits for something that comes with a refresh."""
        for _ in range(300):
            if await probe():
                return
            await asyncio.sleep(0.05)
        raise TimeoutError(what)


def with_edge(story: Callable[[RunningEdge], Coroutine[Any, Any, None]], plan: LocalPlan | None = None) -> list[str]:
    """Runs a story against a local edge on a free port; returns what was printed."""
    printed: list[str] = []

    async def run() -> None:
        async with local_edge(plan or LocalPlan(port=0, page_port=0), printed.append) as running:
            await story(RunningEdge(running, printed))

    asyncio.run(run())
    return printed


def test_the_demonstration_in_the_viewer_set_up() -> None:
    async def story(edge: RunningEdge) -> None:
        allowed = await edge.preflight("/api/echo", ALLOWED)
        assert (allowed.status, allowed.body) == (204, b"")
        assert allowed.cors == {
            "access-control-allow-origin": ALLOWED,
            "access-control-allow-credentials": "true",
            "access-control-allow-methods": "GET, HEAD, POST, PUT, DELETE",
            "access-control-allow-headers": "content-type, authorization, x-demo",
            "access-control-max-age": "5",
        }
        refused = await edge.preflight("/api/echo", REFUSED)
        assert (refused.status, refused.cors) == (403, {})

        for path in ("star", "reflecting", "twice"):
            mine = await edge.ask("GET", f"/api/own-cors/{path}", ALLOWED)
            assert mine.cors == {
                "access-control-allow-origin": ALLOWED,
                "access-control-allow-credentials": "true",
                "access-control-expose-headers": "x-request-id",
            }
            theirs = await edge.ask("GET", f"/api/own-cors/{path}", REFUSED)
            assert (theirs.status, theirs.cors, theirs.headers["vary"]) == (200, {}, ["Origin"])

        for status in (404, 500, 503):
            error = await edge.ask("GET", f"/api/status/{status}", ALLOWED)
            assert (error.status, error.cors["access-control-allow-origin"]) == (status, ALLOWED)

        unmanaged = await edge.ask("GET", "/unmanaged/own-cors/star", REFUSED)
        assert unmanaged.cors == {
            "access-control-allow-origin": "*",
            "access-control-allow-credentials": "true",
        }

    lines = [line for line in with_edge(story) if line.startswith("cloudfront-viewer")]
    assert [line.rpartition("  |  ")[0] for line in lines[:3]] == [
        f"cloudfront-viewer  OPTIONS /api/echo  |  204  |  viewer-request  |  allowed ({ALLOWED})",
        f"cloudfront-viewer  OPTIONS /api/echo  |  403  |  viewer-request  |  origin-not-allowed ({REFUSED})",
        "cloudfront-viewer  GET /api/own-cors/star  |  200"
        "  |  viewer-request > miss > origin > origin-response > viewer-response"
        f"  |  allowed ({ALLOWED})",
    ]
    assert all(line.endswith(" ms") for line in lines)


@pytest.mark.parametrize("front", ["cloudfront-viewer", "cloudfront-origin"])
def test_a_cached_answer_crossed_between_two_origins(front: str) -> None:
    async def story(edge: RunningEdge) -> None:
        for x_cache in ("Miss", "Hit"):
            for origin, expected in ((ALLOWED, ALLOWED), (REFUSED, None)):
                reply = await edge.ask("GET", "/cached/reflecting", origin)
                assert reply.cors.get("access-control-allow-origin") == expected
                if origin == ALLOWED:
                    assert reply.headers["x-cache"] == [f"{x_cache} from cloudfront (local)"]

    with_edge(story, LocalPlan(front=front, port=0, page_port=0))


def test_cache_without_origin_in_its_key_is_poisoned() -> None:
    async def story(edge: RunningEdge) -> None:
        for origin in (ALLOWED, REFUSED):
            reply = await edge.ask("GET", "/cached/reflecting", origin)
            assert reply.cors["access-control-allow-origin"] == ALLOWED

    with_edge(story, LocalPlan(front="cloudfront-origin", port=0, unkeyed=("Origin",)))


@pytest.mark.parametrize("front", ["cloudfront-viewer", "cloudfront-origin"])
def test_what_the_upstream_sends_and_gets(front: str) -> None:
    async def story(edge: RunningEdge) -> None:
        cookies = await edge.ask("GET", "/api/cookies", ALLOWED, Cookie="a=1; b=2")
        assert len(cookies.headers["set-cookie"]) == 3
        assert json.loads(cookies.body) == {"received": "a=1; b=2"}
        packed = await edge.ask("GET", "/api/gzip", ALLOWED)
        assert packed.body.startswith(b"\x1f\x8b")
        large = await edge.ask("GET", "/api/large?kilobytes=3000", ALLOWED)
        assert len(large.body) == 3000 * 1024
        head = await edge.ask("HEAD", "/api/large?kilobytes=3000", ALLOWED)
        assert (head.body, head.headers["content-length"]) == (b"", [str(3000 * 1024)])
        moved = await edge.ask("GET", "/api/redirect?to=/api/login", ALLOWED)
        assert (moved.status, moved.headers["location"]) == (302, ["/api/login"])
        vary = await edge.ask("GET", "/api/vary/encoding", ALLOWED)
        assert vary.headers["vary"] == ["Accept-Encoding, Origin"]
        star = await edge.ask("GET", "/api/vary/star", ALLOWED)
        assert star.headers["vary"] == ["*"]
        font = await edge.ask("GET", "/fonts/demo.woff2", REFUSED)
        assert (font.body[:4], font.headers["cross-origin-resource-policy"]) == (b"wOF2", ["cross-origin"])
        assert font.cors == {"access-control-allow-origin": "*"}
        echoed = json.loads((await edge.ask("PUT", "/api/echo/a/../b%20c?x=%2f", ALLOWED, X_Demo="1")).body)
        assert (echoed["method"], echoed["path"], echoed["query"]) == ("PUT", "/api/echo/a/../b%20c", "x=%2f")
        assert ["x-demo", "1"] in echoed["headers"]

    printed = with_edge(story, LocalPlan(front=front, port=0, page_port=0))
    assert not [line for line in printed if "!" in line], "no rule of the edge is broken"


def test_a_change_in_the_store_counts_within_the_refresh_time() -> None:
    async def story(edge: RunningEdge) -> None:
        assert (await edge.preflight("/api/echo", REFUSED)).status == 403
        store = edge.running.source.store
        assert store is not None
        store.put(DEMO_LIST_PARAMETER, ",".join((*DEMO_LIST, REFUSED)))

        async def allowed() -> bool:
            return (await edge.preflight("/api/echo", REFUSED)).status == 204

        await edge.until(allowed, "the change counts")

    with_edge(story)


def test_a_policy_file_is_followed_and_a_broken_one_leaves_the_last(tmp_path: Path) -> None:
    def document(*origins: str) -> str:
        return json.dumps({"version": 1, "refresh_seconds": 5, "rules": [{"allow_origins": list(origins)}]})

    policy = tmp_path / "policy.json"
    policy.write_text(document(ALLOWED))

    async def story(edge: RunningEdge) -> None:
        assert (await edge.preflight("/api/echo", ALLOWED)).status == 204
        assert (await edge.preflight("/api/echo", REFUSED)).status == 403
        policy.write_text('{"rules": [{"allow_orgins": []}]}')

        async def reported() -> bool:
            return any("The previous policy stays in use." in line for line in edge.printed)

        await edge.until(reported, "the invalid file is reported")
        assert any("allow_orgins" in line for line in edge.printed)
        assert (await edge.preflight("/api/echo", ALLOWED)).status == 204
        policy.write_text("")

        async def reported_as_empty() -> bool:
            return any("is empty." in line for line in edge.printed)

        await edge.until(reported_as_empty, "the empty file is reported")
        policy.write_text(document(REFUSED))

        async def swapped() -> bool:
            return (await edge.preflight("/api/echo", REFUSED)).status == 204

        await edge.until(swapped, "the new file counts")
        assert (await edge.preflight("/api/echo", ALLOWED)).status == 403

    with_edge(story, LocalPlan(port=0, page_port=0, policy=policy))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("policy.yaml", f"rules:\n- allow_origins: ['{ALLOWED}']  # the app\n"),
        ("policy.txt", f"# the app\n{ALLOWED}\n"),
    ],
)
def test_a_policy_file_is_read_as_the_other_commands_read_it(tmp_path: Path, name: str, text: str) -> None:
    policy = tmp_path / name
    policy.write_text(text)

    async def story(edge: RunningEdge) -> None:
        assert (await edge.preflight("/api/echo", ALLOWED)).status == 204
        assert (await edge.preflight("/api/echo", REFUSED)).status == 403

    printed = with_edge(story, LocalPlan(port=0, page_port=0, policy=policy))
    assert not any("skipped" in line for line in printed)


@pytest.mark.parametrize("front", ["cloudfront-viewer", "http-api"])
def test_a_websocket_s_handshake_is_an_ordinary_request(front: str, caplog: pytest.LogCaptureFixture) -> None:
    async def story(edge: RunningEdge) -> None:
        reply = await edge.ask("GET", "/api/echo", ALLOWED, Connection="Upgrade", Upgrade="websocket")
        assert reply.status == 200

    with_edge(story, LocalPlan(front=front, port=0, page_port=0))
    assert [record.name for record in caplog.records if record.name.startswith("uvicorn")] == []


def test_banner_and_playground_know_an_upstream_that_is_not_the_demonstration_s() -> None:
    async def story(edge: RunningEdge) -> None:
        printed = banner(edge.running)
        assert " allow @demo https://evil.example --endpoint-url " in printed
        assert "curl" not in printed
        setup = await asyncio.to_thread(read_setup, edge.running.page_port)
        assert (setup["demo_policy"], setup["demo_upstream"]) == (True, False)

    def read_setup(port: int) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request("GET", "/setup")
            content: dict[str, Any] = json.loads(connection.getresponse().read())
            return content
        finally:
            connection.close()

    with_edge(story, LocalPlan(port=0, page_port=0, upstream=f"http://127.0.0.1:{free_port()}"))


def test_an_upstream_that_is_not_there_is_a_502_with_a_sentence() -> None:
    async def story(edge: RunningEdge) -> None:
        reply = await edge.ask("GET", "/api/echo", ALLOWED)
        assert reply.status == 502
        assert b"can't be reached" in reply.body

    printed = with_edge(story, LocalPlan(port=0, page_port=0, upstream=f"http://127.0.0.1:{free_port()}"))
    assert any("    ! http://127.0.0.1:" in line and "can't be reached" in line for line in printed)


def test_the_environment_is_as_before_when_it_has_ended() -> None:
    before = dict(os.environ)

    async def story(edge: RunningEdge) -> None:
        store = edge.running.source.store
        assert store is not None
        assert os.environ["AWS_ENDPOINT_URL_SSM"] == store.endpoint

    with_edge(story)
    assert dict(os.environ) == before


def test_a_site_is_read_with_the_environment_s_own_settings(
    parameter_store: ParameterStoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in parameter_store.environment().items():
        monkeypatch.setenv(name, text)
    parameter_store.put("/edgecors/sites/shop", ALLOWED)

    async def story(edge: RunningEdge) -> None:
        assert (await edge.preflight("/anything", ALLOWED)).status == 204

    with_edge(story, LocalPlan(port=0, page_port=0, site="shop"))
    with pytest.raises(LocalError, match="There is no parameter /edgecors/sites/other in us-east-1") as caught:
        with_edge(story, LocalPlan(port=0, page_port=0, site="other"))
    assert caught.value.status == 2


def test_a_site_without_credentials_is_a_sentence() -> None:
    async def story(edge: RunningEdge) -> None:
        raise AssertionError("must not start")

    with pytest.raises(LocalError, match=r"/edgecors/sites/shop in us-east-1 can't be read: .*credentials"):
        with_edge(story, LocalPlan(port=0, page_port=0, site="shop"))


@pytest.mark.parametrize("front", ["http-api", "rest-api", "function-url", "alb", "alb-single-value"])
def test_the_gateway_behind_each_of_its_fronts(front: str) -> None:
    async def story(edge: RunningEdge) -> None:
        allowed = await edge.preflight("/api/echo", ALLOWED)
        assert (allowed.status, allowed.body) == (204, b"")
        assert allowed.cors["access-control-allow-methods"] == "GET, HEAD, POST, PUT, DELETE"
        assert (await edge.preflight("/api/echo", REFUSED)).cors == {}
        sent = await edge.ask("PUT", "/api/echo/b%20c?x=%2f&x=1", ALLOWED, X_Demo="1", Cookie="a=1; b=2")
        echoed = json.loads(sent.body)
        assert (echoed["method"], echoed["path"]) == ("PUT", "/api/echo/b%20c")
        assert echoed["query"] == {"rest-api": "x=%2F&x=1", "alb-single-value": "x=1"}.get(front, "x=%2f&x=1")
        assert ["cookie", "a=1; b=2"] in echoed["headers"]
        multiple = await edge.ask("GET", "/api/cookies", ALLOWED)
        assert len(multiple.headers["set-cookie"]) == 3
        twice = await edge.ask("GET", "/api/own-cors/twice", ALLOWED)
        assert twice.cors["access-control-allow-origin"] == ALLOWED
        # Bytes that are no text come back as they were.
        image = await edge.ask("GET", "/images/demo.png", REFUSED)
        assert image.body.startswith(b"\x89PNG")
        assert image.headers["content-type"] == ["image/png"]
        head = await edge.ask("HEAD", "/api/echo", ALLOWED)
        assert (head.status, head.body) == (200, b"")

    printed = with_edge(story, LocalPlan(front=front, port=0, page_port=0))
    assert not [line for line in printed if line.lstrip().startswith("!") or "error:" in line]
    assert any(line.startswith(f"{front}  OPTIONS /api/echo  |  204  |  handler  |  allowed") for line in printed)


def test_an_http_api_s_stage_stays_out_of_the_way() -> None:
    async def story(edge: RunningEdge) -> None:
        echoed = json.loads((await edge.ask("GET", "/api/echo", ALLOWED)).body)
        assert echoed["path"] == "/api/echo"

    with_edge(story, LocalPlan(front="http-api", port=0, page_port=0, stage="beta"))


def test_the_gateway_s_own_502_has_cors_headers_for_the_page() -> None:
    async def story(edge: RunningEdge) -> None:
        reply = await edge.ask("GET", "/api/echo", ALLOWED)
        assert (reply.status, reply.cors["access-control-allow-origin"]) == (502, ALLOWED)

    with_edge(story, LocalPlan(front="rest-api", port=0, page_port=0, upstream=f"http://127.0.0.1:{free_port()}"))


def test_the_playground_s_usual_port_may_be_taken() -> None:
    """Then it is on any free one; a port that was asked for by name has to be that one."""
    taken = socket.create_server(("127.0.0.1", 0))
    try:
        number = taken.getsockname()[1]

        async def story(edge: RunningEdge) -> None:
            raise AssertionError("must not start")

        with pytest.raises(LocalError, match=f"Port {number} is in use by another program.*--page-port N"):
            with_edge(story, LocalPlan(port=0, page_port=number))
    finally:
        taken.close()
