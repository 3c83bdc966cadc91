"""What never gets into a log: secrets, whole headers, forged lines."""

from __future__ import annotations

import json
import time
from random import Random
from typing import Any

import pytest
from edgecors.aws import ReadError
from edgecors.aws.parameters import Parameter
from edgecors.decorator import cors
from edgecors.edge import Edge
from edgecors.store import PolicyStore
from edgecors.telemetry import Telemetry

from harness import events, faults, generate, peers
from harness.gateway import Proxy, read_upstreams
from harness.policy_store import OnePolicyStore
from tests.support.instant_region import InstantRegion
from tests.support.parameter_store import ParameterStoreServer

CANARY = "canary-5f1d7c"
SECRETS = ("cookie", "authorization", "x-api-key", "proxy-authorization")


def with_canaries(event: Any) -> Any:
    """The event with a canary in each header that holds a secret, in the query and in the body."""
    for headers in events._maps(event):
        if not isinstance(headers, dict) or not {"host", "Host", "origin", "Origin"} & headers.keys():
            continue
        listed = any(isinstance(value, list) for value in headers.values())
        cloudfront = listed and any(
            isinstance(value, list) and value and isinstance(value[0], dict) for value in headers.values()
        )
        for name in SECRETS:
            value: Any = f"{name}={CANARY}"
            headers[name] = [{"key": name, "value": value}] if cloudfront else [value] if listed else value
    if "Records" in event:
        event["Records"][0].get("cf", {}).get("request", {})["querystring"] = f"token={CANARY}"
    else:
        event |= {"body": CANARY, "rawQueryString": f"token={CANARY}", "queryStringParameters": {"token": CANARY}}
    return event


def test_secret_headers_query_and_body_are_not_logged() -> None:
    random = Random(20261122)
    fronts = events.AllFronts()
    samples = [with_canaries(event) for event in events.seeds() if events._is_request(event)]
    assert samples
    logged: list[str] = []
    for turn in range(600):
        if turn % 50 == 0:
            events._next_policy(random, fronts.store)
        sample = random.choice(samples)
        # Broken events too: their tracebacks are logged.
        event = sample if turn % 3 else events.mutate(random, sample, samples)
        fronts.response = random.choice(events.HANDLER_RESPONSES)
        for name, handler in fronts.handlers.items():
            try:
                handler(event)
            except ValueError as error:
                assert name == "gateway"
                logged.append(str(error))
        logged += fronts.lines
        fronts.lines.clear()
    assert len(logged) > 300
    assert [line for line in logged if CANARY in line] == []


def test_headers_query_and_body_are_not_logged_when_the_upstream_fails() -> None:
    lines: list[str] = []
    telemetry = Telemetry(lines.append)
    gateway = Proxy(read_upstreams("http://127.0.0.1:9"), telemetry, site="shop")
    event = with_canaries(faults.api_event("http-api", "POST", faults.APP))
    answer = cors(policy=faults.APP, telemetry=telemetry)(gateway)(event, None)
    assert answer["statusCode"] == 502
    assert any("upstream failed" in line for line in lines)
    assert [line for line in lines if CANARY in line] == []


class SecretRegion(InstantRegion):
    """A store whose values hold a canary instead of a policy."""

    def __init__(self, value: str, secret: bool) -> None:
        super().__init__()
        self.value, self.secret = value, secret

    def read(self, names: list[str]) -> dict[str, Parameter]:
        canary = Parameter(f"https://user:{CANARY}@a.example {CANARY}", 1, True)
        return {name: Parameter(self.value, 1, self.secret) if "/sites/" in name else canary for name in names}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (CANARY, "origin-no-scheme"),
        (f"https://user:{CANARY}@a.example", "origin-has-userinfo"),
        (
            json.dumps({"rules": [{"allow_origins": [CANARY], CANARY: 1}]}),
            "unknown-field; origin-no-scheme",
        ),
        ('{"password": "' + CANARY, "invalid-json"),
        (f"gz:{CANARY}", "unreadable"),
        (json.dumps({"rules": [{"allow_origins": ["@keys"]}]}), "origin-has-userinfo"),
    ],
)
def test_invalid_secure_string_is_logged_by_code_without_its_value(value: str, code: str) -> None:
    lines: list[str] = []
    store = PolicyStore([SecretRegion(value, secret=True)], Telemetry(lines.append))
    store.get("shop")
    assert any(code in line for line in lines), lines
    assert [line for line in lines if CANARY in line] == []


def test_invalid_string_is_quoted_in_the_log() -> None:
    lines: list[str] = []
    PolicyStore([SecretRegion("https://a.example/x", secret=False)], Telemetry(lines.append)).get("shop")
    assert any("https://a.example/x" in line for line in lines)


def test_secure_string_is_read_as_secret(parameter_store: ParameterStoreServer) -> None:
    from edgecors.aws.parameters import ParameterReader

    parameter_store.put("/edgecors/sites/shop", CANARY, "SecureString")
    parameter_store.put("/edgecors/sites/open", CANARY)
    client = ParameterReader("us-east-1", environ=parameter_store.environment())
    client.begin(["/edgecors/sites/shop", "/edgecors/sites/open"], 10)
    parameters = client.poll(time.monotonic() + 10)
    assert parameters is not None
    secrets = {name: parameter.secret for name, parameter in parameters.items()}
    assert secrets == {"/edgecors/sites/shop": True, "/edgecors/sites/open": False}
    client.close()


def test_credentials_are_not_logged() -> None:
    # AWS answers a wrong signature with the canonical request, which holds the session token.
    def echo(line: peers.PeerConnection, request: bytes) -> None:
        line.send(peers.answer({"__type": "ValidationException", "message": request.decode("latin-1")}, "400 Bad"))

    with peers.PeerServer(echo) as server:
        bench = faults.FrontBench("rest-api", server.url)
        bench.ask(faults.APP)
        bench.close()
    assert any("ValidationException" in line for line in bench.lines)
    assert [line for line in bench.lines if faults.SECRET in line] == []


def test_log_line_is_one_json_object_whatever_the_event_holds() -> None:
    random = Random(7)
    lines: list[str] = []
    telemetry = Telemetry(lines.append)
    store = OnePolicyStore()
    edge = Edge(store, telemetry)  # type: ignore[arg-type]
    forged = '"}\n{"level": "ERROR", "message": "forged"}'
    for _ in range(300):
        events._next_policy(random, store)
        ugly = random.choice(generate.BREAKS) + forged
        pairs = {"origin": f"https://a.example{ugly}", "access-control-request-method": ugly, "host": ugly}
        headers = {name: [{"key": name, "value": text}] for name, text in pairs.items()}
        request = {"method": "OPTIONS", "uri": f"/{ugly}", "headers": headers}
        config = {"distributionId": "E1" if random.random() < 0.5 else ugly, "eventType": "viewer-request"}
        edge.viewer({"Records": [{"cf": {"config": config, "request": request}}]})
    assert lines
    for line in lines:
        assert line.isascii()
        assert not set(line) & set("\r\n\v\f")
        assert json.loads(line).get("message") != "forged"


def test_error_of_the_store_is_logged_on_one_line() -> None:
    class Failing(SecretRegion):
        def get_parameter(self, name: str, deadline: float) -> Parameter | None:
            raise ReadError("x\ny", 'a\r\n{"level": "ERROR"}\u2028')

    lines: list[str] = []
    PolicyStore([Failing("", False)], Telemetry(lines.append)).get("shop")
    assert lines
    assert all(line.isascii() and "\n" not in line and "\r" not in line for line in lines)
