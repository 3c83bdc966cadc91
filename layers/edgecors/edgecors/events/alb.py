"""Application load balancers, with and without multi-value headers (an attribute of the target group).

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

from __future__ import annotations

from itertools import product

from .http_event import HttpEvent, encode_path, encode_query, read_parameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from .http_event import Fields


class Alb(HttpEvent):
    """An event of a load balancer. Repeated headers and parameters are there only with multi-value headers on."""

    __slots__ = ("_several",)

    limit = 1024 * 1024

    def __init__(self, event: Mapping[str, Any]) -> None:
        super().__init__(event, event.get("httpMethod"), encode_path(event.get("path")), None)
        self._several = event.get("multiValueHeaders") is not None
        scheme = self.value("x-forwarded-proto")
        self.scheme = scheme.lower() if scheme else None

    def query(self) -> str:
        """The query: names and values are not decoded in the event, so they are only joined."""
        return encode_query(
            "&".join(name if value is None else f"{name}={value}" for name, value in read_parameters(self.event))
        )

    def client(self) -> str | None:
        """The address that the load balancer saw: it puts it last in X-Forwarded-For, maybe with the port."""
        return bare_address((self.value("x-forwarded-for") or "").rpartition(",")[2]) or None

    def _add(self, response: dict[str, Any], headers: Mapping[str, str]) -> None:
        if not self._several:
            super()._add(response, headers)
            return
        fields = {name: [value] for name, value in headers.items()}
        response["multiValueHeaders"] = {**(response.get("multiValueHeaders") or {}), **fields}

    def _head(self, status: int) -> dict[str, Any]:
        from http import HTTPStatus

        known = status in HTTPStatus._value2member_map_
        description = f"{status} {HTTPStatus(status).phrase}" if known else str(status)
        return {"statusCode": status, "statusDescription": description, "isBase64Encoded": False}

    def _write(self, response: dict[str, Any], fields: Fields) -> None:
        if self._several:
            response["multiValueHeaders"] = fields
            return
        response["headers"] = headers = {}
        for name, values in fields.items():
            if name.lower() != "set-cookie":
                headers[name] = ", ".join(values)
                continue
            # A map holds a name once, and cookies can't be folded; but names that differ in case are different keys.
            headers.update(zip(_spellings(name), values, strict=False))


def bare_address(text: str) -> str:
    """An address without blanks, brackets and port."""
    text = text.strip()
    host, colon, port = text.rpartition(":")
    # An IPv6 address without brackets ends like a port, but has further colons.
    if colon and port.isdigit() and (":" not in host or host.endswith("]")):
        text = host
    return text.strip("[]")


def _spellings(name: str) -> Iterator[str]:
    return ("".join(letters) for letters in product(*((a, a.swapcase()) if a.isalpha() else (a,) for a in name)))
