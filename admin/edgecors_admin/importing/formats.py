"""The formats that can be imported, one function each, and telling them apart."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from edgecors_admin.browser import SAFELISTED_METHODS
from edgecors_admin.errors import UsageError
from edgecors_admin.importing.builder import Rule
from edgecors_admin.policy_files import parse_yaml


@dataclass(frozen=True)
class Imported:
    """A policy as a document, and sentences: what could not be carried over, and what is left to do."""

    format: str
    policy: dict[str, Any]
    lost: tuple[str, ...]
    advice: tuple[str, ...]


def import_text(text: str, form: str | None = None) -> Imported:
    """Read a configuration, recognising its format unless it is given. Raises `UsageError`."""
    data = _xml(text) if text.lstrip().startswith("<") else _data(text)
    name = form or _recognise(data)
    if name not in FORMATS:
        raise UsageError(f"The format was not recognised; say which: --format {', '.join(FORMATS)}.")
    try:
        rule = FORMATS[name](data)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"This is no {name} configuration ({error!r}).") from None
    policy = rule.finish()
    return Imported(name, policy, tuple(dict.fromkeys(rule.lost)), tuple(rule.advice))


def _data(text: str) -> Any:
    if text.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(text)
        except ValueError as error:
            raise UsageError(f"This is no JSON: {error}") from None
    return parse_yaml(text, "The input")


def _recognise(data: Any) -> str:
    if isinstance(data, list) or (isinstance(data, dict) and "CORSRules" in data):
        return "s3"
    if not isinstance(data, dict):
        return ""
    if ("provider" in data and "service" in data) or "functions" in data:
        return "serverless"
    if _cors_config(data) is not None:
        return "cloudfront"
    if "CorsConfiguration" in data or {"AllowOrigins", "AllowMethods", "AllowHeaders"} & set(data):
        return "http-api"
    return ""


def s3(data: Any) -> Rule:
    """S3: ``aws s3api get-bucket-cors``, or the console's JSON or XML.

    S3 picks a rule by origin, method and headers, a policy by host and path. So several rules become one, with the
    origins of all of them and what all of them allow.
    """
    rules = data["CORSRules"] if isinstance(data, dict) else data
    if not rules:
        raise ValueError("there are no rules")
    built = Rule()
    built.origins(origin for rule in rules for origin in rule.get("AllowedOrigins", ()))
    if built.fields["allow_origins"] == "*" and len(rules) > 1:
        built.lost.append("one of the rules allows every origin, so the others make no difference to origins")
    for key, put, what in (
        ("AllowedMethods", built.methods, "methods"),
        ("AllowedHeaders", built.headers, "request headers"),
        ("ExposeHeaders", built.expose, "exposed headers"),
    ):
        put(_common([list(rule.get(key, ())) for rule in rules], what, built.lost))
    ages = [rule["MaxAgeSeconds"] for rule in rules if rule.get("MaxAgeSeconds") is not None]
    built.max_age(int(min(ages)) if ages else 0)
    if built.fields["allow_origins"] != "*":
        built.lost.append('credentials: S3 allows them to every listed origin; add "allow_credentials": true if needed')
    return built


def _common(values: list[list[str]], what: str, lost: list[str]) -> list[str]:
    """What all rules have."""
    star = [v for v in values if "*" not in v]
    common = values[0] if not star else [v for v in star[0] if all(v in other for other in star)]
    for number, value in enumerate(values):
        if gone := [v for v in value if v not in common]:
            lost.append(f"{what} {', '.join(gone)} of rule {number + 1}: other rules do not allow them")
    return common


def http_api(data: Any) -> Rule:
    """An HTTP API's ``CorsConfiguration``: ``aws apigatewayv2 get-api``, or what stands in a template."""
    cors = data.get("CorsConfiguration", data)
    built = Rule()
    built.origins(_strings(cors.get("AllowOrigins")))
    # Browsers never refuse the safelisted methods on account of a preflight's answer.
    built.methods(_strings(cors.get("AllowMethods")) or SAFELISTED_METHODS)
    built.headers(_strings(cors.get("AllowHeaders")))
    built.expose(_strings(cors.get("ExposeHeaders")))
    built.max_age(cors.get("MaxAge", 0))
    built.credentials(cors.get("AllowCredentials"))
    built.advice.append("switch the HTTP API's own CORS off: it ignores the service's headers otherwise")
    return built


