"""What a browser makes of the request headers that a page sets: which it ignores, and which need a preflight.

The algorithms are those of the Fetch standard (https://fetch.spec.whatwg.org). The request path needs none of them: it
compares the names that a preflight asks for, and the browser chooses these.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from edgecors.characters import is_token
from edgecors.fetch import is_forbidden_method, is_forbidden_request_header

RequestHeader = tuple[str, str | None]
"""A name with its value; None where the value is not known."""

MAX_VALUE_BYTES = 128
"""Bytes of a safelisted value: https://fetch.spec.whatwg.org/#cors-safelisted-request-header, step 1."""
MAX_SAFELISTED_BYTES = 1024
"""Bytes of all safelisted values: https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names, step 5."""

_BLANKS = " \t\r\n"
# https://fetch.spec.whatwg.org/#cors-unsafe-request-header-byte
_UNSAFE = re.compile(r'[\x00-\x08\x0a-\x1f"():<>?@\[\\\]{}\x7f]')
_LANGUAGES = re.compile(r"[0-9A-Za-z *,\-.;=]*")
_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)")
_SAFELISTED_TYPES = frozenset(("application/x-www-form-urlencoded", "multipart/form-data", "text/plain"))
_METHOD_OVERRIDES = frozenset(("x-http-method", "x-http-method-override", "x-method-override"))
# An item of https://fetch.spec.whatwg.org/#header-value-get-decode-and-split: commas in quoted strings do not count.
_ITEM = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.?)*"?)+', re.DOTALL)


def is_forbidden(name: str, value: str | None) -> bool:
    """Whether the browser ignores the header when a page sets it.

    https://fetch.spec.whatwg.org/#forbidden-request-header. An unknown value counts as one that is allowed.
    """
    lower = name.lower()
    if lower in _METHOD_OVERRIDES and value is not None:
        return any(is_forbidden_method(item.strip(" \t")) for item in _ITEM.findall(value))
    return is_forbidden_request_header(lower)


def unsafe_names(headers: Iterable[RequestHeader]) -> list[str]:
    """The names that a preflight has to ask for: https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names.

    Args:
        headers: the headers that the page sets. Forbidden ones are left out. An unknown value of Content-Type counts
            as unsafe, and every other unknown value as safe where some value is.

    Returns:
        The names in lower case, sorted.
    """
    unsafe: set[str] = set()
    safelisted: set[str] = set()
    size = 0
    for received, value in headers:
        name = received.lower()
        if is_forbidden(name, value):
            continue
        if _is_safelisted(name, value):
            safelisted.add(name)
            size += len(value or "")
        else:
            unsafe.add(name)
    return sorted(unsafe | safelisted if size > MAX_SAFELISTED_BYTES else unsafe)


def _is_safelisted(name: str, value: str | None) -> bool:
    """https://fetch.spec.whatwg.org/#cors-safelisted-request-header"""
    check = _CHECKS.get(name)
    if check is None:
        return False
    if value is None:
        return name != "content-type"  # most requests that set it have JSON
    return len(value) <= MAX_VALUE_BYTES and check(value)


def _is_safe_accept(value: str) -> bool:
    return _UNSAFE.search(value) is None


def _is_safe_language(value: str) -> bool:
    return _LANGUAGES.fullmatch(value) is not None


def _is_safe_type(value: str) -> bool:
    """Step 2, content-type; the essence as of https://mimesniff.spec.whatwg.org/#parse-a-mime-type."""
    if _UNSAFE.search(value) is not None:
        return False
    type_, _, rest = value.strip(_BLANKS).partition("/")
    subtype = rest.partition(";")[0].rstrip(_BLANKS)
    return is_token(type_) and is_token(subtype) and f"{type_}/{subtype}".lower() in _SAFELISTED_TYPES


def _is_safe_range(value: str) -> bool:
    """Step 2, range: https://fetch.spec.whatwg.org/#simple-range-header-value, and it has to have a start."""
    match = _RANGE.fullmatch(value)
    return match is not None and (not match[2] or int(match[1]) <= int(match[2]))


_CHECKS: Mapping[str, Callable[[str], bool]] = MappingProxyType(
    {
        "accept": _is_safe_accept,
        "accept-language": _is_safe_language,
        "content-language": _is_safe_language,
        "content-type": _is_safe_type,
        "range": _is_safe_range,
    }
)
