"""Payload format 2.0: HTTP APIs and function URLs.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

from __future__ import annotations

from .http_event import HttpEvent, encode_path, encode_query, read_headers, version_of, without_stage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .http_event import Fields


class ApiGatewayV2(HttpEvent):
    """An event of format 2.0."""

    __slots__ = ("_http",)

    def __init__(self, event: Mapping[str, Any]) -> None:
        context = event["requestContext"]
        self._http: Mapping[str, Any] = context["http"]
        # A function URL hands over the path as it came, an HTTP API decodes it. So does `sam local`.
        decoded = ".lambda-url." not in str(context.get("domainName"))
        path = encode_path(event.get("rawPath") or self._http.get("path"), decoded=decoded)
        super().__init__(event, self._http.get("method"), without_stage(path, context.get("stage")), "https")
        cookies = event.get("cookies")
        if cookies:
            # They are taken out of the headers of an HTTP API's event, and stand in both places of a function URL's.
            self._values = {**self._values, self._spelt.get("cookie", "cookie"): "; ".join(map(str, cookies))}

    @property
    def headers(self) -> list[tuple[str, str]]:
        """All header fields as they came, with the cookies as the one that HTTP/1.1 would have."""
        cookie = self.value("cookie")
        fields = [field for field in read_headers(self.event) if field[0].lower() != "cookie"]
        return fields if cookie is None else [*fields, ("cookie", cookie)]

    def query(self) -> str:
        """The query as it came."""
        return encode_query(self.event.get("rawQueryString"))

    def client(self) -> str | None:
        """The viewer's address."""
        address = self._http.get("sourceIp")
        return str(address) if address else None

    def protocol(self) -> str:
        """The version of HTTP that the viewer spoke."""
        return version_of(self._http.get("protocol"))

    def _complete(self, response: Any) -> Any:
        """Without a status code whatever a function returns is the body of a 200."""
        if isinstance(response, dict) and "statusCode" in response:
            return response
        if not isinstance(response, str):
            import json

            response = json.dumps(response, ensure_ascii=False, default=_number)
        return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": response}

    def _write(self, response: dict[str, Any], fields: Fields) -> None:
        # Set-Cookie is the one header that can't be folded: its dates have commas in them.
        response["headers"] = {
            name: ", ".join(values) for name, values in fields.items() if name.lower() != "set-cookie"
        }
        cookies = [value for name, values in fields.items() if name.lower() == "set-cookie" for value in values]
        if cookies:
            response["cookies"] = cookies


def _number(value: Any) -> float:
    """Lambda's own encoder knows one more type: numbers of DynamoDB."""
    if type(value).__name__ != "Decimal":
        raise TypeError(f"a {type(value).__name__} can't be written as JSON")
    return int(value) if value == value.to_integral_value() else float(value)
