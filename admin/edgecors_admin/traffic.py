"""Which origins, methods and paths a live site has: from plain lines, access logs, or the site's API description.

An access log shows no Origin header. CloudFront's and the combined format have the Referer, whose origin is as good: a
page that reads across origins sends it unless its referrer policy forbids that.
"""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from edgecors.characters import is_token
from edgecors.origin import parse_origin

from edgecors_admin.errors import UsageError
from edgecors_admin.yaml_text import parse_yaml

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
MAX_DESCRIPTION_BYTES = 16 * 1024 * 1024
MAX_LINE = 65536

_FIELDS = "#Fields:"
_REQUEST = re.compile(r'"([A-Z]+) (\S+) HTTP/[0-9.]+"')
_AFTER_REQUEST = re.compile(r'\s+([0-9]{3})\s+\S+(?:\s+"([^"]*)")?')
"""Common and combined log format: status, size and Referer follow the request line."""
_ALB_STATUS = 8
"""https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html"""
_PARAMETER = re.compile(r"\{[^{}/]*\}")
_PLAIN_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9\-._~!$&'()+,=:@]+)*/?")
"""A path that every server reads in one way, and that means the same as a glob of a policy."""


@dataclass
class RecordedPath:
    """A path, or the template of one, with a concrete path to ask for.

    Attributes:
        path: such as ``/api/items/{id}``.
        sample: such as ``/api/items/17``.
        methods: the methods that clients use, with how often.
        headers: lower-case request header names that clients send.
    """

    path: str
    sample: str
    methods: Counter[str] = field(default_factory=Counter)
    headers: set[str] = field(default_factory=set)


@dataclass
class RecordedTraffic:
    """What was read from all sources. ``left_out`` has paths that a policy can't name as they are."""

    origins: Counter[str] = field(default_factory=Counter)
    headers: set[str] = field(default_factory=set)
    paths: dict[str, RecordedPath] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)

    def add_origin(self, text: str) -> None:
        """Count an origin, or the origin of a URL; anything else is ignored."""
        parts = urlsplit(text) if "://" in text else None
        origin = f"{parts.scheme}://{parts.netloc}".lower() if parts is not None else ""
        if parse_origin(origin) is not None:
            self.origins[origin] += 1

    def add_request(self, method: str, target: str, headers: Iterable[str] = ()) -> None:
        """Count a request for a path, a template or a URL. OPTIONS and the path's query are ignored."""
        path = urlsplit(target).path if "://" in target else target.partition("?")[0].partition("#")[0]
        if method not in METHODS:
            return
        if not _PLAIN_PATH.fullmatch(_PARAMETER.sub("x", path)):
            self.left_out.add(path)
            return
        recorded = self.paths.setdefault(path, RecordedPath(path, sample_of(path)))
        recorded.methods[method] += 1
        recorded.headers.update(headers)

    def combined(self, most: int) -> tuple[list[RecordedPath], int]:
        """The most frequent paths, those of templates merged into them; and how many are left."""
        templates = {path: _pattern(path) for path in self.paths if "{" in path}
        merged: dict[str, RecordedPath] = {path: self.paths[path] for path in templates}
        for path, recorded in self.paths.items():
            if path in templates:
                continue
            template = next((name for name, pattern in templates.items() if pattern.fullmatch(path)), None)
            if template is None:
                merged[path] = recorded
            else:
                merged[template].sample = path
                merged[template].methods.update(recorded.methods)
        ordered = sorted(merged.values(), key=lambda recorded: (-recorded.methods.total(), recorded.path))
        return ordered[:most], len(ordered[most:])


def sample_of(path: str) -> str:
    """A path of a template: each parameter becomes 1."""
    return _PARAMETER.sub("1", path)


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"(\{[^{}/]*\})", template)
    return re.compile(
        "".join(".+" if part.endswith("+}") else "[^/]+" if part[:1] == "{" else re.escape(part) for part in parts)
    )


def read_traffic(traffic: RecordedTraffic, source: str) -> None:
    """Add what a file, or each file of a directory, says. Raises `UsageError`.

    A file is an access log of CloudFront or of a load balancer, a log in the common or combined format, an OpenAPI
    description, or has plain lines: an origin, a path, a method and a path, or a header name and a colon.
    """
    file: object = source
    try:
        for file in _files(source):
            with _open(file) as lines:
                _read_lines(traffic, lines, str(file))
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not text in UTF-8.") from None
    except (OSError, EOFError, zlib.error) as error:
        name = getattr(error, "filename", None) or file
        raise UsageError(f"{name} can't be read: {getattr(error, 'strerror', None) or error}.") from None


def _files(source: str) -> list[Path]:
    """The file, or all files of the directory. Raises `OSError` for a directory that can't be read, unlike pathlib."""

    def fail(error: OSError) -> None:
        raise error

    if not os.path.isdir(source):
        return [Path(source)]
    paths = (Path(directory, name) for directory, _, names in os.walk(source, onerror=fail) for name in names)
    return sorted(path for path in paths if path.is_file())


def _open(file: Path) -> Any:
    with file.open("rb") as start:
        packed = start.read(2) == b"\x1f\x8b"
    return gzip.open(file, "rt", encoding="utf-8") if packed else file.open(encoding="utf-8-sig")


