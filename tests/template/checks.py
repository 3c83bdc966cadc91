"""What the template has to keep to and no linter knows. Each check yields one sentence for each thing that is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any, Final

from edgecors_local.front_names import GATEWAY

from tests.template.document import ResourceReference, Stack, references

Document = Mapping[str, Any]
Check = Callable[[Document], Iterator[str]]

# Whether a load balancer has multi-value headers is a question of its target group, not of the front.
GATEWAY_FRONTS: Final = tuple(front for front in GATEWAY if front != "alb-single-value")
FRONTS: Final = ("edge", "edge-function", *GATEWAY_FRONTS, "layer-only")
SETUPS: Final = ("viewer", "origin", "functions")
ALL_METHODS: Final = {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}
PREFLIGHT_KEY: Final = {
    "Origin",
    "Access-Control-Request-Method",
    "Access-Control-Request-Headers",
    "Access-Control-Request-Private-Network",
}
TRIGGERS: Final = {
    "viewer": {"viewer-request", "viewer-response", "origin-response"},
    "origin": {"origin-request", "origin-response"},
    "functions": {"origin-response"},
}
VIEWER_FUNCTIONS: Final = {"viewer-request": "ViewerRequestFunction", "viewer-response": "ViewerResponseFunction"}
"""The CloudFront Functions of the set-up ``functions``, by trigger."""
HANDLERS: Final = {
    "viewer": "app.viewer_handler",
    "origin": "app.origin_handler",
    "functions": "app.viewer_handler",
}
# The only statuses that a distribution may have a setting for, hence all of them.
ERRORS: Final = {400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504}
CORS_S3_ORIGIN: Final = "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf"
ALL_VIEWER: Final = "216adef6-5c7f-47e4-b989-5492eafa07d3"
ALL_VIEWER_EXCEPT_HOST: Final = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
"""Managed origin request policies, each of which forwards ``Origin``."""
CACHING_DISABLED: Final = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
"""The managed cache policy without caching."""
IN_THE_KEY: Final = {"Authorization", "Accept", "X-Api-Key"}
"""Headers that a custom origin server gets and that often change its response."""
NOT_FORWARDED: Final = {"X-HTTP-Method", "X-HTTP-Method-Override", "X-Method-Override", "X-Forwarded-Host"}
"""Headers that change a response too, and don't fit into the ten headers of a cache key."""
EDGE_REGIONS: Final = {
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "sa-east-1", "eu-west-1", "eu-west-2", "eu-central-1"),
    *("ap-south-1", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "ap-northeast-2"),
}
"""The Regions with CloudFront's regional edge caches, which run Lambda@Edge."""
# What an edge function can't have at all, by the property's name. Reserved concurrency is not forbidden any more,
# but it would be that of one Region and none of the others.
FORBIDDEN_AT_THE_EDGE: Final = {
    "Environment": "environment variables",
    "Layers": "layers",
    "VpcConfig": "a VPC",
    "DeadLetterQueue": "a dead-letter queue",
    "Tracing": "X-Ray tracing",
    "EphemeralStorage": "more than 512 MB of storage",
    "ImageUri": "container images",
    "ImageConfig": "container images",
    "FileSystemConfigs": "file systems",
    "KmsKeyArn": "a key of its own",
    "ProvisionedConcurrencyConfig": "provisioned concurrency",
    "ReservedConcurrentExecutions": "reserved concurrency",
    "RuntimeManagementConfig": "another runtime management than Auto",
    "SnapStart": "SnapStart",
    "FunctionUrlConfig": "a URL that goes round CloudFront",
}

FULL: Final = {
    "OriginDomainName": "api.example.com",
    "DistributionId": "E2EXAMPLE1234",
    "DistributionIds": "E3EXAMPLE1234,E4EXAMPLE1234",
    "SubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    "SecurityGroupIds": "sg-0123456789abcdef0",
    "Site": "shop",
    "Upstream": "https://api.example.com",
    "GatewayResponseOrigin": "https://app.example.com",
    "AlarmEmail": "someone@example.com",
    "ReplicaRegions": "eu-west-1,ap-southeast-2",
    "AutoRevert": "true",
    "SecureStringKeyArn": "arn:aws:kms:us-east-1:123456789012:key/11112222-aaaa-bbbb-cccc-333344445555",
    "Aliases": "www.example.com,example.com",
    "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/11112222-aaaa-bbbb-cccc-333344445555",
    "WebAclArn": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/edge/11112222-aaaa-bbbb-cccc-333344445555",
    "AccessLogBucket": "logs.s3.amazonaws.com",
    "OriginSecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:upstream-AbCdEf",
    "Upstreams": "/img=https://img.example.com",
    "UpstreamSecretParameter": "/edgecors/secrets/shop",
    "ReservedConcurrency": "50",
    "ApiAccessLogs": "true",
    "PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/boundary",
    "RolePath": "/teams/web/",
    "EncryptionKeyArn": "arn:aws:kms:us-east-1:123456789012:key/99998888-aaaa-bbbb-cccc-333344445555",
    "Tracing": "true",
}
"""Parameters with which every part that is optional is there."""


def stacks(document: Document, stack_name: str = "edgecors") -> Iterator[tuple[str, Stack]]:
    """Every kind of stack that can be deployed: with no optional part, with all of them, and with alarms alone."""
    for front, setup, kind, host, caching in product(
        FRONTS, SETUPS, ("custom", "s3"), ("false", "true"), ("on", "off")
    ):
        chosen = {"Front": front, "EdgeSetup": setup, "OriginType": kind, "ForwardHost": host, "Caching": caching}
        plain = (kind, host, caching) == ("custom", "false", "on")
        if (front != "edge" and not plain) or (kind, host) == ("s3", "true"):
            continue
        if setup == "functions" and not (plain and front.startswith("edge")):
            continue
        off = {"Guard": "false", "Alarms": "false", "Dashboard": "false", "SnapStart": "false"}
        needed = {name: FULL[name] for name in ("OriginDomainName", "Upstream")}
        if front in GATEWAY_FRONTS:
            needed["Site"] = FULL["Site"]
        name = f"{front}, {setup}, {kind}, host {host}, caching {caching}"
        yield f"{name}, little", Stack(document, stack_name, **needed, **chosen, **off)
        yield f"{name}, much", Stack(document, stack_name, **(FULL | {"Guard": "true", "SnapStart": "true"}), **chosen)
        yield f"{name}, alarms", Stack(document, stack_name, **needed, **chosen, Guard="false")


