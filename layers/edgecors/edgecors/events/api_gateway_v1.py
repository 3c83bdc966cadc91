"""Payload format 1.0: REST APIs, and HTTP APIs that are set to it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

from .http_event import HttpEvent, encode_path, remove_stage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .http_event import HeaderValues


class ApiGatewayV1(HttpEvent):
    """An event of format 1.0. The console's test invocation has null for every map."""

    kind = "rest"
    __slots__ = ()

    def __init__(self, event: Mapping[str, Any]) -> None:
        path = event.get("path")
        if event.get("version") == "1.0":
            # An HTTP API decodes the path and leaves the stage in it; a REST API does neither.
            stage = (event.get("requestContext") or {}).get("stage")
            path = remove_stage(encode_path(path, decoded=True), stage)
        else:
            path = encode_path(path)
        super().__init__(event, event.get("httpMethod"), path, "https")

    def _write_headers(self, response: dict[str, Any], fields: HeaderValues) -> None:
        # API Gateway merges the two maps.
        response["headers"] = {name: values[0] for name, values in fields.items() if len(values) == 1}
        repeated = {name: values for name, values in fields.items() if len(values) > 1}
        if repeated:
            response["multiValueHeaders"] = repeated
