"""CloudFront Functions in front of the cache: the built functions, a KeyValueStore's content, and Lambda@Edge behind.

The functions run at viewer-request and viewer-response; the edge function's handler at origin-response.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from edgecors_local.errors import LocalError
from edgecors_local.handlers import PROJECT
from edgecors_local.invoke import Event, Invocation, Invoker, Say
from edgecors_local.javascript import Engine, EngineError, find_engine

if TYPE_CHECKING:
    from edgecors.policy import Policy

TRIGGERS = ("viewer-request", "viewer-response")
# Functions see these in objects of their own.
_COOKIES = ("cookie", "set-cookie")


class FunctionsInvoker:
    """Hands viewer events to the functions, in their own form, and every other event to Lambda@Edge's handler."""

    def __init__(
        self, engine: Engine, directory: Path, site: str, policy: Callable[[], Policy | None], rest: Invoker, say: Say
    ) -> None:
        """
        Args:
            engine: runs the functions.
            directory: where they were built.
            site: the distribution id, which all keys start with.
            policy: the policy that the store holds now.
            rest: Lambda@Edge's function.
            say: prints a line.
        """
        self._engine = engine
        self._directory = directory
        self._site = site
        self._policy = policy
        self._rest = rest
        self._say = say
        self._compiled: tuple[Policy | None, Mapping[str, str]] = (None, {})

    async def __call__(self, event: Event) -> Invocation:
        """Run the function of the event's trigger."""
        cf = event["Records"][0]["cf"]
        trigger = cf["config"]["eventType"]
        if trigger not in TRIGGERS:
            return await self._rest(event)
        try:
            result = await asyncio.to_thread(self._run, trigger, cf)
        except (EngineError, OSError, subprocess.SubprocessError) as error:
            return _failed(str(error))
        return result

    def _run(self, trigger: str, cf: Mapping[str, Any]) -> Invocation:
        lines: list[Mapping[str, Any]] = [{"keys": self._content()}, {"event": function_event(cf)}]
        (output,) = self._engine.run(self._directory / f"{trigger}.js", lines)
        if output.error:
            return _failed(output.error)
        note = f"{self._engine.name}, {output.reads} {'read' if output.reads == 1 else 'reads'}"
        return Invocation(lambda_result(cf, output.result), decisions=[note])

    def _content(self) -> Mapping[str, str]:
        """The store's content, compiled again when the policy has changed."""
        from edgecors_admin.key_value_store import PolicyTooLargeError, compile_policy

        policy = self._policy()
        if policy is not self._compiled[0]:
            content: Mapping[str, str] = self._compiled[1]
            try:
                content = {} if policy is None else compile_policy(policy, self._site).content()
            except PolicyTooLargeError as error:
                self._say(f"    error: the previous policy stays in the store: {error}")
            self._compiled = policy, content
        return self._compiled[1]


def _failed(error: str) -> Invocation:
    """A failure of a CloudFront Function, which CloudFront answers with 503."""
    return Invocation(error=error, status=503, result_type="FunctionExecutionError")


def function_event(cf: Mapping[str, Any]) -> dict[str, Any]:
    """The event of a CloudFront Function for a record of Lambda@Edge's event at the same trigger.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-event-structure.html
    """
    config, request, response = cf["config"], cf["request"], cf.get("response")
    cookies = [pair for item in request["headers"].get("cookie", ()) for pair in item["value"].split(";")]
    event: dict[str, Any] = {
        "version": "1.0",
        "context": {**config},
        "viewer": {"ip": request["clientIp"]},
        "request": {
            "method": request["method"],
            "uri": request["uri"],
            "querystring": _multi_values(parse_qsl(request["querystring"], keep_blank_values=True)),
            "headers": _headers(request["headers"]),
            "cookies": _multi_values([_pair(cookie) for cookie in cookies if cookie.strip()]),
        },
    }
    if response is not None:
        cookies = [item["value"] for item in response["headers"].get("set-cookie", ())]
        event["response"] = {
            "statusCode": int(response["status"]),
            "statusDescription": response["statusDescription"],
            "headers": _headers(response["headers"]),
            "cookies": _multi_values([_pair(cookie.partition(";")[0]) for cookie in cookies]),
        }
    return event


def lambda_result(cf: Mapping[str, Any], result: Any) -> Any:
    """What a function returned, in the form of Lambda@Edge. Cookies and the query string stay as they were."""
    if not isinstance(result, Mapping):
        return result
    is_response = "statusCode" in result
    original = cf.get("response") if is_response else cf["request"]
    before = original["headers"] if original is not None else {}
    headers = {name: items for name, items in before.items() if name in _COOKIES}
    for name, header in (result.get("headers") or {}).items():
        values = [item["value"] for item in header.get("multiValue") or [header]]
        headers[name] = [{"key": name, "value": value} for value in values]
    if not is_response:
        return {**cf["request"], "uri": result["uri"], "headers": headers}
    response = {"status": str(result["statusCode"]), "statusDescription": result.get("statusDescription", "")}
    body = result.get("body")
    if body is not None and cf.get("response") is None:
        response["body"] = body["data"] if isinstance(body, Mapping) else body
    return {**response, "headers": headers}


def _headers(headers: Mapping[str, Any]) -> dict[str, Any]:
    pairs = [(name, item["value"]) for name, items in headers.items() if name not in _COOKIES for item in items]
    return _multi_values(pairs)


def _multi_values(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    forms: dict[str, Any] = {}
    for name, multiple in values.items():
        forms[name] = {"value": multiple[0]}
        if len(multiple) > 1:
            forms[name]["multiValue"] = [{"value": value} for value in multiple]
    return forms


def _pair(cookie: str) -> tuple[str, str]:
    name, _, value = cookie.strip().partition("=")
    return name, value


def require_engine(say: Say) -> Engine:
    """An engine for the functions. Raises LocalError."""
    engine = find_engine()
    if engine is None:
        raise LocalError(
            "This front needs njs, CloudFront's JavaScript engine (Debian and Ubuntu: apt install njs).", 2
        )
    if not engine.is_judge:
        say("    warning: njs is not installed, so node runs the functions; it accepts code that CloudFront rejects")
    return engine


def build_functions(directory: Path) -> Path:
    """Build the functions from the project's sources. Raises LocalError."""
    script = PROJECT / "scripts" / "build_functions.py"
    if not script.is_file():
        raise LocalError(
            "This front needs the project's sources (functions/viewer): start it with `make run` there.", 2
        )
    built = subprocess.run([sys.executable, script, directory], capture_output=True, text=True, check=False, timeout=60)
    if built.returncode:
        raise LocalError(f"The functions can't be built: {built.stderr.strip()[-500:]}")
    return directory
