"""``@cors`` around handlers: which handler is called, what is returned, what is logged."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from edgecors import Policy, PolicyError, cors
from edgecors.decorator import IN_CODE, SharedServices, shared
from edgecors.telemetry import Telemetry
from edgecors.testing import FakeStore, fake_store

from tests.events.make import (
    ALB,
    APP,
    EVIL,
    HTTP_2,
    REST,
    SOURCES,
    URL,
    make_event,
    preflight,
    read_response,
)

ACAO = "access-control-allow-origin"
ACAC = "access-control-allow-credentials"
PREFLIGHT_VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"


class Handler:
    """Returns or raises ``result``, and records its calls."""

    def __init__(self, result: Any = None) -> None:
        self.result = {"statusCode": 200, "body": "data"} if result is None else result
        self.calls: list[tuple[Any, Any]] = []

    def __call__(self, event: Any, context: Any) -> Any:
        self.calls.append((event, context))
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


class Lines:
    """A telemetry with the lines that it wrote."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.telemetry = Telemetry(lambda line: self.lines.append(json.loads(line)))

    def logged(self, level: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line.get("level") == level]

    def counted(self, metric: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if metric in line]


def get(source: str, origin: str | None = APP) -> dict[str, Any]:
    return make_event(source, headers=[("Origin", origin)] if origin else [])


def around(handler: Callable[[Any, Any], Any], **options: Any) -> Callable[[Any, Any], Any]:
    arguments: dict[str, Any] = {"policy": APP, "telemetry": Telemetry(lambda line: None)} | options
    decorated: Callable[[Any, Any], Any] = cors(**arguments)(handler)
    return decorated


@pytest.mark.parametrize("source", SOURCES)
def test_preflight_is_answered_without_calling_the_handler(source: str) -> None:
    handler = Handler()
    assert read_response(source, around(handler)(preflight(source), None)) == (
        204,
        [
            ("access-control-allow-headers", "*, authorization"),
            ("access-control-allow-methods", "GET, HEAD, POST, PUT, PATCH, DELETE"),
            (ACAO, APP),
            ("access-control-max-age", "7200"),
            ("vary", PREFLIGHT_VARY),
        ],
        b"",
    )
    assert handler.calls == []


@pytest.mark.parametrize("source", SOURCES)
def test_refused_preflight_is_answered_without_calling_the_handler(source: str) -> None:
    handler = Handler()
    answer = around(handler)(preflight(source, EVIL), None)
    assert read_response(source, answer) == (403, [("cache-control", "no-store"), ("vary", PREFLIGHT_VARY)], b"")
    assert handler.calls == []


@pytest.mark.parametrize("source", SOURCES)
def test_options_request_that_is_not_a_preflight_reaches_the_handler(source: str) -> None:
    handler = Handler()
    event = make_event(source, "OPTIONS", headers=[("Origin", APP)])
    assert read_response(source, around(handler)(event, None)) == (200, [(ACAO, APP), ("vary", "Origin")], b"data")
    assert handler.calls == [(event, None)]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("origin", [EVIL, f"{APP}.evil.io", None])
def test_refused_origin_gets_vary_only(source: str, origin: str | None) -> None:
    answer = around(Handler())(get(source, origin), None)
    assert read_response(source, answer) == (200, [("vary", "Origin")], b"data")


@pytest.mark.parametrize("source", SOURCES)
def test_two_origin_headers_are_refused(source: str) -> None:
    event = make_event(source, headers=[("Origin", APP), ("Origin", EVIL)])
    status, headers, _ = read_response(source, around(Handler())(event, None))
    assert (status, headers) == (200, [("vary", "Origin")])


