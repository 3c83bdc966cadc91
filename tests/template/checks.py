"""What the template has to keep to and no linter knows. Each check yields one sentence for each thing that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any, Final

from tests.template.document import Pointer, Stack, references

Document = Mapping[str, Any]
Check = Callable[[Document], Iterator[str]]

GATEWAY_FRONTS: Final = ("http-api", "rest-api", "function-url", "alb")
FRONTS: Final = ("edge", "edge-function", *GATEWAY_FRONTS, "layer-only")
SETUPS: Final = ("viewer", "origin")
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
}
HANDLERS: Final = {"viewer": "app.viewer_handler", "origin": "app.origin_handler"}
# The only statuses that a distribution may have a setting for, hence all of them.
ERRORS: Final = {400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504}
# Managed origin request policies that let Origin through: CORS-S3Origin, AllViewer, AllViewerExceptHostHeader.
FORWARD_ORIGIN: Final = {
    "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf",
    "216adef6-5c7f-47e4-b989-5492eafa07d3",
    "b689b0a8-53d0-40ab-baf2-68738e2966ac",
}
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
    "Site": "shop",
    "Upstream": "https://api.example.com",
    "GatewayResponseOrigin": "https://app.example.com",
    "AlarmEmail": "someone@example.com",
    "ReplicaRegions": "eu-west-1,ap-southeast-2",
    "AutoRevert": "true",
    "SecureStringKeyArn": "arn:aws:kms:us-east-1:123456789012:key/11112222-aaaa-bbbb-cccc-333344445555",
    "Aliases": "www.example.com,example.com",
    "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/11112222-aaaa-bbbb-cccc-333344445555",
}
"""Parameters with which every part that is optional is there."""


def stacks(document: Document) -> Iterator[tuple[str, Stack]]:
    """Every kind of stack that can be deployed: with as little in it as there can be, as much, and alarms alone."""
    for front, setup, kind, host in product(FRONTS, SETUPS, ("custom", "s3"), ("false", "true")):
        chosen = {"Front": front, "EdgeSetup": setup, "OriginType": kind, "ForwardHost": host}
        if front != "edge" and (kind, host) != ("custom", "false"):
            continue
        off = {"Guard": "false", "Alarms": "false", "Dashboard": "false", "SnapStart": "false"}
        needed = {name: FULL[name] for name in ("OriginDomainName", "Site", "Upstream")}
        name = f"{front}, {setup}, {kind}, host {host}"
        yield f"{name}, little", Stack(document, **needed, **chosen, **off)
        yield f"{name}, much", Stack(document, **FULL, **chosen)
        yield f"{name}, alarms", Stack(document, **needed, **chosen, Guard="false")


def edge_stacks(document: Document) -> Iterator[tuple[str, str, Stack]]:
    """The stacks with a distribution: name, set-up, stack."""
    for name, stack in stacks(document):
        if "Distribution" in stack.resources:
            yield name, name.split(", ")[1], stack


def behavior(stack: Stack) -> dict[str, Any]:
    """The distribution's one cache behaviour."""
    config = stack.resources["Distribution"]["Properties"]["DistributionConfig"]
    assert "CacheBehaviors" not in config, "the checks know of the default behaviour only"
    found: dict[str, Any] = config["DefaultCacheBehavior"]
    return found


def cache_policy(stack: Stack) -> dict[str, Any]:
    """The cache policy of the distribution's behaviour."""
    identifier = behavior(stack)["CachePolicyId"]
    assert isinstance(identifier, Pointer), "the checks know policies of the template only"
    found: dict[str, Any] = stack.resources[identifier.resource]["Properties"]["CachePolicyConfig"]
    return found


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


def published_on_every_change(document: Document) -> Iterator[str]:
    """SAM hashes the text of a function's properties; a parameter's value has to come in by the description."""
    for name in ("EdgeFunction", "GatewayFunction"):
        properties = document["Resources"][name]["Properties"]
        if properties.get("AutoPublishAlias") != "live" or not properties.get("AutoPublishAliasAllProperties"):
            yield f"{name}: no version is published when a property changes"
        described = set(references(properties.get("VersionDescription", "")))
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


