"""Application load balancers, with and without multi-value headers (an attribute of the target group).

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

from __future__ import annotations

from itertools import product

from .http_event import HttpEvent, encode_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from .http_event import HeaderValues


class Alb(HttpEvent):
    """An event of a load balancer. With multi-value headers off, it has only the last value of each header."""

    kind = "alb"
    __slots__ = ("_multi_value",)

    def __init__(self, event: Mapping[str, Any]) -> None:
        super().__init__(event, event.get("httpMethod"), encode_path(event.get("path")), None)
        self._multi_value = event.get("multiValueHeaders") is not None
        scheme = self.value("x-forwarded-proto")
        self.scheme = scheme.lower() if scheme else None

    def _add_headers(self, response: dict[str, Any], headers: Mapping[str, str]) -> None:
        if not self._multi_value:
            super()._add_headers(response, headers)
            return
        fields = {name: [value] for name, value in headers.items()}
        response["multiValueHeaders"] = {**(response.get("multiValueHeaders") or {}), **fields}

    def _start_response(self, status: int) -> dict[str, Any]:
        from http import HTTPStatus

        known = status in HTTPStatus._value2member_map_
        description = f"{status} {HTTPStatus(status).phrase}" if known else str(status)
        return {"statusCode": status, "statusDescription": description, "isBase64Encoded": False}

    def _write_headers(self, response: dict[str, Any], fields: HeaderValues) -> None:
        if self._multi_value:
            response["multiValueHeaders"] = fields
            return
        response["headers"] = headers = {}
        for name, values in fields.items():
            if name.lower() != "set-cookie":
                headers[name] = ", ".join(values)
                continue
            # A map has a name once, and cookies can't be joined; but names that differ in case are different keys.
            headers.update(zip(_spellings(name), values, strict=False))


def _spellings(name: str) -> Iterator[str]:
    return ("".join(letters) for letters in product(*((a, a.swapcase()) if a.isalpha() else (a,) for a in name)))