def edge_stacks(document: Document) -> Iterator[tuple[str, str, Stack]]:
    """The stacks with a distribution: name, set-up, stack."""
    for name, stack in stacks(document):
        if "Distribution" in stack.resources:
            yield name, name.split(", ")[1], stack


def behavior(stack: Stack) -> dict[str, Any]:
    """The distribution's one cache behaviour."""
    config = stack.resources["Distribution"]["Properties"]["DistributionConfig"]
    assert "CacheBehaviors" not in config, "the checks know of the default behaviour only"
    default: dict[str, Any] = config["DefaultCacheBehavior"]
    return default


def cache_policy(stack: Stack) -> dict[str, Any] | None:
    """The cache policy of the distribution's behaviour; None without caching."""
    identifier = behavior(stack)["CachePolicyId"]
    if identifier == CACHING_DISABLED:
        return None
    assert isinstance(identifier, ResourceReference), "the checks know the template's policies and CachingDisabled only"
    policy: dict[str, Any] = stack.resources[identifier.resource]["Properties"]["CachePolicyConfig"]
    return policy


def request_headers(stack: Stack) -> tuple[str, set[str]]:
    """What a custom origin server gets beside the cache key: HeaderBehavior and its headers."""
    identifier = behavior(stack).get("OriginRequestPolicyId")
    if not isinstance(identifier, ResourceReference):
        return {
            ALL_VIEWER: ("allViewer", set()),
            ALL_VIEWER_EXCEPT_HOST: ("allExcept", {"Host"}),
            CORS_S3_ORIGIN: ("whitelist", PREFLIGHT_KEY - {"Access-Control-Request-Private-Network"}),
        }.get(str(identifier), ("none", set()))
    config = stack.resources[identifier.resource]["Properties"]["OriginRequestPolicyConfig"]["HeadersConfig"]
    return config["HeaderBehavior"], set(config.get("Headers", ()))


def no_globals(document: Document) -> Iterator[str]:
    if "Globals" in document:
        yield "Globals can't be unset, and leak into the edge function"


def edge_has_nothing_forbidden(document: Document) -> Iterator[str]:
    properties = document["Resources"]["EdgeFunction"]["Properties"]
    for name in properties.keys() & FORBIDDEN_AT_THE_EDGE.keys():
        yield f"{name}: an edge function can't have {FORBIDDEN_AT_THE_EDGE[name]}"


def edge_keeps_to_the_limits(document: Document) -> Iterator[str]:
    properties = document["Resources"]["EdgeFunction"]["Properties"]
    # The smallest limits that any state of the documentation gives for viewer events.
    wanted = {"Architectures": ["x86_64"], "MemorySize": 128, "Timeout": 5, "Runtime": "python3.13"}
    for name, value in wanted.items():
        if properties.get(name) != value:
            yield f"{name} is {properties.get(name)}, not {value}"
    if properties.get("PackageType", "Zip") != "Zip":
        yield "PackageType: an edge function can't be a container image"


def edge_handler_fits_the_setup(document: Document) -> Iterator[str]:
    for name, stack in stacks(document):
        function = stack.resources.get("EdgeFunction")
        if function and function["Properties"]["Handler"] != HANDLERS[name.split(", ")[1]]:
            yield f"{name}: the handler is {function['Properties']['Handler']}"


def edge_outlives_the_stack(document: Document) -> Iterator[str]:
    for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
        if document["Resources"]["EdgeFunction"].get(policy) != "Retain":
            yield f"{policy} is not Retain: a replicated function can't be deleted"