def version_descriptions_fit(document: Document) -> Iterator[str]:
    """Lambda takes 256 characters at most."""
    for name in ("EdgeFunction", "GatewayFunction"):
        text = document["Resources"][name]["Properties"]["VersionDescription"]["Fn::Sub"]
        for parameter in set(references({"Fn::Sub": text})):
            declared = document["Parameters"][parameter]
            longest = max(
                map(len, map(str, declared.get("AllowedValues", ()))), default=declared.get("MaxLength", 4096)
            )
            text = text.replace("${" + parameter + "}", "x" * longest)
        if len(text) > 256:
            yield f"{name}: VersionDescription may have {len(text)} characters"


def triggers_have_the_version(document: Document) -> Iterator[str]:
    for name, setup, stack in edge_stacks(document):
        associations = behavior(stack).get("LambdaFunctionAssociations", [])
        events = [item["EventType"] for item in associations]
        if sorted(events) != sorted(TRIGGERS[setup]):
            yield f"{name}: the triggers are {events}"
        for item in associations:
            if item["LambdaFunctionARN"] != Pointer("EdgeFunction", "Version"):
                yield f"{name}: {item['EventType']} has {item['LambdaFunctionARN']}, and needs a version's ARN"
            if item.get("IncludeBody"):
                yield f"{name}: {item['EventType']} is sent bodies that nobody reads"


def options_is_allowed(document: Document) -> Iterator[str]:
    for name, setup, stack in edge_stacks(document):
        if set(behavior(stack).get("AllowedMethods", ())) != ALL_METHODS:
            yield f"{name}: AllowedMethods lacks some, or OPTIONS, which CloudFront answers with 403 then"
        wanted = {"GET", "HEAD", "OPTIONS"} if setup == "origin" else {"GET", "HEAD"}
        if set(behavior(stack).get("CachedMethods", ())) != wanted:
            yield f"{name}: CachedMethods is {behavior(stack).get('CachedMethods')}"


def key_fits_the_setup(document: Document) -> Iterator[str]:
    for name, setup, stack in edge_stacks(document):
        policy = cache_policy(stack)
        config = policy["ParametersInCacheKeyAndForwardedToOrigin"]["HeadersConfig"]
        headers = set(config.get("Headers", ()))
        if config["HeaderBehavior"] != ("whitelist" if headers else "none"):
            yield f"{name}: HeaderBehavior is {config['HeaderBehavior']} with {headers}"
        cors = {header for header in headers if header == "Origin" or header.startswith("Access-Control-")}
        if cors != (PREFLIGHT_KEY if setup == "origin" else set()):
            yield f"{name}: the cache key has {sorted(cors)}"
        if policy["MinTTL"] != 0:
            yield f"{name}: MinTTL {policy['MinTTL']} keeps what says no-store"
        custom = ", custom" in name
        if custom and ("Authorization" not in headers or policy["DefaultTTL"] != 0):
            yield f"{name}: one user's answers may be kept for others"
        if ("Host" in headers) != (custom and "host true" in name):
            yield f"{name}: Host in the key does not fit what is forwarded"


def origin_sees_the_origin_header(document: Document) -> Iterator[str]:
    for name, _, stack in edge_stacks(document):
        policy = behavior(stack).get("OriginRequestPolicyId")
        if policy not in FORWARD_ORIGIN:
            yield f"{name}: origin-response can't see Origin, and so put no headers on errors"