@pytest.mark.parametrize("source", SOURCES)
def test_blocked_origin_does_not_reach_the_handler(source: str) -> None:
    handler = Handler()
    policy = {"version": 1, "rules": [{"allow_origins": [APP], "on_refused": "block"}]}
    blocked = around(handler, policy=policy)
    assert read_response(source, blocked(get(source, EVIL), None)) == (
        403,
        [("cache-control", "no-store"), ("vary", "Origin")],
        b"",
    )
    assert handler.calls == []
    assert read_response(source, blocked(get(source, None), None))[0] == 200


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("event", [get, preflight])
def test_shadow_or_unmanaged_response_is_the_same_object(source: str, event: Callable[[str], dict[str, Any]]) -> None:
    returned = {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "https://own.example"}}
    rule = {"allow_origins": [APP]}
    for policy in (
        {"version": 1, "mode": "shadow", "rules": [rule]},
        {"version": 1, "rules": [rule | {"paths": ["/z"]}]},
    ):
        assert around(Handler(returned), policy=policy)(event(source), None) is returned


@pytest.mark.parametrize("source", SOURCES)
def test_rule_paths_match_the_viewer_s_path(source: str) -> None:
    policy = {"version": 1, "rules": [{"paths": ["/api/*"], "allow_origins": [APP]}]}
    status, headers, _ = read_response(source, around(Handler(), policy=policy)(get(source), None))
    assert (status, headers) == (200, [(ACAO, APP), ("vary", "Origin")])


@pytest.mark.parametrize("source", SOURCES)
def test_handler_exception_is_a_500_with_cors_headers(source: str) -> None:
    lines = Lines()
    handler = Handler(RuntimeError("the database is at db.internal"))
    answer = around(handler, telemetry=lines.telemetry)(get(source), None)
    status, headers, body = read_response(source, answer)
    assert (status, headers) == (
        500,
        [
            (ACAO, APP),
            ("cache-control", "no-store"),
            ("content-type", "application/problem+json"),
            ("vary", "Origin"),
        ],
    )
    assert json.loads(body)["title"] == "Internal Server Error"
    assert b"internal." not in body
    (logged,) = lines.logged("ERROR")
    assert logged["message"] == "the handler failed"
    assert logged["site"] == IN_CODE
    assert logged["exception"].endswith("RuntimeError: the database is at db.internal\n")
    assert [line["HandlerErrors"] for line in lines.counted("HandlerErrors")] == [1]


def test_raise_errors_leaves_the_exception_to_lambda() -> None:
    lines = Lines()
    error = RuntimeError("no")
    with pytest.raises(RuntimeError) as raised:
        around(Handler(error), telemetry=lines.telemetry, raise_errors=True)(get(REST), None)
    assert raised.value is error
    assert lines.logged("ERROR") == []


def test_result_that_is_not_json_is_a_500() -> None:
    assert around(Handler({1, 2}))(get(HTTP_2), None)["statusCode"] == 500


@pytest.mark.parametrize("event", [None, {}, {"detail-type": "Scheduled Event"}, "ping"])
def test_event_that_is_not_a_request_goes_to_the_handler_unchanged(event: Any) -> None:
    handler = Handler(ValueError("its own"))
    with pytest.raises(ValueError, match="its own"):
        around(handler)(event, "context")
    handler.result = "answer"
    assert around(handler)(event, "context") == "answer"
    assert handler.calls == [(event, "context")] * 2


@pytest.mark.parametrize("broken", [{"headers": ["x"]}, {"headers": {"Host": 1}, "multiValueHeaders": 7}])
@pytest.mark.parametrize("source", SOURCES)
def test_unparseable_event_goes_to_the_handler_unchanged(source: str, broken: dict[str, Any]) -> None:
    lines = Lines()
    handler = Handler("answer")
    event = make_event(source) | broken
    assert around(handler, telemetry=lines.telemetry)(event, None) == "answer"
    assert handler.calls == [(event, None)]
    assert [line["message"] for line in lines.logged("ERROR")] == [
        "the event can't be parsed; it is passed to the handler unchanged"
    ]


def test_headers_of_one_response_are_not_in_the_next() -> None:
    constant = {"statusCode": 200, "headers": {"X": "y"}, "body": "data"}
    policy = {"version": 1, "rules": [{"allow_origins": [APP], "allow_credentials": True}]}
    handler = around(Handler(constant), policy=policy)
    first, second = handler(get(REST), None), handler(get(REST, EVIL), None)
    assert read_response(REST, first)[1] == [(ACAC, "true"), (ACAO, APP), ("vary", "Origin"), ("x", "y")]
    assert read_response(REST, second)[1] == [("vary", "Origin"), ("x", "y")]
    assert constant == {"statusCode": 200, "headers": {"X": "y"}, "body": "data"}


