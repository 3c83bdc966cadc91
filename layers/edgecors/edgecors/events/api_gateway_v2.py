"""Payload format 2.0: HTTP APIs and function URLs.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

from __future__ import annotations

from .http_event import HttpEvent, encode_path, remove_stage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .http_event import HeaderValues


class ApiGatewayV2(HttpEvent):
    """An event of format 2.0."""

    kind = "http"
    __slots__ = ()

    def __init__(self, event: Mapping[str, Any]) -> None:
        context = event["requestContext"]
        http: Mapping[str, Any] = context["http"]
        # A function URL passes the path on as received, an HTTP API decodes it. So does `sam local`.
        decoded = ".lambda-url." not in str(context.get("domainName"))
        path = encode_path(event.get("rawPath") or http.get("path"), decoded=decoded)
        super().__init__(event, http.get("method"), remove_stage(path, context.get("stage")), "https")

    def _complete_response(self, response: Any) -> Any:
        """A value without a status code is the body of a 200."""
        if isinstance(response, dict) and "statusCode" in response:
            return response
        if not isinstance(response, str):
            import json

            response = json.dumps(response, ensure_ascii=False, default=_encode_decimal)
        return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": response}

    def _write_headers(self, response: dict[str, Any], fields: HeaderValues) -> None:
        # Set-Cookie is the one header that can't be joined: its dates contain commas.
        response["headers"] = {
            name: ", ".join(values) for name, values in fields.items() if name.lower() != "set-cookie"
        }
        cookies = [value for name, values in fields.items() if name.lower() == "set-cookie" for value in values]
        if cookies:
            response["cookies"] = cookies


def _encode_decimal(value: Any) -> float:
    """Lambda's own encoder accepts Decimal, the number type of DynamoDB."""
    if type(value).__name__ != "Decimal":
        raise TypeError(f"a {type(value).__name__} can't be written as JSON")
    return int(value) if value == value.to_integral_value() else float(value)
