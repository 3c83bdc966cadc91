"""The check of deployed functions. AWS's TestFunction is stubbed with the built functions in njs."""

import json
from pathlib import Path
from typing import Any

import pytest
from edgecors.document import load_policy
from edgecors_admin.function_check import CheckResult, check_events, check_functions, expected_answer, publish_commands
from edgecors_admin.key_value_store import compile_policy
from edgecors_local.javascript import Engine

SITE = "EDFDVBD6EXAMPLE"
NAMES = {"viewer-request": "cors-request", "viewer-response": "cors-response"}
EVENTS = Path(__file__).resolve().parents[3] / "events"
POLICIES = {
    "samples": (EVENTS / "policy.json").read_text("utf-8"),
    "list": "https://app.example.com https://*.example.org moz-extension://*",
    "blocking": '{"rules": [{"allow_origins": ["https://app.example.com"], "on_refused": "block"}]}',
    "everyone": "*",
    "debug": '{"rules": [{"allow_origins": ["https://app.example.com"], "allow_methods": ["GET"], "debug": true}]}',
}


class FunctionTester:
    """CloudFront's TestFunction, as far as the check uses it."""

    def __init__(self, njs: Engine, functions: Path, keys: dict[str, str], utilization: str = "12") -> None:
        self._njs = njs
        self._functions = functions
        self._keys = keys
        self._utilization = utilization
        self.error = ""

    def describe_function(self, Name: str, Stage: str) -> dict[str, str]:
        assert Stage == "DEVELOPMENT"
        return {"ETag": f"etag of {Name}"}

    def test_function(self, Name: str, IfMatch: str, Stage: str, EventObject: bytes) -> dict[str, Any]:
        assert IfMatch == f"etag of {Name}"
        event = json.loads(EventObject)
        trigger = event["context"]["eventType"]
        assert Name == NAMES[trigger]
        (output,) = self._njs.run(self._functions / f"{trigger}.js", [{"keys": self._keys}, {"event": event}])
        kind = "response" if "statusCode" in output.result else "request"
        result = {"ComputeUtilization": self._utilization, "FunctionOutput": json.dumps({kind: output.result})}
        return {"TestResult": {**result, "FunctionErrorMessage": self.error}}


def check(client: Any, text: str) -> list[CheckResult]:
    return list(check_functions(client, NAMES, SITE, load_policy(text)))


@pytest.mark.parametrize("text", POLICIES.values(), ids=POLICIES)
def test_check_functions_with_the_policy_in_their_store_are_fine(njs: Engine, functions: Path, text: str) -> None:
    keys = compile_policy(load_policy(text), SITE).content()
    results = check(FunctionTester(njs, functions, keys), text)
    assert [result.fault for result in results] == [""] * len(results)
    assert len(results) >= 12
    assert {result.function for result in results} == set(NAMES)


def test_check_functions_with_another_policy_in_their_store_are_reported(njs: Engine, functions: Path) -> None:
    keys = compile_policy(load_policy("https://other.example"), SITE).content()
    faults = [result.fault for result in check(FunctionTester(njs, functions, keys), POLICIES["list"])]
    assert any("statusCode is 403, not 204" in fault for fault in faults)


def test_check_functions_from_half_of_the_compute_time_are_reported(njs: Engine, functions: Path) -> None:
    keys = compile_policy(load_policy("*"), SITE).content()
    assert all("50 %" in result.fault for result in check(FunctionTester(njs, functions, keys, "50"), "*"))
    assert all(result.fault == "" for result in check(FunctionTester(njs, functions, keys, "49"), "*"))


def test_check_functions_that_fail_are_reported(njs: Engine, functions: Path) -> None:
    client = FunctionTester(njs, functions, {})
    client.error = "SyntaxError: Unexpected token"
    assert all(result.fault.startswith("the function failed: SyntaxError") for result in check(client, "*"))


def test_publish_commands_name_the_version_that_was_checked(njs: Engine, functions: Path) -> None:
    client: Any = FunctionTester(njs, functions, {})
    assert publish_commands(client, NAMES) == [
        "aws cloudfront publish-function --name cors-request --if-match etag of cors-request",
        "aws cloudfront publish-function --name cors-response --if-match etag of cors-response",
    ]


def test_check_events_of_a_list_have_its_origins_and_others() -> None:
    names = [name for name, _ in check_events(SITE, load_policy(POLICIES["list"]))]
    assert "preflight of https://app.example.com" in names
    assert "preflight of https://a.example.org" in names
    assert "response for no origin" in names


def test_expected_answer_without_origin_is_the_request() -> None:
    event = next(event for name, event in check_events(SITE, load_policy("*")) if name == "request of no origin")
    assert expected_answer(load_policy("*"), event) == event["request"]