def edge_role_is_trusted_by_both(document: Document) -> Iterator[str]:
    wanted = {"lambda.amazonaws.com", "edgelambda.amazonaws.com"}
    for statement in document["Resources"]["EdgeRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
        services = statement["Principal"]["Service"]
        if {services} if isinstance(services, str) else set(services) != wanted:
            yield f"the edge function's role is trusted by {services}"


def version_text(document: Document, name: str) -> Any:
    """The text whose change publishes a version: the version's description, or that of a policy whose ARN it is.

    CloudFormation replaces a managed policy when its description changes, and the new one has another ARN.
    """
    description = document["Resources"][name]["Properties"].get("VersionDescription", "")
    if isinstance(description, dict) and "Ref" in description:
        policy = document["Resources"][description["Ref"]]
        assert policy["Type"] == "AWS::IAM::ManagedPolicy"
        assert "ManagedPolicyName" not in policy["Properties"], "a policy with a name can't be replaced"
        return policy["Properties"].get("Description", "")
    return description


def published_on_every_change(document: Document) -> Iterator[str]:
    """SAM hashes the text of a function's properties; a parameter's value has to come in by the description."""
    for name in ("EdgeFunction", "GatewayFunction"):
        properties = document["Resources"][name]["Properties"]
        if properties.get("AutoPublishAlias") != "live" or not properties.get("AutoPublishAliasAllProperties"):
            yield f"{name}: no version is published when a property changes"
        described = set(references(version_text(document, name)))
        used = set(references({key: item for key, item in properties.items() if key != "Description"}))
        # Conditions name parameters, and other conditions.
        waiting = list(used)
        while waiting:
            reference = waiting.pop()
            if reference.startswith("Condition:"):
                named = set(references(document["Conditions"][reference.removeprefix("Condition:")])) - used
                used |= named
                waiting += named
        for parameter in sorted((used & document["Parameters"].keys()) - described):
            yield f"{name}: a change of {parameter} publishes no version (VersionDescription)"


LISTED_IDS: Final = {"SubnetIds": (6, len("subnet-") + 17), "SecurityGroupIds": (5, len("sg-") + 17)}
"""The most ids that a list is expected to have, and the length of each."""


def version_descriptions_fit(document: Document) -> Iterator[str]:
    """A version's description has at most 256 characters, a managed policy's 1,000."""
    for name, limit in (("EdgeFunction", 256), ("GatewayFunction", 1000)):
        argument = version_text(document, name)["Fn::Sub"]
        text = argument if isinstance(argument, str) else argument[0]
        length = len(re.sub(r"\$\{[^}]+\}", "", text))
        for parameter in references({"Fn::Sub": argument}):
            declared = document["Parameters"].get(parameter)
            if declared is None:
                continue
            if parameter in LISTED_IDS:
                count, characters = LISTED_IDS[parameter]
                length += count * (characters + 1)
            else:
                longest = [*declared.get("AllowedValues", ()), declared.get("MaxValue", "")]
                length += declared.get("MaxLength") or max(len(str(value)) for value in longest) or 4096
        if length > limit:
            yield f"{name}: the description may have {length} characters, and {limit} are allowed"


def triggers_have_the_version(document: Document) -> Iterator[str]:
    for name, setup, stack in edge_stacks(document):
        associations = behavior(stack).get("LambdaFunctionAssociations", [])
        events = [item["EventType"] for item in associations]
        if sorted(events) != sorted(TRIGGERS[setup]):
            yield f"{name}: the triggers are {events}"
        for item in associations:
            if item["LambdaFunctionARN"] != ResourceReference("EdgeFunction", "Version"):
                yield f"{name}: {item['EventType']} has {item['LambdaFunctionARN']}, and needs a version's ARN"
            if item.get("IncludeBody"):
                yield f"{name}: {item['EventType']} is sent bodies that nobody reads"


def viewer_functions_have_the_store(document: Document) -> Iterator[str]:
    """The CloudFront Functions, their store, and what may stand beside them."""
    for front in ("edge", "edge-function"):
        for setup, errors in product(SETUPS, ("true", "false")):
            stack = Stack(document, Front=front, EdgeSetup=setup, ErrorHeaders=errors)
            name = f"{front}, {setup}, error headers {errors}"
            yield from (f"{name}: {sentence}" for sentence in sorted(stack.dangling))
            functions = stack.of_type("AWS::CloudFront::Function")
            if set(functions) != (set(VIEWER_FUNCTIONS.values()) if setup == "functions" else set()):
                yield f"{name}: the functions are {sorted(functions)}"
            for function, properties in functions.items():
                config = properties["FunctionConfig"]
                stores = [item["KeyValueStoreARN"] for item in config.get("KeyValueStoreAssociations", ())]
                if (config["Runtime"], stores) != ("cloudfront-js-2.0", [ResourceReference("KeyValueStore", "Arn")]):
                    yield f"{name}: {function} has {config}"
                if properties["AutoPublish"] is not (front == "edge"):
                    yield f"{name}: AutoPublish of {function} is {properties['AutoPublish']}"
            if ("EdgeFunction" in stack.resources) != (setup != "functions" or errors == "true"):
                yield f"{name}: the Lambda function is{' not' * ('EdgeFunction' not in stack.resources)} deployed"
            if front == "edge":
                associations = behavior(stack).get("FunctionAssociations", [])
                actual = {item["EventType"]: item["FunctionARN"] for item in associations}
                wanted = {
                    event: ResourceReference(function, "FunctionMetadata.FunctionARN")
                    for event, function in VIEWER_FUNCTIONS.items()
                }
                if actual != (wanted if setup == "functions" else {}):
                    yield f"{name}: the functions are attached as {actual}"
                lambdas = {item["EventType"] for item in behavior(stack).get("LambdaFunctionAssociations", ())}
                if lambdas != (TRIGGERS[setup] if "EdgeFunction" in stack.resources else set()):
                    yield f"{name}: the Lambda function is attached to {sorted(lambdas)}"


def functions_are_published_as_chosen(document: Document) -> Iterator[str]:
    """A new distribution needs published functions; for any other one they are tested first."""
    for front in ("edge", "edge-function"):
        for value in ("true", "false"):
            stack = Stack(document, Front=front, EdgeSetup="functions", PublishFunctions=value)
            for function, properties in stack.of_type("AWS::CloudFront::Function").items():
                if properties["AutoPublish"] is not (value == "true"):
                    yield f"{front}, {value}: AutoPublish of {function} is {properties['AutoPublish']}"


def options_is_allowed(document: Document) -> Iterator[str]:
    for name, setup, stack in edge_stacks(document):
        if set(behavior(stack).get("AllowedMethods", ())) != ALL_METHODS:
            yield f"{name}: AllowedMethods lacks some, or OPTIONS, which CloudFront answers with 403 then"
        cached = setup == "origin" and "caching on" in name
        wanted = {"GET", "HEAD", "OPTIONS"} if cached else {"GET", "HEAD"}
        if set(behavior(stack).get("CachedMethods", ())) != wanted:
            yield f"{name}: CachedMethods is {behavior(stack).get('CachedMethods')}"


def key_fits_the_setup(document: Document) -> Iterator[str]:
    for name, setup, stack in edge_stacks(document):
        policy = cache_policy(stack)
        if policy is None:
            if "caching off" not in name:
                yield f"{name}: nothing is cached"
            continue
        if "caching off" in name:
            yield f"{name}: responses are cached"
        config = policy["ParametersInCacheKeyAndForwardedToOrigin"]["HeadersConfig"]
        headers = set(config.get("Headers", ()))
        if config["HeaderBehavior"] != ("whitelist" if headers else "none"):
            yield f"{name}: HeaderBehavior is {config['HeaderBehavior']} with {headers}"
        if len(headers) > 10:
            yield f"{name}: a cache policy can have 10 headers, not {len(headers)}"
        cors = {header for header in headers if header == "Origin" or header.startswith("Access-Control-")}
        if cors != (PREFLIGHT_KEY if setup == "origin" else set()):
            yield f"{name}: the cache key has {sorted(cors)}"
        if policy["MinTTL"] != 0:
            yield f"{name}: MinTTL {policy['MinTTL']} keeps what says no-store"
        custom = ", custom" in name
        if custom and (not headers >= IN_THE_KEY or policy["DefaultTTL"] != 0):
            yield f"{name}: one user's responses may be cached for others"
        if ("Host" in headers) != (custom and "host true" in name):
            yield f"{name}: Host in the key does not fit what is forwarded"


def origin_sees_the_origin_header(document: Document) -> Iterator[str]:
    for name, _, stack in edge_stacks(document):
        kind, headers = request_headers(stack)
        forwarded = {"allViewer": True, "allExcept": "Origin" not in headers, "whitelist": "Origin" in headers}
        if not forwarded.get(kind, False):
            yield f"{name}: origin-response can't see Origin, and so can't add headers to errors"


def cache_can_not_be_poisoned(document: Document) -> Iterator[str]:
    """A header that changes responses is in the cache key, or the origin server does not get it."""
    for name, _, stack in edge_stacks(document):
        if ", s3" in name:
            continue
        kind, headers = request_headers(stack)
        host = {"Host"} if "host false" in name else set()
        wanted = host | NOT_FORWARDED if "caching on" in name else host
        if (kind, headers) != (("allExcept", wanted) if wanted else ("allViewer", set())):
            yield f"{name}: the origin server gets {kind} {sorted(headers)}"


def errors_are_not_kept(document: Document) -> Iterator[str]:
    for name, _, stack in edge_stacks(document):
        config = stack.resources["Distribution"]["Properties"]["DistributionConfig"]
        cached_seconds = {
            item["ErrorCode"]: item["ErrorCachingMinTTL"] for item in config.get("CustomErrorResponses", ())
        }
        if cached_seconds != dict.fromkeys(ERRORS, 0):
            yield f"{name}: errors are kept: {cached_seconds}"
        if any("ResponsePagePath" in item for item in config.get("CustomErrorResponses", ())):
            yield f"{name}: viewer-response does not run for an error page"
        if "ResponseHeadersPolicyId" in behavior(stack):
            yield f"{name}: a response headers policy beside the function sets headers of its own"


def built_in_cors_is_off(document: Document) -> Iterator[str]:
    for name, resource in document["Resources"].items():
        properties = resource.get("Properties", {})
        for key in ("Cors", "CorsConfiguration"):
            if key in properties:
                yield f"{name}: {key} answers preflights itself"
        if "Cors" in properties.get("FunctionUrlConfig", {}):
            yield f"{name}: a function URL's own CORS sends a second set of headers"
        if "x-amazon-apigateway-cors" in properties.get("DefinitionBody", {}):
            yield f"{name}: x-amazon-apigateway-cors answers preflights itself"


# The name that each importer expects for the greedy path parameter: an HTTP API's export has the plus in it.
GREEDY: Final = {"HttpApi": "proxy+", "RestApi": "proxy"}


def api_bodies_can_be_imported(document: Document) -> Iterator[str]:
    """API Gateway's importer wants responses in every operation and a declaration of every path parameter."""
    for name in ("HttpApi", "RestApi"):
        properties = document["Resources"][name]["Properties"]
        if properties.get("FailOnWarnings"):
            yield f"{name}: FailOnWarnings turns any warning of the importer into a failed deployment"
        body = properties.get("DefinitionBody", properties.get("Body"))
        for path, methods in body["paths"].items():
            for method, operation in methods.items():
                if not operation.get("responses"):
                    yield f"{name}: {method} {path} has no responses"
                declared = [item["name"] for item in operation.get("parameters", ()) if item["in"] == "path"]
                if declared != [GREEDY[name]] * ("{proxy+}" in path):
                    yield f"{name}: {method} {path} declares the path parameters {declared}"


def apis_pass_everything_on(document: Document) -> Iterator[str]:
    for name in ("HttpApi", "RestApi"):
        paths = document["Resources"][name]["Properties"]["DefinitionBody"]["paths"]
        if paths.keys() != {"/", "/{proxy+}"}:
            yield f"{name}: the paths are {list(paths)}"
        for path, methods in paths.items():
            if methods.keys() != {"x-amazon-apigateway-any-method", "options"}:
                yield f"{name}: {path} has {list(methods)}; OPTIONS needs an entry of its own, without authorizer"
            for method, operation in methods.items():
                integration = operation["x-amazon-apigateway-integration"]
                if integration["type"] != "aws_proxy" or ":live/invocations" not in integration["uri"]["Fn::Sub"]:
                    yield f"{name}: {method} {path} does not go to the published function"
                if integration.get("payloadFormatVersion") != ("2.0" if name == "HttpApi" else None):
                    yield f"{name}: {method} {path} has another payload format than is documented"
                if "security" in operation:
                    yield f"{name}: {method} {path} asks for authorization"
    rest = document["Resources"]["RestApi"]["Properties"]
    for key in ("AddDefaultAuthorizerToCorsPreflight", "AddApiKeyRequiredToCorsPreflight"):
        if rest.get("Auth", {}).get(key) is not False:
            yield f"RestApi: {key} is not off"
    if rest.get("BinaryMediaTypes") != ["*~1*"]:
        yield "RestApi: bodies are decoded as text"
    if rest.get("AlwaysDeploy") is not True:
        yield "RestApi: a change of GatewayResponseOrigin would not be deployed"


def gateway_responses_have_one_origin(document: Document) -> Iterator[str]:
    responses = "x-amazon-apigateway-gateway-responses"
    header = "gatewayresponse.header.Access-Control-Allow-Origin"
    for origin in ("", "https://app.example.com"):
        stack = Stack(document, Front="rest-api", GatewayResponseOrigin=origin)
        definition = stack.resources["RestApi"]["Properties"]["DefinitionBody"].get(responses)
        wanted = {"responseParameters": {header: f"'{origin}'"}}
        if definition != ({"DEFAULT_4XX": wanted, "DEFAULT_5XX": wanted} if origin else None):
            yield f"gateway responses with {origin!r}: {definition}"


def url_is_open_to_preflights(document: Document) -> Iterator[str]:
    stack = Stack(document, Front="function-url")
    url = stack.resources["FunctionUrl"]["Properties"]
    if url["AuthType"] != "NONE" or url.get("InvokeMode", "BUFFERED") != "BUFFERED":
        yield "FunctionUrl: preflights can't be signed"
    actions = {
        item["Action"]: item for item in stack.of_type("AWS::Lambda::Permission").values() if item["Principal"] == "*"
    }
    if actions.keys() != {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}:
        yield f"FunctionUrl: it may not be called ({list(actions)})"
    elif actions["lambda:InvokeFunction"].get("InvokedViaFunctionUrl") is not True:
        yield "FunctionUrl: everybody may invoke the function, not only by its URL"


# Every wildcard in what a role may do, by role and statement. Nothing else may have one.
KEY_IN_EVERY_REGION: Final = "arn:aws:kms:*:123456789012:key/11112222-aaaa-bbbb-cccc-333344445555"
WILDCARDS: Final = {
    ("EdgeRole", "ReadPolicies"): {"arn:aws:ssm:*:123456789012:parameter/edgecors/*"},
    ("EdgeRole", "WriteLogs"): {
        "arn:aws:logs:*:123456789012:log-group:/edgecors/edgecors/edge",
        "arn:aws:logs:*:123456789012:log-group:/edgecors/edgecors/edge:*",
    },
    ("GatewayRole", "ReadPolicies"): {"arn:aws:ssm:us-east-1:123456789012:parameter/edgecors/*"},
    # Held to Regions by a condition, see `guard_keeps_to_its_regions`.
    ("GuardRole", "ReadPolicies"): {"arn:aws:ssm:*:123456789012:parameter/edgecors/*"},
    ("GuardRole", "CopyAndRevert"): {"arn:aws:ssm:*:123456789012:parameter/edgecors/*"},
    # With DistributionIds, of which a template can't build ARNs.
    ("GuardRole", "Invalidate"): {"arn:aws:cloudfront::123456789012:distribution/*"},
    # These actions have no resources.
    ("GuardRole", "ReadMetrics"): {"*"},
    ("GatewayRole", "UseNetwork"): {"*"},
    ("GatewayRole", "WriteTraces"): {"*"},
    ("GuardRole", "WriteTraces"): {"*"},
    ("GuardRole", "SetRetention"): {
        "arn:aws:logs:*:123456789012:log-group:/edgecors/edgecors/edge",
        "arn:aws:logs:*:123456789012:log-group:/edgecors/edgecors/edge:*",
    },
    # One key id in every Region.
    ("EdgeRole", "DecryptPolicies"): {KEY_IN_EVERY_REGION},
    ("GatewayRole", "DecryptPolicies"): {KEY_IN_EVERY_REGION},
    ("GuardRole", "UseKey"): {KEY_IN_EVERY_REGION},
}
ACTIONS: Final = {
    ("EdgeRole", "ReadPolicies"): {"ssm:GetParameter", "ssm:GetParameters"},
    ("EdgeRole", "WriteLogs"): {"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"},
    ("EdgeRole", "DecryptPolicies"): {"kms:Decrypt"},
    ("GatewayRole", "ReadPolicies"): {"ssm:GetParameter", "ssm:GetParameters"},
    ("GatewayRole", "WriteLogs"): {"logs:CreateLogStream", "logs:PutLogEvents"},
    ("GatewayRole", "DecryptPolicies"): {"kms:Decrypt"},
    ("GatewayRole", "UseNetwork"): {
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:DeleteNetworkInterface",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
    },
    ("GatewayRole", "WriteTraces"): {"xray:PutTraceSegments", "xray:PutTelemetryRecords"},
    ("GuardRole", "WriteTraces"): {"xray:PutTraceSegments", "xray:PutTelemetryRecords"},
    ("GuardRole", "WriteStore"): {
        "cloudfront-keyvaluestore:DescribeKeyValueStore",
        "cloudfront-keyvaluestore:ListKeys",
        "cloudfront-keyvaluestore:UpdateKeys",
    },
    ("GuardRole", "UseEncryptionKey"): {"kms:Decrypt", "kms:GenerateDataKey"},
    ("GuardRole", "ReadMetrics"): {"cloudwatch:GetMetricData"},
    ("GuardRole", "SetRetention"): {"logs:PutRetentionPolicy"},
    ("GuardRole", "ReadPolicies"): {
        "ssm:GetParameter",
        "ssm:GetParameters",
        "ssm:GetParameterHistory",
        "ssm:GetParametersByPath",
    },
    ("GuardRole", "CopyAndRevert"): {"ssm:PutParameter", "ssm:DeleteParameter"},
    ("GuardRole", "Invalidate"): {"cloudfront:CreateInvalidation"},
    ("GuardRole", "InvalidateOnceMore"): {
        "sqs:SendMessage",
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
    },
    ("GuardRole", "SendNotices"): {"sns:Publish"},
    ("GuardRole", "KeepFailedEvents"): {"sqs:SendMessage"},
    ("GuardRole", "WriteLogs"): {"logs:CreateLogStream", "logs:PutLogEvents"},
    ("GuardRole", "UseKey"): {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"},
}


def statements(stack: Stack) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    """Every statement of every role, by the role's logical id and the statement's own."""
    for role, properties in stack.of_type("AWS::IAM::Role").items():
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", ())]
        for arn in properties.get("ManagedPolicyArns", ()):
            if isinstance(arn, ResourceReference):
                documents.append(stack.resources[arn.resource]["Properties"]["PolicyDocument"])
            else:
                yield (role, "ManagedPolicyArns"), {"Action": "*", "Resource": arn}
        for policy_document in documents:
            for statement in policy_document["Statement"]:
                yield (role, statement["Sid"]), statement


def roles_may_do_little(document: Document) -> Iterator[str]:
    for name, stack in stacks(document):
        for key, statement in statements(stack):
            actions = statement["Action"]
            actions = {actions} if isinstance(actions, str) else set(actions)
            if actions != ACTIONS.get(key):
                yield f"{name}: {key} may {sorted(actions)}"
            resources = statement["Resource"]
            resources = resources if isinstance(resources, list) else [resources]
            wild = {text for text in map(str, resources) if "*" in text}
            if not wild <= WILDCARDS.get(key, set()):
                yield f"{name}: {key} has a wildcard in {sorted(wild)}"


def guard_keeps_to_its_regions(document: Document) -> Iterator[str]:
    default = document["Parameters"]["ReplicaRegions"]["Default"]
    table: tuple[tuple[str, str, set[str]], ...] = (
        ("edge", default, EDGE_REGIONS),
        ("edge-function", default, EDGE_REGIONS),
        ("http-api", default, set()),
        ("edge", "none", set()),
        ("edge", "", set()),
        ("edge", "eu-west-1,ap-southeast-2", {"eu-west-1", "ap-southeast-2"}),
        ("http-api", "eu-west-1", {"eu-west-1"}),
    )
    for front, regions, replicas in table:
        stack = Stack(document, AutoRevert="true", ReplicaRegions=regions, Front=front)
        by_sid = dict(statements(stack))
        for sid in ("ReadPolicies", "CopyAndRevert"):
            condition = by_sid["GuardRole", sid].get("Condition", {}).get("StringEquals", {})
            allowed = set(condition.get("aws:RequestedRegion", ()))
            if allowed != {"us-east-1"} | replicas:
                yield f"{front}: {sid} with replicas in {regions!r} is allowed in {sorted(allowed)}"
        variable = stack.resources["GuardFunction"]["Properties"]["Environment"]["Variables"][
            "EDGECORS_REPLICA_REGIONS"
        ]
        if set(filter(None, variable.split(","))) | {"us-east-1"} != {"us-east-1"} | replicas:
            yield f"{front}: the guard's replicas are {variable!r} with {regions!r}"


def guard_may_do_what_is_switched_on(document: Document) -> Iterator[str]:
    invalidates, regional = {"Invalidate", "InvalidateOnceMore"}, {"ReadMetrics", "SetRetention"}
    table: tuple[tuple[dict[str, str], set[str]], ...] = (
        ({}, {"CopyAndRevert", *regional}),
        ({"ReplicaRegions": "none"}, regional),
        ({"ReplicaRegions": "none", "AutoRevert": "true"}, {"CopyAndRevert", *regional}),
        ({"Front": "http-api"}, set()),
        ({"Front": "http-api", "ReplicaRegions": "eu-west-1"}, {"CopyAndRevert"}),
        ({"Front": "layer-only", "Guard": "true"}, set()),
        ({"ReplicaRegions": "none", "EdgeSetup": "origin"}, {*invalidates, *regional}),
        (
            {"ReplicaRegions": "none", "EdgeSetup": "origin", "Front": "edge-function", "DistributionId": "E1"},
            {*invalidates, *regional},
        ),
        ({"ReplicaRegions": "none", "EdgeSetup": "origin", "Front": "edge-function"}, regional),
        ({"EdgeSetup": "origin", "Front": "http-api"}, set()),
        ({"Front": "http-api", "DistributionIds": "E2"}, invalidates),
    )
    for parameters, wanted in table:
        sids = {sid for (role, sid), _ in statements(Stack(document, **parameters)) if role == "GuardRole"}
        if sids & {"CopyAndRevert", *invalidates, *regional} != wanted:
            yield f"with {parameters} the guard may {sorted(sids)}"


GUARD_VARIABLES: Final = {
    "EDGECORS_ROOT",
    "EDGECORS_REPLICA_REGIONS",
    "EDGECORS_AUTO_REVERT",
    "EDGECORS_TOPIC_ARN",
    "EDGECORS_EDGE_SETUP",
    "EDGECORS_DISTRIBUTION_IDS",
    "EDGECORS_INVALIDATION_QUEUE_URL",
    "EDGECORS_EDGE_LOG_GROUPS",
    "EDGECORS_LOG_RETENTION_DAYS",
    "EDGECORS_KEY_VALUE_STORES",
    "POWERTOOLS_SERVICE_NAME",
    "POWERTOOLS_METRICS_NAMESPACE",
    "POWERTOOLS_LOG_LEVEL",
}


def guard_hears_of_changes(document: Document) -> Iterator[str]:
    stack = Stack(document, Front="edge", EdgeSetup="origin", RootPrefix="/a/b", ReplicaRegions="eu-west-1,eu-west-2")
    guard = stack.resources["GuardFunction"]["Properties"]
    rule = stack.resources["GuardChanges"]["Properties"]
    pattern = rule["EventPattern"]
    if pattern != {
        "source": ["aws.ssm"],
        "detail-type": ["Parameter Store Change"],
        "detail": {"name": [{"prefix": "/a/b/"}], "operation": ["Create", "Update", "Delete"]},
    }:
        yield f"the guard's events are {pattern}"
    queue = ResourceReference("GuardDeadLetters", "Arn")
    [target] = rule["Targets"]
    if target["Arn"] != ResourceReference("GuardFunction", "Arn"):
        yield f"changes go to {target['Arn']}"
    if target.get("DeadLetterConfig", {}).get("Arn") != queue:
        yield "an event that can't be delivered is lost"
    if guard.get("DeadLetterQueue", {}).get("TargetArn") != queue:
        yield "an event that the guard fails on is lost"
    variables = guard["Environment"]["Variables"]
    if variables.keys() != GUARD_VARIABLES:
        yield f"the guard's variables are {sorted(variables)}"
    wanted = {
        "EDGECORS_REPLICA_REGIONS": "eu-west-1,eu-west-2",
        "EDGECORS_EDGE_SETUP": "origin",
        "EDGECORS_DISTRIBUTION_IDS": "<Distribution>",
        "EDGECORS_INVALIDATION_QUEUE_URL": ResourceReference("GuardInvalidations"),
        "EDGECORS_EDGE_LOG_GROUPS": ResourceReference("EdgeLogGroup"),
        "EDGECORS_LOG_RETENTION_DAYS": 30,
        "EDGECORS_KEY_VALUE_STORES": "",
    }
    for name, value in wanted.items():
        if variables.get(name) != value:
            yield f"the guard's {name} is {variables.get(name)}"
    mapping = stack.of_type("AWS::Lambda::EventSourceMapping")["GuardInvalidationsToGuard"]
    if mapping["EventSourceArn"] != ResourceReference("GuardInvalidations", "Arn"):
        yield "the guard does not hear of the invalidations that it put off"
    waiting = stack.of_type("AWS::SQS::Queue")["GuardInvalidations"]
    if waiting["VisibilityTimeout"] < 6 * guard["Timeout"]:
        yield "an invalidation comes again while the guard is still at it"
    if waiting["RedrivePolicy"]["deadLetterTargetArn"] != queue:
        yield "an invalidation that fails is lost"
    for name in ("GuardChanges", "GuardSchedule"):
        permission = stack.resources.get(f"{name}Permission", {}).get("Properties", {})
        if permission.get("SourceArn") != ResourceReference(name, "Arn"):
            yield f"{name} may not invoke the guard"


INVALIDATED: Final[tuple[tuple[dict[str, str], str, str], ...]] = (
    ({}, "viewer", ""),
    ({"EdgeSetup": "origin"}, "origin", "<Distribution>"),
    ({"EdgeSetup": "origin", "DistributionIds": "E2,E3"}, "origin", "<Distribution>,E2,E3"),
    ({"DistributionIds": "E2,E3"}, "origin", "E2,E3"),
    ({"Front": "edge-function", "EdgeSetup": "origin", "DistributionId": "E1"}, "origin", "E1"),
    ({"Front": "edge-function", "DistributionId": "E1"}, "viewer", ""),
    ({"Front": "http-api", "EdgeSetup": "origin"}, "viewer", ""),
    ({"Front": "http-api", "DistributionIds": "E2"}, "origin", "E2"),
)
"""Parameters, the set-up that the guard is given, and the distributions that it invalidates."""


def guard_invalidates_origin_setups(document: Document) -> Iterator[str]:
    """Only responses that are cached with CORS headers are invalidated, and those of every such distribution."""
    for parameters, setup, distributions in INVALIDATED:
        stack = Stack(document, **parameters)
        variables = stack.resources["GuardFunction"]["Properties"]["Environment"]["Variables"]
        actual = variables["EDGECORS_EDGE_SETUP"], variables["EDGECORS_DISTRIBUTION_IDS"]
        if actual != (setup, distributions):
            yield f"with {parameters} the guard invalidates {actual}"
        if bool(variables["EDGECORS_INVALIDATION_QUEUE_URL"]) != (setup == "origin"):
            yield f"with {parameters} the queue is {variables['EDGECORS_INVALIDATION_QUEUE_URL']}"


def guard_fills_the_store(document: Document) -> Iterator[str]:
    """The guard writes policies into the store of the CloudFront Functions, and may do so."""
    table: tuple[tuple[dict[str, str], str], ...] = (
        ({}, ""),
        ({"EdgeSetup": "functions"}, "<Distribution>=<KeyValueStore.Arn>"),
        ({"EdgeSetup": "functions", "Front": "edge-function"}, ""),
        ({"EdgeSetup": "functions", "Front": "edge-function", "DistributionId": "E1"}, "E1=<KeyValueStore.Arn>"),
        ({"EdgeSetup": "functions", "Front": "http-api"}, ""),
    )
    for parameters, wanted in table:
        stack = Stack(document, **parameters)
        stores = stack.resources["GuardFunction"]["Properties"]["Environment"]["Variables"]["EDGECORS_KEY_VALUE_STORES"]
        if stores != wanted:
            yield f"with {parameters} the guard writes into {stores!r}"
        resource = dict(statements(stack)).get(("GuardRole", "WriteStore"), {}).get("Resource")
        if resource != (ResourceReference("KeyValueStore", "Arn") if wanted else None):
            yield f"with {parameters} the guard may write into {resource}"


def regions_are_checked(document: Document) -> Iterator[str]:
    """The guard's schedule exists where edge functions are, and sends the event that the guard knows."""
    for name, stack in stacks(document):
        wanted = name.startswith("edge") and "GuardFunction" in stack.resources
        if ("GuardSchedule" in stack.resources) != wanted:
            yield f"{name}: the Regions of the edge functions are{' not' * wanted} checked"
        for rule in [stack.resources["GuardSchedule"]["Properties"]] if "GuardSchedule" in stack.resources else ():
            [target] = rule["Targets"]
            if json.loads(target["Input"]) != {"edgecors": "check-regions"} or "ScheduleExpression" not in rule:
                yield f"{name}: the schedule is {rule}"


def aliases_name_the_policy(document: Document) -> Iterator[str]:
    """With Site, a distribution gets an alias; the edge's role may read it."""
    table: tuple[tuple[dict[str, str], tuple[str, str] | None], ...] = (
        ({"Front": "edge"}, None),
        ({"Front": "edge", "Site": "shop"}, ("/edgecors/aliases/<Distribution>", "shop")),
        ({"Front": "edge-function", "Site": "shop"}, None),
        ({"Front": "edge-function", "Site": "shop", "DistributionId": "E1"}, ("/edgecors/aliases/E1", "shop")),
        ({"Front": "http-api", "Site": "shop"}, None),
    )
    for parameters, wanted in table:
        parameter = Stack(document, **parameters).of_type("AWS::SSM::Parameter").get("SiteAlias")
        if (parameter and (parameter["Name"], parameter["Value"])) != wanted:
            yield f"with {parameters} the alias is {parameter}"


def names_fit(document: Document) -> Iterator[str]:
    """Names and comments stay within their limits with the longest name that a stack can have, 128 characters."""
    limits = {
        "AWS::CloudFront::CachePolicy": ("CachePolicyConfig", {"Name": 128, "Comment": 128}),
        "AWS::CloudFront::OriginRequestPolicy": ("OriginRequestPolicyConfig", {"Name": 128, "Comment": 128}),
        "AWS::CloudFront::OriginAccessControl": ("OriginAccessControlConfig", {"Name": 64, "Description": 256}),
        "AWS::CloudFront::Distribution": ("DistributionConfig", {"Comment": 128}),
        "AWS::CloudFront::Function": ("", {"Name": 64}),
        "AWS::CloudFront::KeyValueStore": ("", {"Name": 64, "Comment": 128}),
        "AWS::Serverless::LayerVersion": ("", {"LayerName": 140}),
        "AWS::CloudWatch::Dashboard": ("", {"DashboardName": 255}),
        "AWS::Logs::LogGroup": ("", {"LogGroupName": 512}),
        "AWS::SNS::Topic": ("", {"DisplayName": 100}),
    }
    for name, stack in stacks(document, "x" * 128):
        for kind, (config, properties) in limits.items():
            for logical_id, resource in stack.of_type(kind).items():
                for key, most in properties.items():
                    text = (resource[config] if config else resource).get(key, "")
                    if len(text) > most:
                        yield f"{name}: {logical_id}'s {key} has {len(text)} characters, and {most} are allowed"


def layer_runs_everywhere(document: Document) -> Iterator[str]:
    layer = document["Resources"]["CorsLayer"]
    runtimes = ["python3.11", "python3.12", "python3.13", "python3.14"]
    if layer["Properties"]["CompatibleRuntimes"] != runtimes:
        yield f"the layer is for {layer['Properties']['CompatibleRuntimes']}"
    if set(layer["Properties"]["CompatibleArchitectures"]) != {"x86_64", "arm64"}:
        yield "the layer is not for both architectures"
    if "Condition" in layer:
        yield "the layer is not published by every front"
    if (layer.get("DeletionPolicy"), layer.get("UpdateReplacePolicy")) != ("RetainExceptOnCreate", "Retain"):
        yield "functions that use an old version of the layer would lose it"


def gateway_is_as_documented(document: Document) -> Iterator[str]:
    for switch, wanted in (("true", "PublishedVersions"), ("false", "None")):
        stack = Stack(document, Front="alb", SnapStart=switch, Site="shop", Upstream="https://u.example")
        gateway = stack.resources["GatewayFunction"]["Properties"]
        if gateway["SnapStart"] != {"ApplyOn": wanted}:
            yield f"SnapStart {switch} is {gateway['SnapStart']}"
        if gateway["Handler"] != "app.handler":
            yield f"the gateway's handler is {gateway['Handler']}"
        if "VpcConfig" in gateway:
            yield "the gateway is in a VPC that nobody asked for"
        if gateway["Timeout"] > 29:
            yield "API Gateway does not wait that long"
        variables = gateway["Environment"]["Variables"]
        own_variables = {name: value for name, value in variables.items() if name.startswith("EDGECORS_")}
        if own_variables != {
            "EDGECORS_SITE": "shop",
            "EDGECORS_ROOT": "/edgecors",
            "EDGECORS_UPSTREAM": "https://u.example",
            "EDGECORS_UPSTREAMS": "",
            "EDGECORS_UPSTREAM_SECRET_PARAMETER": "",
        }:
            yield f"the gateway's variables are {own_variables}"
        attributes = stack.resources["AlbTargetGroup"]["Properties"].get("TargetGroupAttributes", [])
        if {"Key": "lambda.multi_value_headers.enabled", "Value": "true"} not in attributes:
            yield "a load balancer would drop repeated headers"


def architecture_is_a_choice(document: Document) -> Iterator[str]:
    for parameters, wanted in (({}, "arm64"), ({"Architecture": "x86_64"}, "x86_64")):
        stack = Stack(document, Front="http-api", **parameters)
        for name in ("GatewayFunction", "GuardFunction"):
            actual = stack.resources[name]["Properties"]["Architectures"]
            if actual != [wanted]:
                yield f"{name} is on {actual} with {parameters}"


def private_upstream_is_reached(document: Document) -> Iterator[str]:
    stack = Stack(document, **(FULL | {"Front": "http-api"}))
    network = stack.resources["GatewayFunction"]["Properties"].get("VpcConfig")
    wanted = {name: FULL[name].split(",") for name in ("SubnetIds", "SecurityGroupIds")}
    if network != wanted:
        yield f"the gateway's network is {network}"
    if ("GatewayRole", "UseNetwork") not in dict(statements(stack)):
        yield "Lambda can't create the gateway's network interfaces"
    if ("GatewayRole", "UseNetwork") in dict(statements(Stack(document, Front="http-api"))):
        yield "a gateway without a network may create network interfaces"


def nothing_refers_to_what_is_not_there(document: Document) -> Iterator[str]:
    for name, stack in stacks(document):
        for sentence in sorted(stack.dangling):
            yield f"{name}: {sentence}"


# The names that the library and the guard write, with the dimensions they have.
METRICS: Final = {
    "Decisions": {"site", "reason"},
    "PolicyAge": {"site"},
    "RefreshFailures": {"site"},
    "LastGoodUsed": {"site"},
    "PolicyOverdue": {"site"},
}
GUARD_METRICS: Final = {
    "EdgePolicyOverdue": {"service"},
    "EdgeRefreshFailures": {"service"},
    "StoreFailures": {"service"},
    "StoreTooLarge": {"service"},
}
"""What the guard publishes about the Regions that run edge functions and about stores, with its dimension."""


def alarms_watch_what_is_written(document: Document) -> Iterator[str]:
    for name, stack in stacks(document):
        for alarm, properties in stack.of_type("AWS::CloudWatch::Alarm").items():
            if properties.get("TreatMissingData") != "notBreaching":
                yield f"{name}: {alarm} rings when there is no traffic"
            if properties.get("AlarmActions") != [ResourceReference("Topic")]:
                yield f"{name}: {alarm} tells nobody"
            metrics = [item["MetricStat"]["Metric"] for item in properties.get("Metrics", ()) if "MetricStat" in item]
            for metric in metrics or [properties]:
                dimensions = {item["Name"]: item["Value"] for item in metric["Dimensions"]}
                known = METRICS | GUARD_METRICS
                if metric["Namespace"] == "edgecors" and set(dimensions) != known.get(metric["MetricName"]):
                    yield f"{name}: {alarm} watches a metric that nobody writes"
                if "" in dimensions.values():
                    yield f"{name}: {alarm} has an empty dimension"
            once = properties["EvaluationPeriods"] == 1 and properties["Threshold"] == 1
            if once and alarm != "GuardDeadLettersAlarm":
                yield f"{name}: {alarm} rings for a single failure"


_FUNCTION_FAILURES: Final = ("FunctionExecutionErrors", "FunctionValidationErrors", "FunctionThrottles")
_FUNCTION_RATE: Final = (
    "100 * (FILL(failures, 0) + FILL(invalid, 0) + FILL(throttles, 0)) / (FILL(invocations, 0) + FILL(throttles, 0))"
)
RATES: Final[dict[str, tuple[tuple[str, ...], str, str]]] = {
    "EdgeExecutionErrorsAlarm": (("LambdaExecutionError",), "Requests", "100 * failures / requests"),
    "EdgeValidationErrorsAlarm": (("LambdaValidationError",), "Requests", "100 * failures / requests"),
    "ViewerRequestErrorsAlarm": (_FUNCTION_FAILURES, "FunctionInvocations", _FUNCTION_RATE),
    "ViewerResponseErrorsAlarm": (_FUNCTION_FAILURES, "FunctionInvocations", _FUNCTION_RATE),
    "EdgeConcurrencyAlarm": (("LambdaLimitExceededErrors",), "Requests", "100 * failures / requests"),
    "GatewayErrorsAlarm": (("Errors",), "Invocations", "100 * failures / invocations"),
    "GatewayThrottlesAlarm": (("Throttles",), "Invocations", "100 * failures / (FILL(invocations, 0) + failures)"),
}


def alarms_about_failures_are_rates(document: Document) -> Iterator[str]:
    seen: dict[str, Any] = {}
    for front in ("edge", "http-api"):
        seen |= Stack(document, Front=front, EdgeSetup="functions").of_type("AWS::CloudWatch::Alarm")
    for alarm, (failures, total, expression) in RATES.items():
        percent, *metrics = seen[alarm].get("Metrics", [{}])
        names = [item["MetricStat"]["Metric"]["MetricName"] for item in metrics]
        if names != [*failures, total] or percent.get("Expression") != expression:
            yield f"{alarm} is {percent.get('Expression')} of {names}"
        if any(item["ReturnData"] for item in metrics):
            yield f"{alarm} has two results"


def alarms_watch_the_store(document: Document) -> Iterator[str]:
    """Where the guard writes a store, and nowhere else."""
    for setup in SETUPS:
        alarms = Stack(document, Front="edge", EdgeSetup=setup).of_type("AWS::CloudWatch::Alarm")
        watched = {name for name in alarms if name.startswith(("Store", "ViewerRe"))}
        wanted = {
            f"{function}{kind}Alarm" for function in ("ViewerRequest", "ViewerResponse") for kind in ("Errors", "Time")
        }
        if watched != (wanted | {"StoreFailuresAlarm", "StoreTooLargeAlarm"} if setup == "functions" else set()):
            yield f"{setup}: the alarms are {sorted(watched)}"


CHECKS: Final[tuple[Check, ...]] = (
    no_globals,
    edge_has_nothing_forbidden,
    edge_keeps_to_the_limits,
    edge_handler_fits_the_setup,
    edge_outlives_the_stack,
    edge_role_is_trusted_by_both,
    published_on_every_change,
    version_descriptions_fit,
    triggers_have_the_version,
    viewer_functions_have_the_store,
    functions_are_published_as_chosen,
    options_is_allowed,
    key_fits_the_setup,
    origin_sees_the_origin_header,
    cache_can_not_be_poisoned,
    errors_are_not_kept,
    built_in_cors_is_off,
    api_bodies_can_be_imported,
    apis_pass_everything_on,
    gateway_responses_have_one_origin,
    url_is_open_to_preflights,
    roles_may_do_little,
    guard_keeps_to_its_regions,
    guard_may_do_what_is_switched_on,
    guard_hears_of_changes,
    guard_invalidates_origin_setups,
    guard_fills_the_store,
    regions_are_checked,
    aliases_name_the_policy,
    names_fit,
    layer_runs_everywhere,
    gateway_is_as_documented,
    architecture_is_a_choice,
    private_upstream_is_reached,
    nothing_refers_to_what_is_not_there,
    alarms_watch_what_is_written,
    alarms_about_failures_are_rates,
    alarms_watch_the_store,
)
