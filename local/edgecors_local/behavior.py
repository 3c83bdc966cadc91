"""CloudFront's settings for one cache behaviour: what it keys on, forwards, allows and keeps, and which triggers run.

They are read from the project's own template, so that the local edge caches by what will be deployed; where there
is none, `built_in` holds the same values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from edgecors_local.errors import LocalError

SETUPS: Final = ("viewer", "origin")
READ_METHODS: Final = frozenset({"GET", "HEAD"})
ALL_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"})
TRIGGERS: Final = ("viewer-request", "origin-request", "origin-response", "viewer-response")
DEFAULT_ERROR_TTL: Final = 10
"""Seconds for which CloudFront keeps an error when the distribution says nothing about its status."""


@dataclass(frozen=True, slots=True)
class KeySelection:
    """Some of a request's headers, cookies or query strings: ``mode`` is ``none``, ``all``, ``only`` or ``except``.

    ``names`` are compared as they are; header names have to be lower-case here.
    """

    mode: str = "none"
    names: frozenset[str] = frozenset()

    def takes(self, name: str) -> bool:
        """Whether something of this name is selected."""
        match self.mode:
            case "all":
                return True
            case "only":
                return name in self.names
            case "except":
                return name not in self.names
        return False

    def without(self, names: frozenset[str]) -> KeySelection:
        """The same but these. ``all`` becomes all except them."""
        match self.mode:
            case "all":
                return KeySelection("except", names)
            case "except":
                return KeySelection("except", self.names | names)
            case "only":
                return KeySelection.only(*(self.names - names))
        return self

    @classmethod
    def only(cls, *names: str) -> KeySelection:
        """Just these."""
        return cls("only", frozenset(names)) if names else cls()


NOTHING: Final = KeySelection()
EVERYTHING: Final = KeySelection("all")


@dataclass(frozen=True, slots=True)
class Behavior:
    """One cache behaviour with its cache policy and origin request policy. Times are seconds."""

    triggers: frozenset[str] = frozenset()
    allowed_methods: frozenset[str] = ALL_METHODS
    cached_methods: frozenset[str] = READ_METHODS
    key_headers: KeySelection = NOTHING
    key_query: KeySelection = EVERYTHING
    key_cookies: KeySelection = NOTHING
    key_encodings: tuple[str, ...] = ()
    """``br`` and ``gzip``, in the order in which CloudFront normalises ``Accept-Encoding``."""
    forward_headers: KeySelection = NOTHING
    forward_query: KeySelection = NOTHING
    forward_cookies: KeySelection = NOTHING
    min_ttl: int = 0
    default_ttl: int = 86400
    max_ttl: int = 31536000
    error_ttls: Mapping[int, int] = field(default_factory=dict)

    def header_reaches_origin(self, name: str) -> bool:
        """Whether a policy lets a viewer's header (lower-case name) through to the origin."""
        return self.key_headers.takes(name) or self.forward_headers.takes(name)

    @property
    def cookies_reach_origin(self) -> bool:
        """Whether any cookie does. If none, CloudFront drops the origin's ``Set-Cookie`` too."""
        return self.key_cookies != NOTHING or self.forward_cookies != NOTHING

    def unkeyed(self, names: Iterable[str]) -> Behavior:
        """The same with these headers forwarded but left out of the cache key: a mistake to try out."""
        wanted = frozenset(name.lower() for name in names)
        if not wanted:
            return self
        forward = self.forward_headers
        if not all(forward.takes(name) for name in wanted):
            forward = KeySelection("only", wanted | (forward.names if forward.mode == "only" else frozenset()))
        return replace(self, key_headers=self.key_headers.without(wanted), forward_headers=forward)

    def error_ttl(self, status: int) -> int:
        """The error caching minimum TTL of a status."""
        return self.error_ttls.get(status, DEFAULT_ERROR_TTL)


ERRORS_NOT_KEPT: Final = dict.fromkeys((400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504), 0)


NOT_FORWARDED: Final = frozenset(
    {"host", "x-forwarded-host", "x-http-method", "x-http-method-override", "x-method-override"}
)


def built_in(setup: str) -> Behavior:
    """What the project's template says for a set-up (``viewer`` or ``origin``), for where it is not at hand."""
    common: dict[str, Any] = {
        "key_cookies": EVERYTHING,
        "key_encodings": ("br", "gzip"),
        "forward_headers": KeySelection("except", NOT_FORWARDED),
        "forward_query": EVERYTHING,
        "forward_cookies": EVERYTHING,
        "default_ttl": 0,
        "error_ttls": ERRORS_NOT_KEPT,
    }
    if setup == "viewer":
        return Behavior(
            triggers=frozenset({"viewer-request", "origin-response", "viewer-response"}),
            key_headers=KeySelection.only("authorization", "accept", "x-api-key"),
            **common,
        )
    return Behavior(
        triggers=frozenset({"origin-request", "origin-response"}),
        cached_methods=frozenset({"GET", "HEAD", "OPTIONS"}),
        key_headers=KeySelection.only(
            "authorization",
            "accept",
            "x-api-key",
            "origin",
            "access-control-request-method",
            "access-control-request-headers",
            "access-control-request-private-network",
        ),
        **common,
    )