@pytest.mark.parametrize("source", SOURCES)
def test_method_is_decorated_like_a_function(source: str) -> None:
    class Application:
        @cors(policy=APP, telemetry=Telemetry(lambda line: None))
        def handle(self, event: Any, context: Any) -> Any:
            return {"statusCode": 200, "body": "data"}

    application = Application()
    assert read_response(source, application.handle(get(source), None)) == (
        200,
        [(ACAO, APP), ("vary", "Origin")],
        b"data",
    )
    assert read_response(source, application.handle(preflight(source), None))[0] == 204
    assert read_response(source, application.handle(event=get(source, EVIL), context=None))[1] == [("vary", "Origin")]


@pytest.mark.parametrize("source", SOURCES)
def test_asynchronous_handler_stays_asynchronous(source: str) -> None:
    @cors(policy=APP, telemetry=Telemetry(lambda line: None))
    async def handler(event: Any, context: Any) -> Any:
        if context == "broken":
            raise RuntimeError("broken inside")
        return {"statusCode": 200, "body": "data"}

    def answer(event: Any, context: Any = None) -> tuple[int, list[tuple[str, str]], bytes]:
        return read_response(source, asyncio.run(handler(event, context)))

    assert answer(get(source)) == (200, [(ACAO, APP), ("vary", "Origin")], b"data")
    assert answer(preflight(source))[0] == 204
    status, headers, _ = answer(get(source), "broken")
    assert (status, dict(headers)[ACAO]) == (500, APP)
    assert asyncio.run(handler({"detail-type": "Scheduled Event"}, None))["statusCode"] == 200


def test_function_url_cors_headers_are_replaced() -> None:
    returned = {"statusCode": 200, "headers": {"access-control-allow-origin": "*", "Access-Control-Allow-Origin": APP}}
    headers = around(Handler(returned))(get(URL), None)["headers"]
    assert headers == {"Access-Control-Allow-Origin": APP, "Vary": "Origin"}


def test_bare_decorator_reads_the_site_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECORS_SITE", "shop")

    @cors
    def handler(event: Any, context: Any) -> Any:
        """Its words."""
        return {"statusCode": 200}

    assert handler.__doc__ == "Its words."
    assert handler.__name__ == "handler"
    with fake_store({"shop": APP}) as store:
        assert handler(get(ALB), None)["headers"]["Access-Control-Allow-Origin"] == APP
        store.delete("shop")
        assert "Access-Control-Allow-Origin" not in handler(get(ALB), None)["headers"]


def test_site_argument_overrides_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECORS_SITE", "other")
    with fake_store({"shop": APP}):
        answer = cors(site="shop")(Handler())(get(REST), None)
    assert answer["headers"]["Access-Control-Allow-Origin"] == APP


def test_no_policy_yet_passes_requests_without_cors_headers() -> None:
    store = FakeStore({"shop": APP})
    store.available = False
    handler = Handler({"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*"}, "body": "data"})
    decorated = cors(site="shop", store=store, telemetry=Telemetry(lambda line: None))(handler)
    assert read_response(REST, decorated(get(REST), None)) == (200, [("vary", "Origin")], b"data")
    assert read_response(REST, decorated(preflight(REST), None)) == (
        503,
        [("cache-control", "no-store"), ("retry-after", "1"), ("vary", PREFLIGHT_VARY)],
        b"",
    )


def test_store_exception_passes_requests_without_cors_headers() -> None:
    class Broken:
        def get(self, site: str) -> Policy | None:
            raise RuntimeError("broken")

    lines = Lines()
    handler = Handler({"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*"}, "body": "data"})
    answer = cors(site="shop", store=Broken(), telemetry=lines.telemetry)(handler)(get(REST), None)
    assert read_response(REST, answer) == (200, [("vary", "Origin")], b"data")
    assert [line["message"] for line in lines.logged("ERROR")] == ["the decision failed; the request is passed on"]