def _read_lines(traffic: RecordedTraffic, lines: Any, name: str) -> None:
    first = next((line for line in lines if line.strip()), "")
    rest = chain([first], lines)
    if first.startswith(("#Version:", _FIELDS)):
        _read_w3c(traffic, rest)
    elif _REQUEST.search(first):
        for line in rest:
            _read_request_line(traffic, line[:MAX_LINE])
    elif first.lstrip()[:1] == "{" or re.match(r"[\"']?(openapi|swagger)[\"']?\s*:", first):
        text = first + lines.read(MAX_DESCRIPTION_BYTES)
        read_description(traffic, text, name)
    else:
        for number, line in enumerate(rest, 1):
            _read_plain(traffic, line, f"{name}, line {number}")


def _read_w3c(traffic: RecordedTraffic, lines: Iterable[str]) -> None:
    """CloudFront's standard logs: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/AccessLogs.html."""
    names: list[str] = []
    for line in lines:
        if line.startswith(_FIELDS):
            names = line[len(_FIELDS) :].split()
        if line.startswith("#") or not names:
            continue
        row = dict(zip(names, line.rstrip("\n").split("\t"), strict=False))
        _add_logged(
            traffic, row.get("cs-method", ""), row.get("cs-uri-stem", ""), row.get("sc-status", ""),
            unquote(row.get("cs(Referer)", "")),
        )  # fmt: skip


def _read_request_line(traffic: RecordedTraffic, line: str) -> None:
    request = _REQUEST.search(line)
    if request is None:
        return
    after = _AFTER_REQUEST.match(line, request.end())
    if after is not None:
        _add_logged(traffic, request[1], request[2], after[1], after[2] or "")
        return
    before = line[: request.start()].split()
    _add_logged(traffic, request[1], request[2], before[_ALB_STATUS] if len(before) > _ALB_STATUS else "", "")


def _add_logged(traffic: RecordedTraffic, method: str, target: str, status: str, referer: str) -> None:
    """A request that was answered. What scanners ask for in vain is no part of the site."""
    if status[:1] in ("1", "2", "3"):
        traffic.add_request(method, target)
        traffic.add_origin(referer)


def _read_plain(traffic: RecordedTraffic, line: str, location: str) -> None:
    text = re.sub(r"(^|\s)#.*", "", line).strip()
    words = text.split()
    if not words:
        return
    if len(words) == 1 and parse_origin(words[0]) is not None:
        traffic.add_origin(words[0])
    elif len(words) == 1 and words[0].startswith("/"):
        traffic.add_request("GET", words[0])
    elif len(words) == 2 and words[0] in METHODS and words[1].startswith("/"):
        traffic.add_request(*words)
    elif len(words) == 1 and words[0].endswith(":") and is_token(words[0][:-1]):
        traffic.headers.add(words[0][:-1].lower())
    else:
        raise UsageError(
            f"{location}: {text[:80]!r} is not understood. Write an origin (https://app.example.com), a path (/api/x),"
            " a method and a path (PUT /api/x), or a header name with a colon (x-trace:)."
        )


def read_description(traffic: RecordedTraffic, text: str, name: str) -> None:
    """Add the operations of an OpenAPI (or Swagger 2) description. Raises `UsageError`."""
    data = parse_yaml(text, name)  # JSON is YAML
    paths = data.get("paths") if isinstance(data, Mapping) else None
    if not isinstance(paths, Mapping) or not isinstance(data, Mapping):
        raise UsageError(f"{name} is not an OpenAPI description: it has no paths.")
    base = _base_path(data)
    secured = {"authorization"} if data.get("security") or _dig(data, "components", "securitySchemes") else set()
    for path, operations in paths.items():
        if not isinstance(operations, Mapping):
            continue
        shared = _header_names(data, operations.get("parameters"))
        for method, operation in operations.items():
            if str(method).upper() in METHODS and isinstance(operation, Mapping):
                headers = secured | shared | _header_names(data, operation.get("parameters")) | _body_headers(operation)
                traffic.add_request(str(method).upper(), base + str(path), headers)


def _base_path(data: Mapping[str, Any]) -> str:
    servers = data.get("servers")
    first = servers[0] if isinstance(servers, list) and servers and isinstance(servers[0], Mapping) else {}
    path = urlsplit(str(first.get("url", ""))).path or str(data.get("basePath") or "")
    return "" if "{" in path else path.rstrip("/")


def _body_headers(operation: Mapping[str, Any]) -> set[str]:
    content = _dig(operation, "requestBody", "content")
    safe = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
    return {"content-type"} if isinstance(content, Mapping) and set(content) - set(safe) else set()


def _header_names(data: Mapping[str, Any], parameters: Any) -> set[str]:
    return {
        str(parameter["name"]).lower()
        for parameter in _resolved(data, parameters)
        if parameter.get("in") == "header" and is_token(str(parameter.get("name", "")))
    }


def _resolved(data: Mapping[str, Any], parameters: Any) -> Iterator[Mapping[str, Any]]:
    for parameter in parameters if isinstance(parameters, list) else []:
        reference = parameter.get("$ref") if isinstance(parameter, Mapping) else None
        is_local = isinstance(reference, str) and reference.startswith("#/")
        value = _dig(data, *str(reference)[2:].split("/")) if is_local else parameter
        if isinstance(value, Mapping):
            yield value


def _dig(data: Any, *keys: str) -> Any:
    for key in keys:
        data = data.get(key) if isinstance(data, Mapping) else None
    return data