def errors_are_not_kept(document: Document) -> Iterator[str]:
    for name, _, stack in edge_stacks(document):
        config = stack.resources["Distribution"]["Properties"]["DistributionConfig"]
        kept = {item["ErrorCode"]: item["ErrorCachingMinTTL"] for item in config.get("CustomErrorResponses", ())}
        if kept != dict.fromkeys(ERRORS, 0):
            yield f"{name}: errors are kept: {kept}"
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
        found = stack.resources["RestApi"]["Properties"]["DefinitionBody"].get(responses)
        wanted = {"responseParameters": {header: f"'{origin}'"}}
        if found != ({"DEFAULT_4XX": wanted, "DEFAULT_5XX": wanted} if origin else None):
            yield f"gateway responses with {origin!r}: {found}"


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
}
ACTIONS: Final = {
    ("EdgeRole", "ReadPolicies"): {"ssm:GetParameter", "ssm:GetParameters"},
    ("EdgeRole", "WriteLogs"): {"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"},
    ("EdgeRole", "DecryptPolicies"): {"kms:Decrypt"},
    ("GatewayRole", "ReadPolicies"): {"ssm:GetParameter", "ssm:GetParameters"},
    ("GatewayRole", "WriteLogs"): {"logs:CreateLogStream", "logs:PutLogEvents"},
    ("GatewayRole", "DecryptPolicies"): {"kms:Decrypt"},
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
    ("GuardRole", "Tell"): {"sns:Publish"},
    ("GuardRole", "KeepFailedEvents"): {"sqs:SendMessage"},
    ("GuardRole", "WriteLogs"): {"logs:CreateLogStream", "logs:PutLogEvents"},
    ("GuardRole", "UseKey"): {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"},
}


def statements(stack: Stack) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    """Every statement of every role, by the role's logical id and the statement's own."""
    for role, properties in stack.of_type("AWS::IAM::Role").items():
        if properties.keys() & {"ManagedPolicyArns"}:
            yield (role, "ManagedPolicyArns"), {"Action": "*", "Resource": properties["ManagedPolicyArns"]}
        for policy in properties["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
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
    for regions in ("", "eu-west-1,ap-southeast-2"):
        stack = Stack(document, AutoRevert="true", ReplicaRegions=regions)
        found = dict(statements(stack))
        for sid in ("ReadPolicies", "CopyAndRevert"):
            condition = found["GuardRole", sid].get("Condition", {}).get("StringEquals", {})
            allowed = set(condition.get("aws:RequestedRegion", ())) - {""}
            if allowed != {"us-east-1", *regions.split(",")} - {""}:
                yield f"{sid} with replicas in {regions!r} is allowed in {sorted(allowed)}"


def guard_may_do_what_is_switched_on(document: Document) -> Iterator[str]:
    table: tuple[tuple[dict[str, str], set[str]], ...] = (
        ({}, set()),
        ({"AutoRevert": "true"}, {"CopyAndRevert"}),
        ({"ReplicaRegions": "eu-west-1"}, {"CopyAndRevert"}),
        ({"EdgeSetup": "origin"}, {"Invalidate", "InvalidateOnceMore"}),
        (
            {"EdgeSetup": "origin", "Front": "edge-function", "DistributionId": "E1"},
            {"Invalidate", "InvalidateOnceMore"},
        ),
        ({"EdgeSetup": "origin", "Front": "edge-function"}, set()),
        ({"EdgeSetup": "origin", "Front": "http-api"}, set()),
    )
    for parameters, wanted in table:
        sids = {sid for (role, sid), _ in statements(Stack(document, **parameters)) if role == "GuardRole"}
        if sids & {"CopyAndRevert", "Invalidate", "InvalidateOnceMore"} != wanted:
            yield f"with {parameters} the guard may {sorted(sids)}"


GUARD_VARIABLES: Final = {
    "EDGECORS_ROOT",
    "EDGECORS_REPLICA_REGIONS",
    "EDGECORS_AUTO_REVERT",
    "EDGECORS_TOPIC_ARN",
    "EDGECORS_EDGE_SETUP",
    "EDGECORS_DISTRIBUTION_IDS",
    "EDGECORS_INVALIDATION_QUEUE_URL",
    "POWERTOOLS_SERVICE_NAME",
    "POWERTOOLS_METRICS_NAMESPACE",
    "POWERTOOLS_LOG_LEVEL",
}


def guard_hears_of_changes(document: Document) -> Iterator[str]:
    stack = Stack(document, Front="edge", EdgeSetup="origin", RootPrefix="/a/b", ReplicaRegions="eu-west-1,eu-west-2")
    guard = stack.resources["GuardFunction"]["Properties"]
    pattern = guard["Events"]["ParameterChange"]["Properties"]["Pattern"]
    if pattern != {
        "source": ["aws.ssm"],
        "detail-type": ["Parameter Store Change"],
        "detail": {"name": [{"prefix": "/a/b/"}], "operation": ["Create", "Update", "Delete"]},
    }:
        yield f"the guard's events are {pattern}"
    queue = Pointer("GuardDeadLetters", "Arn")
    if guard["Events"]["ParameterChange"]["Properties"].get("DeadLetterConfig", {}).get("Arn") != queue:
        yield "an event that can't be delivered is lost"
    if guard.get("DeadLetterQueue", {}).get("TargetArn") != queue:
        yield "an event that the guard fails on is lost"
    variables = guard["Environment"]["Variables"]
    if variables.keys() != GUARD_VARIABLES:
        yield f"the guard's variables are {sorted(variables)}"
    wanted = {
        "EDGECORS_REPLICA_REGIONS": "eu-west-1,eu-west-2",
        "EDGECORS_EDGE_SETUP": "origin",
        "EDGECORS_DISTRIBUTION_IDS": Pointer("Distribution"),
        "EDGECORS_INVALIDATION_QUEUE_URL": Pointer("GuardInvalidations"),
    }
    for name, value in wanted.items():
        if variables.get(name) != value:
            yield f"the guard's {name} is {variables.get(name)}"
    mapping = stack.of_type("AWS::Lambda::EventSourceMapping")["GuardInvalidationsToGuard"]
    if mapping["EventSourceArn"] != Pointer("GuardInvalidations", "Arn"):
        yield "the guard does not hear of the invalidations that it put off"
    waiting = stack.of_type("AWS::SQS::Queue")["GuardInvalidations"]
    if waiting["VisibilityTimeout"] < 6 * guard["Timeout"]:
        yield "an invalidation comes again while the guard is still at it"
    if waiting["RedrivePolicy"]["deadLetterTargetArn"] != queue:
        yield "an invalidation that fails is lost"


def layer_runs_everywhere(document: Document) -> Iterator[str]:
    layer = document["Resources"]["CorsLayer"]
    runtimes = ["python3.11", "python3.12", "python3.13", "python3.14"]
    if layer["Properties"]["CompatibleRuntimes"] != runtimes:
        yield f"the layer is for {layer['Properties']['CompatibleRuntimes']}"
    if set(layer["Properties"]["CompatibleArchitectures"]) != {"x86_64", "arm64"}:
        yield "the layer is not for both architectures"
    if "Condition" in layer:
        yield "the layer is not published by every front"


def gateway_is_as_documented(document: Document) -> Iterator[str]:
    for switch, wanted in (("true", "PublishedVersions"), ("false", "None")):
        stack = Stack(document, Front="alb", SnapStart=switch, Site="shop", Upstream="https://u.example")
        gateway = stack.resources["GatewayFunction"]["Properties"]
        if gateway["SnapStart"] != {"ApplyOn": wanted}:
            yield f"SnapStart {switch} is {gateway['SnapStart']}"
        if (gateway["Handler"], gateway["Architectures"]) != ("app.handler", ["arm64"]):
            yield f"the gateway is {gateway['Handler']} on {gateway['Architectures']}"
        if gateway["Timeout"] > 29:
            yield "API Gateway does not wait that long"
        variables = gateway["Environment"]["Variables"]
        ours = {name: value for name, value in variables.items() if name.startswith("EDGECORS_")}
        if ours != {
            "EDGECORS_SITE": "shop",
            "EDGECORS_ROOT": "/edgecors",
            "EDGECORS_UPSTREAM": "https://u.example",
        }:
            yield f"the gateway's variables are {ours}"
        attributes = stack.resources["AlbTargetGroup"]["Properties"].get("TargetGroupAttributes", [])
        if {"Key": "lambda.multi_value_headers.enabled", "Value": "true"} not in attributes:
            yield "a load balancer would drop repeated headers"


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
}


def alarms_watch_what_is_written(document: Document) -> Iterator[str]:
    for name, stack in stacks(document):
        for alarm, properties in stack.of_type("AWS::CloudWatch::Alarm").items():
            if properties.get("TreatMissingData") != "notBreaching":
                yield f"{name}: {alarm} rings when there is no traffic"
            if properties.get("AlarmActions") != [Pointer("Topic")]:
                yield f"{name}: {alarm} tells nobody"
            dimensions = {item["Name"]: item["Value"] for item in properties["Dimensions"]}
            if properties["Namespace"] == "edgecors" and set(dimensions) != METRICS.get(properties["MetricName"]):
                yield f"{name}: {alarm} watches a metric that nobody writes"
            if "" in dimensions.values():
                yield f"{name}: {alarm} has an empty dimension"


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
    options_is_allowed,
    key_fits_the_setup,
    origin_sees_the_origin_header,
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
    layer_runs_everywhere,
    gateway_is_as_documented,
    nothing_refers_to_what_is_not_there,
    alarms_watch_what_is_written,
)
