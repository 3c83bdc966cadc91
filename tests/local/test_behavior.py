"""The distribution's settings, as they are read from a template."""

from pathlib import Path

import pytest
from edgecors_local.behavior import EVERYTHING, NOTHING, Behavior, KeySelection, built_in, from_template
from edgecors_local.errors import LocalError

ROOT = Path(__file__).resolve().parents[2]

TEMPLATE = """
Parameters:
  Mode: {Type: String, Default: viewer, AllowedValues: [viewer, origin]}
  Bucket: {Type: String, Default: "no"}
Conditions:
  AtOrigin: !Equals [!Ref Mode, origin]
  FromBucket: !Equals [!Ref Bucket, "yes"]
  Never: !And [!Condition AtOrigin, !Not [!Condition AtOrigin]]
  Either: !Or [!Condition FromBucket, !Condition AtOrigin]
Resources:
  Unused:
    Type: AWS::CloudFront::Distribution
    Condition: Never
  Keyed:
    Type: AWS::CloudFront::CachePolicy
    Condition: Either
    Properties:
      CachePolicyConfig:
        MinTTL: 1
        DefaultTTL: !If [FromBucket, 9, 5]
        MaxTTL: 60
        ParametersInCacheKeyAndForwardedToOrigin:
          EnableAcceptEncodingGzip: true
          EnableAcceptEncodingBrotli: false
          HeadersConfig: {HeaderBehavior: whitelist, Headers: [Origin, !If [FromBucket, Host, !Ref AWS::NoValue]]}
          CookiesConfig: {CookieBehavior: allExcept, Cookies: [Theme]}
          QueryStringsConfig: {QueryStringBehavior: whitelist, QueryStrings: [q]}
  Forwarded:
    Type: AWS::CloudFront::OriginRequestPolicy
    Properties:
      OriginRequestPolicyConfig:
        HeadersConfig: {HeaderBehavior: allViewer}
        CookiesConfig: {CookieBehavior: none}
        QueryStringsConfig: {QueryStringBehavior: all}
  EmulatedDistribution:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        DefaultCacheBehavior:
          AllowedMethods: [GET, HEAD, OPTIONS]
          CachedMethods: !If [AtOrigin, [GET, HEAD, OPTIONS], [GET, HEAD]]
          CachePolicyId: !If [AtOrigin, !Ref Keyed, 4135ea2d-6df8-44a3-9df3-4b5a84be39ad]
          OriginRequestPolicyId: !GetAtt Forwarded.Id
          LambdaFunctionAssociations:
            - {EventType: viewer-request, LambdaFunctionARN: !Ref Function.Version}
            - !If [AtOrigin, {EventType: origin-response, LambdaFunctionARN: !Sub "${X}"}, !Ref AWS::NoValue]
        CustomErrorResponses: [{ErrorCode: 503, ErrorCachingMinTTL: 0}]
"""


@pytest.mark.parametrize("setup", ["viewer", "origin"])
def test_what_is_built_in_equals_the_project_s_template(setup: str) -> None:
    assert built_in(setup) == from_template(ROOT / "template.yaml", setup)


def test_the_chosen_set_up_decides_conditions_and_policies(tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(TEMPLATE)
    common = {
        "allowed_methods": frozenset({"GET", "HEAD", "OPTIONS"}),
        "forward_headers": EVERYTHING,
        "forward_query": EVERYTHING,
        "error_ttls": {503: 0},
    }
    assert from_template(template, "viewer") == Behavior(
        triggers=frozenset({"viewer-request"}),
        key_query=NOTHING,
        default_ttl=0,
        max_ttl=0,
        **common,  # type: ignore[arg-type]
    )
    assert from_template(template, "origin") == Behavior(
        triggers=frozenset({"viewer-request", "origin-response"}),
        cached_methods=frozenset({"GET", "HEAD", "OPTIONS"}),
        key_headers=KeySelection.only("origin"),
        key_cookies=KeySelection("except", frozenset({"Theme"})),
        key_query=KeySelection.only("q"),
        key_encodings=("gzip",),
        min_ttl=1,
        default_ttl=5,
        max_ttl=60,
        **common,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[]", "is not a CloudFormation template"),
        ("a: [", "can't be read"),
        ("Resources: {}", "has 0 distributions"),
        (TEMPLATE.replace("4135ea2d", "00000000"), "uses the policy 00000000-6df8-44a3-9df3-4b5a84be39ad"),
    ],
)
def test_a_template_that_can_t_be_used_is_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(text)
    with pytest.raises(LocalError, match=sentence):
        from_template(template, "viewer")


def test_a_header_taken_out_of_the_key_still_reaches_the_origin() -> None:
    keyed = Behavior(key_headers=KeySelection.only("origin", "x-a"), forward_headers=KeySelection.only("x-b"))
    fault = keyed.unkeyed(["Origin"])
    assert fault.key_headers == KeySelection.only("x-a")
    assert fault.forward_headers == KeySelection.only("x-b", "origin")
    assert keyed.unkeyed([]) == keyed
    assert not Behavior(key_headers=EVERYTHING).unkeyed(["Origin"]).key_headers.takes("origin")