# The managed policies that a template of ours or a user's is likely to name. Ids and contents from the guide's pages
# on managed cache policies and managed origin request policies.
_MANAGED_CACHE: Final[Mapping[str, Mapping[str, Any]]] = {
    "658327ea-f89d-4fab-a63d-7e88639e58f6": {  # CachingOptimized
        "min_ttl": 1,
        "key_query": NOTHING,
        "key_encodings": ("br", "gzip"),
    },
    "4135ea2d-6df8-44a3-9df3-4b5a84be39ad": {  # CachingDisabled
        "default_ttl": 0,
        "max_ttl": 0,
        "key_query": NOTHING,
    },
}
_MANAGED_REQUEST: Final[Mapping[str, Mapping[str, Any]]] = {
    "b689b0a8-53d0-40ab-baf2-68738e2966ac": {  # AllViewerExceptHostHeader
        "forward_headers": KeySelection("except", frozenset({"host"})),
        "forward_query": EVERYTHING,
        "forward_cookies": EVERYTHING,
    },
    "216adef6-5c7f-47e4-b989-5492eafa07d3": {  # AllViewer
        "forward_headers": EVERYTHING,
        "forward_query": EVERYTHING,
        "forward_cookies": EVERYTHING,
    },
    "59781a5b-3903-41f3-afcb-af62929ccde1": {"forward_headers": KeySelection.only("origin")},  # CORS-CustomOrigin
    "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf": {  # CORS-S3Origin
        "forward_headers": KeySelection.only(
            "origin", "access-control-request-method", "access-control-request-headers"
        )
    },
}


def from_template(path: Path, setup: str) -> Behavior:
    """The default behaviour of the one distribution in a CloudFormation template, with a set-up chosen.

    The set-up is the parameter whose allowed values are `SETUPS`, with or without ``functions``, which is not emulated;
    the other parameters have their defaults.
    Raises LocalError when the template can't be understood that far.
    """
    from edgecors_local.template import Template

    template = Template.read(path, {frozenset(SETUPS): setup, frozenset({*SETUPS, "functions"}): setup})
    distributions = template.resources("AWS::CloudFront::Distribution")
    if len(distributions) != 1:
        raise LocalError(f"{path} has {len(distributions)} distributions; the local edge needs one.", 2)
    config = next(iter(distributions.values())).get("DistributionConfig", {})
    default = config.get("DefaultCacheBehavior", {})
    settings: dict[str, Any] = {
        "triggers": frozenset(
            item["EventType"] for item in default.get("LambdaFunctionAssociations", ()) if "EventType" in item
        ),
        "allowed_methods": frozenset(default.get("AllowedMethods", READ_METHODS)),
        "cached_methods": frozenset(default.get("CachedMethods", READ_METHODS)),
        "error_ttls": {
            int(item["ErrorCode"]): int(item["ErrorCachingMinTTL"])
            for item in config.get("CustomErrorResponses", ())
            if "ErrorCachingMinTTL" in item
        },
    }
    settings |= _policy(
        template, default.get("CachePolicyId"), "AWS::CloudFront::CachePolicy", _cache_policy, _MANAGED_CACHE
    )
    settings |= _policy(
        template,
        default.get("OriginRequestPolicyId"),
        "AWS::CloudFront::OriginRequestPolicy",
        _request_policy,
        _MANAGED_REQUEST,
    )
    return Behavior(**settings)


def _policy(
    template: Any, identifier: Any, kind: str, read: Any, managed: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, Any]:
    """A behaviour's settings from a policy resource of the template, or from a managed policy."""
    if identifier is None:
        return {}
    properties = template.resources(kind).get(str(identifier))
    if properties is not None:
        settings: Mapping[str, Any] = read(properties)
        return settings
    try:
        return managed[str(identifier)]
    except KeyError:
        raise LocalError(
            f"{template.path} uses the policy {identifier} ({kind}), which the local edge does not know.", 2
        ) from None


def _cache_policy(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    config = properties["CachePolicyConfig"]
    key = config["ParametersInCacheKeyAndForwardedToOrigin"]
    encodings = (
        ("br", key.get("EnableAcceptEncodingBrotli")),
        ("gzip", key.get("EnableAcceptEncodingGzip")),
    )
    return {
        "min_ttl": int(config["MinTTL"]),
        "default_ttl": int(config["DefaultTTL"]),
        "max_ttl": int(config["MaxTTL"]),
        "key_headers": _selection(key["HeadersConfig"], "HeaderBehavior", "Headers", lower=True),
        "key_query": _selection(key["QueryStringsConfig"], "QueryStringBehavior", "QueryStrings"),
        "key_cookies": _selection(key["CookiesConfig"], "CookieBehavior", "Cookies"),
        "key_encodings": tuple(name for name, wanted in encodings if str(wanted).lower() == "true"),
    }


def _request_policy(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    config = properties["OriginRequestPolicyConfig"]
    return {
        "forward_headers": _selection(config["HeadersConfig"], "HeaderBehavior", "Headers", lower=True),
        "forward_query": _selection(config["QueryStringsConfig"], "QueryStringBehavior", "QueryStrings"),
        "forward_cookies": _selection(config["CookiesConfig"], "CookieBehavior", "Cookies"),
    }


# The two policy types' words. `allViewerAndWhitelistCloudFront` adds CloudFront-* headers, which are not made here.
_MODES: Final = {
    "none": "none",
    "all": "all",
    "allViewer": "all",
    "allViewerAndWhitelistCloudFront": "all",
    "whitelist": "only",
    "allExcept": "except",
}


def _selection(config: Mapping[str, Any], mode_key: str, names_key: str, *, lower: bool = False) -> KeySelection:
    mode = _MODES[config[mode_key]]
    names: Iterable[str] = config.get(names_key, ()) if mode in ("only", "except") else ()
    return KeySelection(mode, frozenset(name.lower() if lower else name for name in names))
