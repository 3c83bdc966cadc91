"""The local edge's cache behavior."""

from typing import Any

import pytest
from edgecors_local.behavior import EVERYTHING, Behavior, KeySelection, deployed_behavior

from tests.template.document import Stack, read

MODES = {"none": "none", "all": "all", "whitelist": "only", "allExcept": "except"}


def selection(config: dict[str, Any], kind: str) -> KeySelection:
    """A selection of a cache policy or an origin request policy: ``Header``, ``Cookie`` or ``QueryString``."""
    names = config[f"{kind}sConfig"].get(f"{kind}s", ())
    return KeySelection(
        MODES[config[f"{kind}sConfig"][f"{kind}Behavior"]],
        frozenset(name.lower() if kind == "Header" else name for name in names),
    )


def behavior_in_template(setup: str) -> Behavior:
    """The default cache behavior of the template's distribution for a set-up, with all other parameters at their
    defaults.
    """
    stack = Stack(read(), EdgeSetup=setup)
    (distribution,) = stack.of_type("AWS::CloudFront::Distribution").values()
    config = distribution["DistributionConfig"]
    default = config["DefaultCacheBehavior"]
    cache = stack.resources[default["CachePolicyId"].resource]["Properties"]["CachePolicyConfig"]
    key = cache["ParametersInCacheKeyAndForwardedToOrigin"]
    forward = stack.resources[default["OriginRequestPolicyId"].resource]["Properties"]["OriginRequestPolicyConfig"]
    encodings = (("br", key["EnableAcceptEncodingBrotli"]), ("gzip", key["EnableAcceptEncodingGzip"]))
    return Behavior(
        triggers=frozenset(item["EventType"] for item in default["LambdaFunctionAssociations"]),
        allowed_methods=frozenset(default["AllowedMethods"]),
        cached_methods=frozenset(default["CachedMethods"]),
        key_headers=selection(key, "Header"),
        key_query=selection(key, "QueryString"),
        key_cookies=selection(key, "Cookie"),
        key_encodings=tuple(name for name, enabled in encodings if enabled),
        forward_headers=selection(forward, "Header"),
        forward_query=selection(forward, "QueryString"),
        forward_cookies=selection(forward, "Cookie"),
        min_ttl=int(cache["MinTTL"]),
        default_ttl=int(cache["DefaultTTL"]),
        max_ttl=int(cache["MaxTTL"]),
        error_ttls={item["ErrorCode"]: item["ErrorCachingMinTTL"] for item in config["CustomErrorResponses"]},
    )


@pytest.mark.parametrize("setup", ["viewer", "origin"])
def test_deployed_behavior_equals_the_template_s(setup: str) -> None:
    assert deployed_behavior(setup) == behavior_in_template(setup)


def test_a_header_taken_out_of_the_key_still_reaches_the_origin() -> None:
    keyed = Behavior(key_headers=KeySelection.only("origin", "x-a"), forward_headers=KeySelection.only("x-b"))
    unkeyed = keyed.unkeyed(["Origin"])
    assert unkeyed.key_headers == KeySelection.only("x-a")
    assert unkeyed.forward_headers == KeySelection.only("x-b", "origin")
    assert keyed.unkeyed([]) == keyed
    assert not Behavior(key_headers=EVERYTHING).unkeyed(["Origin"]).key_headers.takes("origin")