def cloudfront(data: Any) -> Rule:
    """A response headers policy: ``aws cloudfront get-response-headers-policy``."""
    cors = _cors_config(data) or {}
    built = Rule()
    built.origins(_items(cors, "AccessControlAllowOrigins"), both_schemes=True)
    built.methods(_items(cors, "AccessControlAllowMethods") or SAFELISTED_METHODS)
    built.headers(_items(cors, "AccessControlAllowHeaders"))
    built.expose(_items(cors, "AccessControlExposeHeaders"))
    built.max_age(cors.get("AccessControlMaxAgeSec"))
    built.credentials(cors.get("AccessControlAllowCredentials"))
    if cors.get("OriginOverride") is False:
        built.lost.append("OriginOverride false: here the upstream's own CORS headers are always replaced")
    config = data.get("ResponseHeadersPolicy", data).get("ResponseHeadersPolicyConfig", data)
    for name in ("SecurityHeadersConfig", "ServerTimingHeadersConfig", "CustomHeadersConfig", "RemoveHeadersConfig"):
        if config.get(name):
            built.lost.append(f"{name}: not about CORS; keep it in the response headers policy")
    built.advice.append(
        "take the CORS part out of the response headers policy: two sources would contradict each other"
    )
    return built


def _cors_config(data: Mapping[str, Any]) -> Mapping[str, Any] | None:
    config = data.get("ResponseHeadersPolicy", data)
    config = config.get("ResponseHeadersPolicyConfig", config) if isinstance(config, dict) else {}
    found = config.get("CorsConfig") if isinstance(config, dict) else None
    return found if isinstance(found, dict) else None


def _items(cors: Mapping[str, Any], name: str) -> list[str]:
    return _strings((cors.get(name) or {}).get("Items"))


_SERVERLESS_HEADERS = (
    *("content-type", "x-amz-date", "authorization", "x-api-key", "x-amz-security-token", "x-amz-user-agent"),
    "x-amzn-trace-id",
)


def serverless(data: Any) -> Rule:
    """``serverless.yml``: ``provider.httpApi.cors``."""
    cors = ((data.get("provider") or {}).get("httpApi") or {}).get("cors")
    built = Rule()
    if cors is None:
        raise ValueError("there is no provider.httpApi.cors")
    if cors is True:
        built.origins(["*"])
        built.headers(_SERVERLESS_HEADERS)
    else:
        built.origins(_strings(cors.get("allowedOrigins") or "*"))
        built.headers(_strings(cors.get("allowedHeaders")) or _SERVERLESS_HEADERS)
        if methods := _strings(cors.get("allowedMethods")):
            built.methods(methods)
        built.expose(_strings(cors.get("exposedResponseHeaders")))
        built.max_age(cors.get("maxAge", 0))
        built.credentials(cors.get("allowCredentials"))
    if "allow_methods" not in built.fields:
        built.lost.append("methods: those of the functions' routes were listed; the defaults stand here instead")
    for name, function in (data.get("functions") or {}).items():
        for event in (function or {}).get("events") or ():
            if isinstance(event, dict) and isinstance(event.get("http"), dict) and event["http"].get("cors"):
                path = event["http"].get("path", "")
                built.lost.append(f"functions.{name}, http {path}: a REST event's own cors; write a rule for its path")
    built.advice.append("remove provider.httpApi.cors: an HTTP API ignores the service's headers otherwise")
    return built


def _strings(value: object) -> list[str]:
    """A list of strings, or one string with commas. Raises TypeError for anything else."""
    if value is None:
        return []
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return list(value)
    raise TypeError(f"{value!r} is no list of strings")


def _xml(text: str) -> list[dict[str, Any]]:
    """S3's XML as its JSON. A document type can define entities without end: refused."""
    if "<!" in text:
        raise UsageError("XML with declarations is not read.")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise UsageError(f"This is no XML: {error}") from None
    keys = {
        "AllowedOrigin": "AllowedOrigins",
        "AllowedMethod": "AllowedMethods",
        "AllowedHeader": "AllowedHeaders",
        "ExposeHeader": "ExposeHeaders",
    }
    rules = []
    for element in _children(root, "CORSRule"):
        rule: dict[str, Any] = {}
        for child in element:
            name, value = child.tag.rpartition("}")[2], (child.text or "").strip()
            if name in keys:
                rule.setdefault(keys[name], []).append(value)
            elif name == "MaxAgeSeconds":
                rule[name] = int(value)
        rules.append(rule)
    if not rules:
        raise UsageError("The XML has no CORSRule.")
    return rules


def _children(root: ElementTree.Element, name: str) -> Iterable[ElementTree.Element]:
    return (element for element in root.iter() if element.tag.rpartition("}")[2] == name)


FORMATS: Mapping[str, Callable[[Any], Rule]] = {
    "s3": s3,
    "http-api": http_api,
    "cloudfront": cloudfront,
    "serverless": serverless,
}
"""Each format's name with the function that reads it."""