@pytest.mark.parametrize("origin", [APP, EVIL])
def test_log_that_can_t_be_written_changes_no_answer(origin: str) -> None:
    def write(line: str) -> None:
        raise OSError("the log is closed")

    with_log = around(Handler())(get(REST, origin), None)
    assert around(Handler(), telemetry=Telemetry(write))(get(REST, origin), None) == with_log
    failing = around(Handler(RuntimeError("broken")), telemetry=Telemetry(write))
    assert failing(get(REST, origin), None)["statusCode"] == 500


def test_decision_is_counted_for_the_site() -> None:
    lines = Lines()
    cors(site="shop", store=FakeStore({"shop": APP}), telemetry=lines.telemetry)(Handler())(get(REST), None)
    (counted,) = lines.counted("Decisions")
    assert (counted["site"], counted["reason"], counted["Decisions"]) == ("shop", "allowed", 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"write cors\(site=\.\.\.\) or set the environment variable EDGECORS_SITE"),
        ({"site": ""}, "EDGECORS_SITE"),
        ({"site": "a/b"}, "'a/b' is not a valid site name"),
        ({"site": "shop", "policy": APP}, "can't be combined"),
        ({"store": FakeStore(), "policy": APP}, "can't be combined"),
        ({"policy": [APP]}, "a policy in the code is a string such as .*, not a list"),
        ({"policy": {"rules": [{"allow_origins": {APP}}]}}, "has a value that JSON does not have: .* set "),
        ({"policy": "@partners"}, "can't use lists of Parameter Store \\(@partners\\)"),
    ],
)
def test_invalid_argument_raises_when_the_decorator_is_applied(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cors(**options)


@pytest.mark.parametrize("handler", ["shop", {"rules": []}, 7])
def test_positional_argument_that_is_not_a_handler_raises_when_the_decorator_is_applied(handler: Any) -> None:
    with pytest.raises(ValueError, match=r"in place of a handler: name the argument, as in cors\(site='shop'\)"):
        cors(handler)


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        ("app.example.com", "origin-no-scheme"),
        ({"version": 1, "rules": [{"allow_origins": "*", "allow_credentials": True}]}, "wildcard-with-credentials"),
    ],
)
def test_invalid_policy_argument_raises_policy_error(policy: Any, code: str) -> None:
    with pytest.raises(PolicyError) as raised:
        cors(policy=policy)
    assert [finding.code for finding in raised.value.errors] == [code]


def test_policy_argument_with_a_repaired_entry_is_accepted() -> None:
    answer = around(Handler(), policy="HTTPS://App.example.com/, https://b.example")(get(REST), None)
    assert answer["headers"]["Access-Control-Allow-Origin"] == APP


def test_handlers_of_a_process_share_one_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    services = SharedServices()
    assert services.store is services.store
    assert services.telemetry is services.telemetry


def test_handlers_log_to_standard_output(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgecors.decorator.shared", SharedServices())
    cors(policy=APP)(Handler())(get(REST), None)
    assert json.loads(capsys.readouterr().out)["site"] == IN_CODE


def hooks(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], object]]:
    """The actions that are registered for a restore."""
    registered: list[Callable[[], object]] = []
    module = ModuleType("snapshot_restore_py")
    module.register_after_restore = registered.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", module)
    return registered


def test_restored_snapshot_resets_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    registered = hooks(monkeypatch)
    store = SharedServices().store
    assert registered == [store.reset_after_restore]  # type: ignore[attr-defined]


def test_runtime_without_snapshots_registers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", None)
    assert SharedServices().store is not None


def test_fake_store_restores_the_shared_store() -> None:
    before = shared.replace_store(None)
    try:
        with fake_store({"shop": "@partners"}, {"partners": APP}) as store:
            assert shared.store is store
            policy = store.get("shop")
            assert policy is not None
            origins = policy.rules[0].grants[0].allow_origins
            assert origins is not None
            assert origins.match(APP) == APP
        assert shared.replace_store(before) is None
    finally:
        shared.replace_store(before)


def test_fake_store_with_an_invalid_policy_raises_policy_error() -> None:
    with pytest.raises(PolicyError):
        FakeStore({"shop": {"version": 1}})
