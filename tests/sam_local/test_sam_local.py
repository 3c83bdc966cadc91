"""The built functions in `sam local`'s containers: every sample event, both APIs, and the lines that are printed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from edgecors_local.containers import HostAddress

from tests.events.make import APP, EVIL, SOURCES, read_response
from tests.events.test_samples import SAMPLES as GATEWAY_SAMPLES
from tests.functions.edge.support import SETUPS
from tests.functions.edge.test_samples import SAMPLES, expected, read
from tests.functions.gateway.spy import Spy
from tests.sam_local.conftest import ENVIRONMENT, ROOT, TEMPLATES, Prepared, SamServer, prepared, sam_server

pytestmark = pytest.mark.container

EVENTS = ROOT / "events"
EDGE_FUNCTIONS = {"viewer": "EdgeFunction", "origin": "EdgeOriginFunction"}
GUARD_SAMPLES = sorted((EVENTS / "guard").glob("*.json"))
UPSTREAM_BODY = b'{"from": "upstream"}'


def http_response(sample: Path) -> bytes:
    """The response file of a gateway sample as an upstream sends it."""
    source = sample.parent.name
    status, fields, body = read_response(source, read(sample.with_suffix(".response.json")))
    lines = [f"HTTP/1.1 {status} From-The-Sample", *(f"{name}: {value}" for name, value in fields)]
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.fixture(scope="module")
def spy(engine: HostAddress) -> Iterator[Spy]:
    """An upstream on the address by which containers reach this machine."""
    with Spy(host=engine.listen) as running:
        running.answer(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nAccess-Control-Allow-Origin: *\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(UPSTREAM_BODY), UPSTREAM_BODY)
        )
        yield running


@pytest.fixture(scope="module")
def store(built: Path, engine: HostAddress, spy: Spy) -> Iterator[Prepared]:
    with prepared("--upstream", f"http://{engine.name}:{spy.port}") as running:
        yield running


@pytest.fixture(scope="module")
def functions(store: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SamServer]:
    """`sam local start-lambda` with every function, each in one container that is started when it is first invoked."""
    (words, *_) = store.sam_lines("start-api")
    words = [*words[:2], "start-lambda", *words[3:], "--warm-containers", "LAZY"]
    with sam_server(words, tmp_path_factory.mktemp("sam") / "start-lambda.log") as running:
        yield running


@pytest.mark.parametrize("setup", SETUPS)
def test_edge_function_answers_every_sample(setup: str, functions: SamServer) -> None:
    answers = {sample.stem: functions.invoke(EDGE_FUNCTIONS[setup], read(sample)) for sample in SAMPLES}
    assert answers == {sample.stem: expected(sample, setup) for sample in SAMPLES}


@pytest.mark.parametrize("source", SOURCES)
def test_gateway_function_answers_every_sample(source: str, functions: SamServer, spy: Spy) -> None:
    before = spy.script
    try:
        for sample in (path for path in GATEWAY_SAMPLES if path.parent.name == source):
            forwarded = sample.with_suffix(".response.json").exists()
            if forwarded:
                spy.answer(http_response(sample))
            spy.seen.clear()
            answer = functions.invoke("GatewayFunction", read(sample))
            status, fields, body = read_response(source, read(sample.with_suffix(".expected.json")))
            # What the sample's handler does not add, and a proxy does.
            fields = sorted([*fields, ("via", "1.1 edgecors")]) if forwarded else fields
            assert read_response(source, answer) == (status, fields, body)
            assert len(spy.seen) == forwarded
    finally:
        spy.script = before


@pytest.mark.parametrize("sample", GUARD_SAMPLES, ids=lambda path: path.stem)
def test_guard_handles_every_sample(sample: Path, functions: SamServer) -> None:
    """The guard returns nothing; an error would come back as a dictionary with ``errorMessage``."""
    assert functions.invoke("GuardFunction", read(sample)) is None


def headers_of(fields: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The CORS headers and Vary, each with its values."""
    headers: dict[str, list[str]] = {}
    for name, value in fields:
        if name.startswith("access-control-") or name == "vary":
            headers.setdefault(name, []).append(value)
    return headers


@pytest.mark.parametrize("api", ["http-api.json", "rest-api.json"])
def test_start_api_serves_preflights_and_requests(api: str, store: Prepared, spy: Spy, tmp_path: Path) -> None:
    [words] = [words for words in store.sam_lines("start-api") if str(TEMPLATES / api) in words]
    spy.seen.clear()
    with sam_server(words, tmp_path / "start-api.log") as server:
        asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"}
        status, fields, body = server.request("OPTIONS", "/api/orders", {"Origin": APP, **asked})
        assert (status, body) == (204, b"")
        assert headers_of(fields) == {
            "access-control-allow-origin": [APP],
            "access-control-allow-credentials": ["true"],
            "access-control-allow-methods": ["GET, HEAD, PUT, DELETE"],
            "access-control-allow-headers": ["content-type, authorization"],
            "access-control-max-age": ["7200"],
            "vary": ["Origin, Access-Control-Request-Method, Access-Control-Request-Headers"],
        }
        status, fields, _ = server.request("OPTIONS", "/api/orders", {"Origin": EVIL, **asked})
        assert status == 403
        assert headers_of(fields).keys() == {"vary"}
        assert spy.seen == []

        # SAM's own HTTP API can't pass on a body that is not UTF-8 (it answers 502), so this one is.
        status, fields, body = server.request("PUT", "/api/orders?q=1", {"Origin": APP}, b'{"a": 1}')
        assert (status, body) == (200, UPSTREAM_BODY)
        assert headers_of(fields) == {
            "access-control-allow-origin": [APP],
            "access-control-allow-credentials": ["true"],
            "access-control-expose-headers": ["x-request-id"],
            "vary": ["Origin"],
        }
        status, fields, body = server.request("GET", "/api/orders", {"Origin": EVIL})
        assert (status, body) == (200, UPSTREAM_BODY)
        assert headers_of(fields) == {"vary": ["Origin"]}
    assert [seen.line for seen in spy.seen] == ["PUT /api/orders?q=1 HTTP/1.1", "GET /api/orders HTTP/1.1"]
    assert spy.seen[0].body == b'{"a": 1}'


def test_printed_lines_work_as_pasted(store: Prepared) -> None:
    """Each `sam local invoke` line, in a container of its own."""
    lines = store.sam_lines("invoke")
    answers: dict[str, Any] = {}
    for words in lines:
        done = subprocess.run(
            words, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        answers[words[3]] = json.loads(done.stdout)
    assert answers.pop("GuardFunction") is None
    statuses = {name: answer.get("status", answer.get("statusCode")) for name, answer in answers.items()}
    assert statuses == {"EdgeFunction": "204", "EdgeOriginFunction": "204", "GatewayFunction": 204}
