"""Attach edgecors to an API or a function URL: its own CORS settings off, and preflights let through to the function.

The function behind it is the gateway, or a handler decorated with `edgecors.cors`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from edgecors_admin.account import aws_errors
from edgecors_admin.attach import ERROR, OK, WARNING, Check, ConfigChange
from edgecors_admin.distribution import RECORDS
from edgecors_admin.errors import AwsError, CommandError

if TYPE_CHECKING:
    from edgecors_admin.account import Account

KINDS = ("api", "function-url")
_ROUTE_REMEDY = "Route OPTIONS to the function, without an authorizer, or use a catch-all route."
_AUTHORIZER_REMEDY = "Give OPTIONS a route or method of its own without authorizer and API key."


class AttachedResource:
    """An API or a function URL.

    Attributes:
        name: What it is called in messages and records.
        cors: Its own CORS settings; None without any.
        checks: What was checked.
    """

    def __init__(self, account: Account, name: str) -> None:
        self._account = account
        self.name = name
        self.cors: dict[str, Any] | None = None
        self.checks: tuple[Check, ...] = ()

    @property
    def changes(self) -> tuple[ConfigChange, ...]:
        """What attaching changes."""
        if self.cors is None:
            return ()
        return (
            ConfigChange("Cors", self.cors, None, "turn its own CORS settings off: they answer preflights themselves"),
        )

    def write_cors(self, cors: Mapping[str, Any] | None) -> None:
        """Write the CORS settings; None turns them off."""
        raise NotImplementedError

    def record(self) -> dict[str, Any] | None:
        """The CORS settings that attaching turned off; None when nothing is recorded."""
        client = self._account.ssm
        with aws_errors(self._account.name):
            try:
                value = client.get_parameter(Name=f"{RECORDS}/{self.name}")["Parameter"].get("Value", "")
            except client.exceptions.ParameterNotFound:
                return None
        cors: dict[str, Any] = json.loads(value)
        return cors

    def attach(self) -> None:
        """Record the CORS settings and turn them off."""
        with aws_errors(self._account.name):
            self._account.ssm.put_parameter(
                Name=f"{RECORDS}/{self.name}",
                Value=json.dumps(self.cors),
                Type="String",
                Overwrite=True,
                Tier="Intelligent-Tiering",
            )
        self.write_cors(None)

    def detach(self) -> None:
        """Restore the recorded CORS settings. Raises `CommandError` without a record."""
        cors = self.record()
        if cors is None:
            raise CommandError(f"Nothing is recorded as attached to {self.name}.")
        self.write_cors(cors)
        with aws_errors(self._account.name):
            self._account.ssm.delete_parameter(Name=f"{RECORDS}/{self.name}")


class HttpApi(AttachedResource):
    """An HTTP API."""

    def __init__(self, account: Account, id: str) -> None:
        super().__init__(account, f"api-{id}")
        self._id = id
        self._client = account.client("apigatewayv2")
        with aws_errors(account.name, account.region):
            self.cors = self._client.get_api(ApiId=id).get("CorsConfiguration") or None
            routes = [
                item
                for page in self._client.get_paginator("get_routes").paginate(ApiId=id)
                for item in page.get("Items", [])
            ]
        self.checks = tuple(_check_routes(routes))

    def write_cors(self, cors: Mapping[str, Any] | None) -> None:
        """Write the CORS settings; None turns them off."""
        with aws_errors(self._account.name, self._account.region):
            if cors is None:
                self._client.delete_cors_configuration(ApiId=self._id)
            else:
                self._client.update_api(ApiId=self._id, CorsConfiguration=dict(cors))


class RestApi(AttachedResource):
    """A REST API. It has no CORS settings of its own: what its console calls CORS are OPTIONS methods."""

    def __init__(self, account: Account, id: str) -> None:
        super().__init__(account, f"api-{id}")
        client = account.client("apigateway")
        with aws_errors(account.name, account.region):
            resources = [
                item
                for page in client.get_paginator("get_resources").paginate(restApiId=id, embed=["methods"])
                for item in page.get("items", [])
            ]
            responses = client.get_gateway_responses(restApiId=id).get("items", [])
        self.checks = (*_check_resources(resources), *_check_gateway_responses(responses))


class FunctionUrl(AttachedResource):
    """The URL of a Lambda function."""

    def __init__(self, account: Account, function: str) -> None:
        super().__init__(account, f"function-url-{function.rpartition(':')[2]}")
        self._function = function
        self._client = account.client("lambda")
        with aws_errors(account.name, account.region):
            config = self._client.get_function_url_config(FunctionName=function)
        self.cors = config.get("Cors") or None
        if config.get("AuthType") == "AWS_IAM":
            self.checks = (
                Check(
                    ERROR,
                    "options-authorizer",
                    "The function URL demands signed requests (AWS_IAM). Browsers don't sign preflights, so Lambda"
                    " refuses them before the function runs.",
                    "Use AuthType NONE and authenticate in the function, or put CloudFront in front.",
                ),
            )
        else:
            self.checks = (Check(OK, "preflights", "Preflights reach the function."),)

    def write_cors(self, cors: Mapping[str, Any] | None) -> None:
        """Write the CORS settings; None turns them off."""
        with aws_errors(self._account.name, self._account.region):
            self._client.update_function_url_config(FunctionName=self._function, Cors=dict(cors or {}))


def open_resource(account: Account, kind: str, name: str) -> AttachedResource:
    """The API or function URL of a name. Raises `AwsError` when there is none."""
    if kind == "function-url":
        return FunctionUrl(account, name)
    try:
        return HttpApi(account, name)
    except AwsError as error:
        if error.code != "NotFoundException":
            raise
    return RestApi(account, name)


def _check_routes(routes: Iterable[Mapping[str, Any]]) -> Iterator[Check]:
    """Whether preflights reach an integration of an HTTP API."""
    by_key = {route["RouteKey"]: route for route in routes}
    paths = {key.partition(" ")[2] for key in by_key if key != "$default"}
    missing, guarded = [], []
    for path in sorted(paths) or [""]:
        route = _options_route(by_key, path)
        if route is None:
            missing.append(path)
        elif route.get("AuthorizationType", "NONE") != "NONE" or route.get("ApiKeyRequired"):
            guarded.append(route["RouteKey"])
    yield from _route_checks([path for path in missing if path], sorted(set(guarded)))


def _options_route(by_key: Mapping[str, Mapping[str, Any]], path: str) -> Mapping[str, Any] | None:
    """The route that gets OPTIONS requests for a path: an exact one, the longest greedy one, or $default."""
    for method in ("OPTIONS", "ANY"):
        if route := by_key.get(f"{method} {path}"):
            return route
    greedy = []
    for key in by_key:
        method, _, pattern = key.partition(" ")
        prefix, brace, _ = pattern.partition("{")
        if method in ("OPTIONS", "ANY") and brace and pattern.endswith("+}") and path.startswith(prefix):
            greedy.append((len(prefix), method == "OPTIONS", key))
    return by_key[max(greedy)[2]] if greedy else by_key.get("$default")


def _check_resources(resources: Iterable[Mapping[str, Any]]) -> Iterator[Check]:
    """Whether preflights reach an integration of a REST API."""
    missing, guarded = [], []
    for resource in sorted(resources, key=lambda item: str(item["path"])):
        methods = resource.get("resourceMethods") or {}
        method = methods.get("OPTIONS") or methods.get("ANY")
        if not methods:
            continue
        if method is None:
            missing.append(resource["path"])
            continue
        if (method.get("methodIntegration") or {}).get("type") == "MOCK":
            yield Check(
                ERROR,
                "options-mock",
                f"OPTIONS {resource['path']} is answered by a mock integration: preflights don't reach the function.",
                "Delete that OPTIONS method (the console's Enable CORS made it) and deploy the stage.",
            )
        if method.get("authorizationType", "NONE") != "NONE" or method.get("apiKeyRequired"):
            guarded.append(resource["path"])
    yield from _route_checks(missing, guarded)


def _route_checks(missing: list[str], guarded: list[str]) -> Iterator[Check]:
    if missing:
        listed = ", ".join(missing)
        yield Check(ERROR, "options-route-missing", f"Preflights don't reach the function for {listed}.", _ROUTE_REMEDY)
    if guarded:
        listed = ", ".join(guarded)
        yield Check(
            ERROR,
            "options-authorizer",
            f"Preflights carry no credentials, and {listed} demands them: they are refused before the function runs.",
            _AUTHORIZER_REMEDY,
        )
    if not missing and not guarded:
        yield Check(OK, "preflights", "Preflights reach the function.")


def _check_gateway_responses(responses: Iterable[Mapping[str, Any]]) -> Iterator[Check]:
    with_headers = {
        item["responseType"]
        for item in responses
        if any("access-control-allow-origin" in name.lower() for name in item.get("responseParameters") or {})
    }
    missing = [name for name in ("DEFAULT_4XX", "DEFAULT_5XX") if name not in with_headers]
    if missing:
        yield Check(
            WARNING,
            "gateway-responses",
            f"Errors that API Gateway makes itself ({', '.join(missing)}) have no CORS headers: pages see a"
            " network error.",
            "Set a static Access-Control-Allow-Origin on these responses (the template's GatewayResponseOrigin).",
        )
