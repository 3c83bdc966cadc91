"""The secret header for the upstream: sent with every request, seen by nobody else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

import pytest
from edgecors.aws import ReadError
from edgecors.aws.parameters import Parameter, ParameterReader
from edgecors.telemetry import Telemetry

from tests.events.make import APP, HTTP_2, REST, make_event, preflight, read_response
from tests.functions.gateway.conftest import LoggingGateway
from tests.functions.gateway.spy import Spy
from tests.support.parameter_store import ParameterStoreServer

SECRET = "s3cr3t-0123456789"
PARAMETER = "/edgecors/secrets/shop"


class ScriptedReader:
    """Answers each read with the next outcome."""

    def __init__(self, *outcomes: Any) -> None:
        self.outcomes = list(outcomes)
        self.begun: list[list[str]] = []
        self.closed = 0

    def begin(self, names: Iterable[str], patience: float) -> None:
        self.begun.append(list(names))

    def poll(self, deadline: float) -> Mapping[str, Parameter] | None:
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return {PARAMETER: Parameter(outcome, 1, True)} if isinstance(outcome, str) else outcome

    def close(self) -> None:
        self.closed += 1


class SecretClock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def from_environment(**variables: str) -> Any:
    return import_module("secret").read_secret_header(variables, Telemetry(lambda line: None))


def from_reader(reader: Any, clock: SecretClock, lines: list[str]) -> Any:
    header = import_module("secret").ParameterSecretHeader
    return header("X-Secret", PARAMETER, reader, Telemetry(lines.append), clock)


def before(spy: Spy, **variables: str) -> LoggingGateway:
    return LoggingGateway(f"http://{spy.netloc}", secret=from_environment(**variables))


@pytest.mark.parametrize("source", [REST, HTTP_2])
def test_secret_is_sent_and_a_viewer_s_own_header_is_dropped(source: str, spy: Spy) -> None:
    gateway = before(spy, EDGECORS_UPSTREAM_SECRET=SECRET)
    gateway(make_event(source, headers=[("x-edgecors-secret", "guess"), ("X-Other", "1")]))
    (seen,) = spy.seen
    assert (seen.values("x-edgecors-secret"), seen.values("x-other")) == ([SECRET], ["1"])


def test_secret_header_can_be_named(spy: Spy) -> None:
    gateway = before(spy, EDGECORS_UPSTREAM_SECRET=SECRET, EDGECORS_UPSTREAM_SECRET_HEADER="X-Origin-Verify")
    gateway(make_event(REST, headers=[("X-ORIGIN-VERIFY", "guess")]))
    assert spy.seen[0].values("x-origin-verify") == [SECRET]


def test_secret_repeated_by_the_upstream_does_not_reach_the_viewer(spy: Spy) -> None:
    gateway = before(spy, EDGECORS_UPSTREAM_SECRET=SECRET)
    spy.answer(f"HTTP/1.1 200 OK\r\nx-edgecors-secret: {SECRET}\r\nContent-Length: 0\r\n\r\n".encode())
    assert SECRET not in json.dumps(gateway(make_event(REST)))


def test_trace_request_has_no_secret(spy: Spy) -> None:
    gateway = before(spy, EDGECORS_UPSTREAM_SECRET=SECRET)
    gateway(make_event(REST, "TRACE", headers=[("x-edgecors-secret", "guess")]))
    assert spy.seen[0].values("x-edgecors-secret") == []


def test_secret_is_not_logged(spy: Spy) -> None:
    gateway = before(spy, EDGECORS_UPSTREAM_SECRET=SECRET)
    spy.close = True
    for raw in (b"not HTTP", f"HTTP/1.1 200 {SECRET}\r\nContent-Length: x\r\n\r\n".encode()):
        spy.answer(raw)
        assert gateway(make_event(REST))["statusCode"] == 502
    assert len(gateway.failures) == 2
    assert SECRET not in json.dumps(gateway.lines)


def test_parameter_is_read_once_in_five_minutes() -> None:
    reader, clock = ScriptedReader("one", "two"), SecretClock()
    secret = from_reader(reader, clock, [])
    assert [secret.value(), secret.value()] == ["one", "one"]
    clock.now += 299
    assert secret.value() == "one"
    clock.now += 1
    assert secret.value() == "two"
    assert reader.begun == [[PARAMETER]] * 2


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (ReadError("AccessDeniedException", f"no {SECRET}"), "AccessDeniedException"),
        ({}, "not-found"),
        ("", "invalid-value"),
        ("a\r\nX: y", "invalid-value"),
        ("é", "invalid-value"),
        ("x" * 4097, "invalid-value"),
    ],
)
def test_failed_refresh_keeps_the_last_secret_and_is_logged(outcome: Any, code: str) -> None:
    lines: list[str] = []
    reader, clock = ScriptedReader("one", outcome, "two"), SecretClock()
    secret = from_reader(reader, clock, lines)
    assert secret.value() == "one"
    clock.now += 300
    assert [secret.value(), secret.value()] == ["one", "one"]
    (line,) = map(json.loads, lines)
    assert (line["level"], line["message"], line["code"], line["known"]) == (
        "ERROR",
        "upstream secret refresh failed",
        code,
        True,
    )
    assert SECRET not in lines[0]
    clock.now += 10
    assert secret.value() == "two"


def test_slow_read_is_continued_by_later_requests() -> None:
    reader, clock = ScriptedReader(None, "one", None, "two"), SecretClock()
    secret = from_reader(reader, clock, [])
    assert [secret.value(), secret.value()] == [None, "one"]
    clock.now += 300
    assert [secret.value(), secret.value()] == ["one", "one"]
    clock.now += 1
    assert secret.value() == "two"
    assert reader.begun == [[PARAMETER]] * 2


def test_request_without_a_known_secret_does_not_reach_the_upstream(spy: Spy) -> None:
    reader = ScriptedReader(ReadError("timeout", "no answer"))
    gateway = LoggingGateway(f"http://{spy.netloc}", secret=from_reader(reader, SecretClock(), []))
    status, headers, body = read_response(REST, gateway(make_event(REST, headers=[("Origin", APP)])))
    assert (status, dict(headers)["access-control-allow-origin"]) == (503, APP)
    assert json.loads(body)["detail"] == "The gateway is not ready."
    assert spy.seen == []
    assert [line["error"] for line in gateway.failures] == ["the upstream's secret is unknown"]
    # A preflight needs no upstream.
    assert gateway(preflight(REST))["statusCode"] == 204


def test_restored_snapshot_reads_the_secret_again(spy: Spy) -> None:
    reader = ScriptedReader("one", "two")
    gateway = LoggingGateway(f"http://{spy.netloc}", secret=from_reader(reader, SecretClock(), []))
    gateway(make_event(REST, headers=[]))
    gateway.proxy.reset_after_restore()
    gateway(make_event(REST, headers=[]))
    assert [seen.values("x-secret") for seen in spy.seen] == [["one"], ["two"]]
    assert reader.closed == 1


def test_secret_string_is_read_from_parameter_store(spy: Spy, parameter_store: ParameterStoreServer) -> None:
    parameter_store.put(PARAMETER, SECRET, "SecureString")
    environment = parameter_store.environment()
    reader = ParameterReader(environment["AWS_REGION"], environ=environment)
    gateway = LoggingGateway(f"http://{spy.netloc}", secret=from_reader(reader, SecretClock(), []))
    gateway(make_event(REST))
    assert spy.seen[0].values("x-secret") == [SECRET]


def test_no_variable_means_no_secret() -> None:
    assert from_environment() is None
    assert from_environment(EDGECORS_UPSTREAM_SECRET="", EDGECORS_UPSTREAM_SECRET_PARAMETER="") is None


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"EDGECORS_UPSTREAM_SECRET": SECRET, "EDGECORS_UPSTREAM_SECRET_PARAMETER": PARAMETER}, "not both"),
        ({"EDGECORS_UPSTREAM_SECRET": f"{SECRET} x"}, "EDGECORS_UPSTREAM_SECRET is invalid"),
        ({"EDGECORS_UPSTREAM_SECRET": f"{SECRET}\n"}, "EDGECORS_UPSTREAM_SECRET is invalid"),
        *(
            (
                {"EDGECORS_UPSTREAM_SECRET": SECRET, "EDGECORS_UPSTREAM_SECRET_HEADER": name},
                "use a header name of your own",
            )
            for name in ("x y", "Host", "TE", "Origin", "Access-Control-Allow-Origin", "X-Forwarded-For", "X:")
        ),
    ],
)
def test_invalid_secret_variables_name_the_fault_and_not_the_secret(variables: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        from_environment(**variables)
    assert SECRET not in str(raised.value)
