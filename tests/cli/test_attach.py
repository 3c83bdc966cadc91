"""``attach``, ``detach`` and ``doctor`` on a distribution with CloudFront's API shapes.

moto does not keep the policies and associations of behaviors, so the API is played here; botocore's service model
checks every request and every response.
"""

from __future__ import annotations

import copy
import shlex
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.validate import validate_parameters
from edgecors_admin import attach as attaching
from edgecors_admin.account import Account
from edgecors_admin.attach import same

from tests.cli.conftest import Command
from tests.docs.markdown import blocks, read

ID = "EDFDVBD6EXAMPLE"
EDGE = "arn:aws:lambda:us-east-1:123456789012:function:edgecors-edge:3"
NEWER = "arn:aws:lambda:us-east-1:123456789012:function:edgecors-edge:4"
ORIGIN_EDGE = "arn:aws:lambda:us-east-1:123456789012:function:edgecors-origin:1"
OTHER = "arn:aws:lambda:us-east-1:123456789012:function:auth:7"
REWRITE = "arn:aws:cloudfront::123456789012:function/rewrite"
VIEWER_REQUEST = "arn:aws:cloudfront::123456789012:function/edgecors-viewer-request"
VIEWER_RESPONSE = "arn:aws:cloudfront::123456789012:function/edgecors-viewer-response"
HANDLERS = {
    EDGE: "app.viewer_handler",
    NEWER: "app.viewer_handler",
    ORIGIN_EDGE: "app.origin_handler",
    OTHER: "index.handler",
}
ALL_METHODS = ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"]


def cache_policy(*headers: str, max_ttl: int = 31536000) -> dict[str, Any]:
    named: dict[str, Any] = {"HeaderBehavior": "whitelist", "Headers": {"Quantity": len(headers), "Items": [*headers]}}
    return {
        "Name": "cache",
        "MinTTL": 0,
        "MaxTTL": max_ttl,
        "ParametersInCacheKeyAndForwardedToOrigin": {
            "EnableAcceptEncodingGzip": True,
            "HeadersConfig": named if headers else {"HeaderBehavior": "none"},
            "CookiesConfig": {"CookieBehavior": "none"},
            "QueryStringsConfig": {"QueryStringBehavior": "none"},
        },
    }


def request_policy(behavior: str, *headers: str) -> dict[str, Any]:
    config: dict[str, Any] = {"HeaderBehavior": behavior}
    if headers:
        config["Headers"] = {"Quantity": len(headers), "Items": [*headers]}
    return {
        "Name": "request",
        "HeadersConfig": config,
        "CookiesConfig": {"CookieBehavior": "none"},
        "QueryStringsConfig": {"QueryStringBehavior": "none"},
    }


CORS_CONFIG = {
    "AccessControlAllowOrigins": {"Quantity": 1, "Items": ["*"]},
    "AccessControlAllowHeaders": {"Quantity": 1, "Items": ["*"]},
    "AccessControlAllowMethods": {"Quantity": 1, "Items": ["GET"]},
    "AccessControlAllowCredentials": False,
    "OriginOverride": True,
}
POLICIES: dict[str, Any] = {
    "cache-plain": cache_policy(),
    "cache-origin": cache_policy("Origin"),
    "cache-preflight": cache_policy("origin", "access-control-request-method", "access-control-request-headers"),
    "cache-nothing": cache_policy(max_ttl=0),
    "request-all": request_policy("allViewer"),
    "request-except-host": request_policy("allExcept", "Host"),
    "request-except-origin": request_policy("allExcept", "origin"),
    "request-origin": request_policy("whitelist", "Origin"),
    "request-nothing": request_policy("none"),
    "response-cors": {"Name": "simple-cors", "CorsConfig": CORS_CONFIG},
    "response-mixed": {
        "Name": "mixed",
        "CorsConfig": CORS_CONFIG,
        "SecurityHeadersConfig": {"ContentTypeOptions": {"Override": True}},
    },
    "response-security": {
        "Name": "security",
        "SecurityHeadersConfig": {"ContentTypeOptions": {"Override": True}},
    },
}


def behavior(
    *,
    methods: list[str] | None = None,
    cached: list[str] | None = None,
    lambdas: dict[str, str] | None = None,
    functions: dict[str, str] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """A behavior as GetDistributionConfig returns it."""
    methods, cached = methods or ALL_METHODS, cached or ["GET", "HEAD"]
    lambda_items = [
        {"LambdaFunctionARN": arn, "EventType": event, "IncludeBody": False} for event, arn in (lambdas or {}).items()
    ]
    function_items = [{"FunctionARN": arn, "EventType": event} for event, arn in (functions or {}).items()]
    result: dict[str, Any] = {
        "TargetOriginId": "backend",
        "TrustedSigners": {"Enabled": False, "Quantity": 0},
        "TrustedKeyGroups": {"Enabled": False, "Quantity": 0},
        "ViewerProtocolPolicy": "redirect-to-https",
        "AllowedMethods": {
            "Quantity": len(methods),
            "Items": methods,
            "CachedMethods": {"Quantity": len(cached), "Items": cached},
        },
        "SmoothStreaming": False,
        "Compress": True,
        "LambdaFunctionAssociations": {"Quantity": len(lambda_items), "Items": lambda_items},
        "FunctionAssociations": {"Quantity": len(function_items), "Items": function_items},
        "FieldLevelEncryptionId": "",
        "CachePolicyId": "cache-plain",
        "OriginRequestPolicyId": "request-except-host",
    }
    for field in ("LambdaFunctionAssociations", "FunctionAssociations"):
        if not result[field]["Items"]:
            del result[field]["Items"]
    return result | fields


NO_CACHED_ERRORS = [
    {"ErrorCode": code, "ErrorCachingMinTTL": 0} for code in (400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504)
]


def configuration(default: dict[str, Any], *others: dict[str, Any], errors: Any = NO_CACHED_ERRORS) -> dict[str, Any]:
    """A distribution's configuration."""
    return {
        "CallerReference": "x",
        "Comment": "shop",
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [{"Id": "backend", "DomainName": "backend.example.net"}]},
        "DefaultCacheBehavior": default,
        "CacheBehaviors": {"Quantity": len(others), "Items": list(others)},
        "CustomErrorResponses": {"Quantity": len(errors), "Items": errors},
    }


PLAYED = ("cloudfront", "lambda", "cloudformation")


class PlayedServices:
    """Plays CloudFront, Lambda and CloudFormation behind botocore's service models."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.version = 1
        self.updates = 0
        self.before_update: Callable[[], None] = lambda: None
        session = botocore.session.get_session()
        self._models = {name: session.get_service_model(name) for name in PLAYED}

    def client(self, service: str) -> Any:
        """An object with the operations that are used."""
        return _Client(self, service)

    def call(self, service: str, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        model = self._models[service].operation_model(operation)
        assert model.input_shape is not None
        assert model.output_shape is not None
        validate_parameters(arguments, model.input_shape)
        response = copy.deepcopy(getattr(self, f"on_{operation}")(**arguments))
        validate_parameters(response, model.output_shape)
        assert isinstance(response, dict)
        return response

    def on_GetDistributionConfig(self, Id: str) -> dict[str, Any]:
        if Id != ID:
            raise ClientError({"Error": {"Code": "NoSuchDistribution", "Message": "no such"}}, "GetDistributionConfig")
        return {"ETag": f"E{self.version}", "DistributionConfig": self.config}

    def on_UpdateDistribution(self, Id: str, IfMatch: str, DistributionConfig: dict[str, Any]) -> dict[str, Any]:
        self.before_update()
        if IfMatch != f"E{self.version}":
            error = {"Error": {"Code": "PreconditionFailed", "Message": "the ETag does not match"}}
            raise ClientError(error, "UpdateDistribution")  # type: ignore[arg-type]
        self.config = copy.deepcopy(DistributionConfig)
        # CloudFront returns lists in an order of its own.
        for item in [self.config["DefaultCacheBehavior"], *self.config["CacheBehaviors"]["Items"]]:
            item["LambdaFunctionAssociations"].get("Items", []).reverse()
            item["AllowedMethods"]["Items"].reverse()
        self.version += 1
        self.updates += 1
        return {"ETag": f"E{self.version}"}

    def on_GetCachePolicy(self, Id: str) -> dict[str, Any]:
        policy = {"Id": Id, "LastModifiedTime": 0, "CachePolicyConfig": POLICIES[Id]}
        return {"CachePolicy": policy}

    def on_GetOriginRequestPolicy(self, Id: str) -> dict[str, Any]:
        policy = {"Id": Id, "LastModifiedTime": 0, "OriginRequestPolicyConfig": POLICIES[Id]}
        return {"OriginRequestPolicy": policy}

    def on_GetResponseHeadersPolicy(self, Id: str) -> dict[str, Any]:
        policy = {"Id": Id, "LastModifiedTime": 0, "ResponseHeadersPolicyConfig": POLICIES[Id]}
        return {"ResponseHeadersPolicy": policy}

    def on_DescribeStacks(self, StackName: str) -> dict[str, Any]:
        output = {"OutputKey": "EdgeFunctionVersion", "OutputValue": EDGE}
        stack = {"StackName": StackName, "CreationTime": 0, "StackStatus": "CREATE_COMPLETE"}
        viewer = {"OutputKey": "ViewerFunctions", "OutputValue": f"{VIEWER_REQUEST},{VIEWER_RESPONSE}"}
        outputs = {"edgecors": [output], "edgecors-functions": [output, viewer]}
        return {"Stacks": [stack | ({"Outputs": outputs[StackName]} if StackName in outputs else {})]}

    def on_GetFunctionConfiguration(self, FunctionName: str) -> dict[str, Any]:
        return {"FunctionName": FunctionName, "Handler": HANDLERS[FunctionName]}


class _Client:
    def __init__(self, api: PlayedServices, service: str) -> None:
        self._api = api
        self._service = service

    def __getattr__(self, name: str) -> Any:
        operation = "".join(word.title() for word in name.split("_"))
        return lambda **arguments: self._api.call(self._service, operation, arguments)


@pytest.fixture
def play(edgecors: Command, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], PlayedServices]:
    """Lets the command see a distribution with a configuration. Parameter Store stays moto's."""
    original = Account.client
    edgecors.put(f"sites/{ID}", "https://app.example.com")

    def start(config: dict[str, Any]) -> PlayedServices:
        api = PlayedServices(config)

        def client(account: Account, service: str, region: str | None = None) -> Any:
            return api.client(service) if service in PLAYED else original(account, service, region)

        monkeypatch.setattr(Account, "client", client)
        return api

    return start


Play = Callable[[dict[str, Any]], PlayedServices]


def plan_for(config: dict[str, Any], setup: str, function: str) -> attaching.Plan:
    """The plan for the default behavior."""
    default = config["DefaultCacheBehavior"]
    named = ("CachePolicyId", "OriginRequestPolicyId", "ResponseHeadersPolicyId")
    policies = attaching.Policies(*(POLICIES.get(default.get(field, "")) for field in named))
    functions = attaching.Functions(function, VIEWER_REQUEST, VIEWER_RESPONSE)
    return attaching.make_plan(config, "*", policies, setup, functions, HANDLERS[function])


def codes(result: Any, severity: str) -> list[str]:
    return [check["code"] for check in result["checks"] if check["severity"] == severity]


def lambdas(config: dict[str, Any], pattern: str = "*") -> dict[str, str]:
    return attaching.associations(attaching.find_behavior(config, pattern))[0]


VIEWER = {"viewer-request": EDGE, "viewer-response": EDGE, "origin-response": EDGE}


def test_attach_good_distribution_adds_the_function_and_detach_restores_it(edgecors: Command, play: Play) -> None:
    original = configuration(behavior())
    api = play(copy.deepcopy(original))
    result = edgecors.json("attach", ID, "--function", EDGE, "--yes")
    assert (result["applied"], codes(result, "error"), codes(result, "warning")) == (True, [], [])
    assert [change["field"] for change in result["changes"]] == ["LambdaFunctionAssociations"]
    assert lambdas(api.config) == VIEWER
    healthy = edgecors.json("doctor", ID)
    (diagnosis,) = healthy["behaviors"]
    assert (diagnosis["setup"], codes(diagnosis, "error"), codes(diagnosis, "warning")) == ("viewer", [], [])
    assert edgecors.json("detach", ID, "--yes")["applied"] is True
    assert same(api.config, original)
    assert api.updates == 2
    assert edgecors("detach", ID, "--yes").status == 1


def test_attach_prints_a_plan_and_a_difference(edgecors: Command, play: Play) -> None:
    api = play(configuration(behavior(methods=["GET", "HEAD"], ResponseHeadersPolicyId="response-cors")))
    ran = edgecors("attach", ID, "--function", EDGE, "--dry-run")
    assert ran.status == 0
    for text in (
        "allow OPTIONS: CloudFront answers preflights with 403 otherwise",
        "remove the response headers policy 'simple-cors': it sets its own CORS headers",
        "run the edge function at viewer-request, viewer-response, origin-response",
        '+      "OPTIONS"',
        '-  "ResponseHeadersPolicyId": "response-cors"',
    ):
        assert text in ran.out
    assert api.updates == 0


def test_attach_every_change_is_undone(edgecors: Command, play: Play) -> None:
    original = configuration(
        behavior(methods=["GET", "HEAD"], ResponseHeadersPolicyId="response-cors", lambdas={"origin-request": OTHER}),
        {"PathPattern": "/api/*", **behavior()},
    )
    api = play(copy.deepcopy(original))
    for pattern in ("*", "/api/*"):
        assert edgecors.json("attach", ID, "--function", EDGE, "--behavior", pattern, "--yes")["applied"]
    assert lambdas(api.config) == VIEWER | {"origin-request": OTHER}
    assert "ResponseHeadersPolicyId" not in api.config["DefaultCacheBehavior"]
    # A newer version of the function is attached over the first; detaching goes back to before both.
    assert edgecors.json("attach", ID, "--function", NEWER, "--yes")["applied"]
    assert lambdas(api.config)["viewer-request"] == NEWER
    for pattern in ("/api/*", "*"):
        assert edgecors.json("detach", ID, "--behavior", pattern, "--yes")["applied"]
    assert same(api.config, original)


def test_attach_all_functions_of_a_stack(edgecors: Command, play: Play) -> None:
    api = play(configuration(behavior()))
    assert edgecors.json("attach", ID, "--stack", "edgecors-functions", "--setup", "functions", "--yes")["applied"]
    attached = attaching.associations(api.config["DefaultCacheBehavior"])
    assert attached == (
        {"origin-response": EDGE},
        {"viewer-request": VIEWER_REQUEST, "viewer-response": VIEWER_RESPONSE},
    )


def test_attach_function_of_a_stack(edgecors: Command, play: Play) -> None:
    api = play(configuration(behavior()))
    assert edgecors.json("attach", ID, "--stack", "edgecors", "--yes")["applied"] is True
    assert lambdas(api.config) == VIEWER
    ran = edgecors("attach", ID, "--stack", "edgecors", "--setup", "functions")
    assert (ran.status, "--viewer-request-function" in ran.err) == (2, True)
    ran = edgecors("attach", ID, "--stack", "other")
    assert (ran.status, "The stack other has no output EdgeFunctionVersion." in ran.err) == (1, True)
    assert edgecors("attach", ID, "--stack", "edgecors", "--function", EDGE).status == 2


def test_attach_twice_changes_nothing(edgecors: Command, play: Play) -> None:
    api = play(configuration(behavior(lambdas=VIEWER)))
    result = edgecors.json("attach", ID, "--function", EDGE, "--yes")
    assert (result["applied"], result["changes"], api.updates) == (False, [], 0)


@pytest.mark.parametrize(
    ("setup", "function", "fields", "errors"),
    [
        pytest.param("viewer", EDGE, {"functions": {"viewer-request": REWRITE}}, ["mixed-functions"], id="mixed"),
        pytest.param(
            "origin", ORIGIN_EDGE, {"CachePolicyId": "cache-plain"}, ["cache-key-without-origin"], id="cache key"
        ),
        pytest.param(
            "origin",
            ORIGIN_EDGE,
            {"CachePolicyId": "cache-origin", "OriginRequestPolicyId": "request-origin"},
            ["preflight-not-forwarded"],
            id="preflight headers",
        ),
        pytest.param(
            "origin",
            ORIGIN_EDGE,
            {
                "CachePolicyId": "cache-origin",
                "OriginRequestPolicyId": "request-all",
                "cached": ["GET", "HEAD", "OPTIONS"],
            },
            ["preflight-cache-key"],
            id="preflight cache key",
        ),
        pytest.param(
            "origin",
            ORIGIN_EDGE,
            {"CachePolicyId": "cache-nothing", "OriginRequestPolicyId": "request-except-origin"},
            ["origin-not-forwarded"],
            id="Origin is not forwarded",
        ),
        pytest.param("viewer", EDGE, {"lambdas": {"viewer-request": OTHER}}, ["event-taken"], id="event taken"),
        pytest.param("viewer", ORIGIN_EDGE, {}, ["wrong-handler"], id="handler"),
        pytest.param(
            "viewer",
            EDGE,
            {"ResponseHeadersPolicyId": "response-mixed"},
            ["response-headers-policy-cors"],
            id="response headers policy",
        ),
        pytest.param(
            "functions", EDGE, {"lambdas": {"viewer-response": OTHER}}, ["mixed-functions"], id="mixed, functions"
        ),
        pytest.param(
            "functions", EDGE, {"functions": {"viewer-request": REWRITE}}, ["event-taken"], id="function taken"
        ),
    ],
)
def test_plan_with_a_conflict_is_blocked(setup: str, function: str, fields: dict[str, Any], errors: list[str]) -> None:
    plan = plan_for(configuration(behavior(**fields)), setup, function)
    assert (plan.blocked, codes(plan.as_dict(), "error")) == (True, errors)
    assert all(check.remedy for check in plan.checks if check.severity == "error")


def test_attach_with_a_conflict_changes_nothing(edgecors: Command, play: Play) -> None:
    api = play(configuration(behavior(functions={"viewer-request": REWRITE})))
    ran = edgecors("attach", ID, "--function", EDGE, "--yes", "--json")
    assert (ran.status, codes(ran.data, "error"), ran.data["applied"]) == (1, ["mixed-functions"], False)
    assert "fix the errors first" in edgecors("attach", ID, "--function", EDGE, "--yes").out
    assert api.updates == 0


@pytest.mark.parametrize(
    ("fields", "errors", "warnings"),
    [
        pytest.param(
            {"CachePolicyId": "cache-origin"}, NO_CACHED_ERRORS, ["cache-key-with-origin"], id="key with Origin"
        ),
        pytest.param(
            {"OriginRequestPolicyId": "request-nothing"}, NO_CACHED_ERRORS, ["origin-not-forwarded"], id="errors"
        ),
        pytest.param({}, [], ["errors-cached"], id="errors cached by default"),
        pytest.param({"CachePolicyId": "cache-nothing"}, [], [], id="nothing is cached"),
        pytest.param(
            {},
            [
                *NO_CACHED_ERRORS[1:],
                {"ErrorCode": 400, "ResponsePagePath": "/x", "ResponseCode": "200", "ErrorCachingMinTTL": 5},
            ],
            ["custom-error-page", "errors-cached"],
            id="error page",
        ),
        pytest.param(
            {"TrustedKeyGroups": {"Enabled": True, "Quantity": 1, "Items": ["k"]}},
            NO_CACHED_ERRORS,
            ["signed-requests"],
            id="signed requests",
        ),
        pytest.param(
            {"ResponseHeadersPolicyId": "response-security"}, NO_CACHED_ERRORS, [], id="security headers only"
        ),
    ],
)
def test_plan_warns_of_what_pages_will_not_see(fields: dict[str, Any], errors: Any, warnings: list[str]) -> None:
    result = plan_for(configuration(behavior(**fields), errors=errors), "viewer", EDGE).as_dict()
    assert (codes(result, "error"), codes(result, "warning")) == ([], warnings)


HOSTS = '{"version": 1, "rules": [{"hosts": ["www.example.com"], "allow_origins": ["https://app.example.com"]}]}'


@pytest.mark.parametrize(
    ("policy", "warnings"),
    [
        pytest.param(None, ["no-policy"], id="no policy"),
        pytest.param('{"version": 1}', ["policy-rejected"], id="rejected"),
        pytest.param(HOSTS, ["host-not-forwarded"], id="hosts"),
    ],
)
def test_attach_and_doctor_check_the_policy(
    policy: str | None, warnings: list[str], edgecors: Command, play: Play
) -> None:
    play(configuration(behavior(lambdas=VIEWER)))
    if policy is None:
        edgecors.store.client.delete_parameter(Name=f"/edgecors/sites/{ID}")
    else:
        edgecors.put(f"sites/{ID}", policy)
    assert codes(edgecors.json("attach", ID, "--function", EDGE, "--dry-run"), "warning") == warnings
    (diagnosis,) = edgecors.json("doctor", ID)["behaviors"]
    assert codes(diagnosis, "warning") == warnings


def test_attach_policy_of_an_alias_is_found(edgecors: Command, play: Play) -> None:
    play(configuration(behavior(OriginRequestPolicyId="request-all")))
    edgecors.store.client.delete_parameter(Name=f"/edgecors/sites/{ID}")
    edgecors.put(f"aliases/{ID}", "shop")
    edgecors.put("sites/shop", HOSTS)
    assert codes(edgecors.json("attach", ID, "--function", EDGE, "--dry-run"), "warning") == []
    attached = edgecors("attach", ID, "--function", EDGE, "--yes")
    assert "Allow an origin with: edgecors allow shop https://app.example.com" in attached.out


def test_attach_alias_of_a_missing_site_says_which_one_to_create(edgecors: Command, play: Play) -> None:
    play(configuration(behavior(OriginRequestPolicyId="request-all")))
    edgecors.store.client.delete_parameter(Name=f"/edgecors/sites/{ID}")
    edgecors.put(f"aliases/{ID}", "shop")
    ran = edgecors("attach", ID, "--function", EDGE, "--dry-run")
    assert "Write one before you attach: edgecors allow shop https://app.example.com" in ran.out


def test_attach_origin_setup_runs_at_the_origin_events(edgecors: Command, play: Play) -> None:
    # CloudFront Functions at viewer events are no conflict there.
    api = play(
        configuration(
            behavior(
                CachePolicyId="cache-preflight",
                cached=["GET", "HEAD", "OPTIONS"],
                functions={"viewer-request": REWRITE},
            )
        )
    )
    result = edgecors.json("attach", ID, "--function", ORIGIN_EDGE, "--setup", "origin", "--yes")
    assert (result["applied"], codes(result, "error")) == (True, [])
    assert lambdas(api.config) == {"origin-request": ORIGIN_EDGE, "origin-response": ORIGIN_EDGE}
    (diagnosis,) = edgecors.json("doctor", ID)["behaviors"]
    assert diagnosis["setup"] == "origin"
    assert diagnosis["outcomes"]["preflight"] == "the response of edgecors, which CloudFront may cache"


def test_attach_functions_setup_runs_both_kinds(edgecors: Command, play: Play) -> None:
    api = play(configuration(behavior()))
    options = ["--viewer-request-function", VIEWER_REQUEST, "--viewer-response-function", VIEWER_RESPONSE]
    assert edgecors.json("attach", ID, "--function", EDGE, "--setup", "functions", *options, "--yes")["applied"]
    assert attaching.associations(api.config["DefaultCacheBehavior"]) == (
        {"origin-response": EDGE},
        {"viewer-request": VIEWER_REQUEST, "viewer-response": VIEWER_RESPONSE},
    )
    (diagnosis,) = edgecors.json("doctor", ID)["behaviors"]
    assert (diagnosis["setup"], codes(diagnosis, "error")) == ("functions", [])


def test_plan_understands_legacy_cache_settings() -> None:
    legacy = behavior(
        ForwardedValues={
            "QueryString": True,
            "Cookies": {"Forward": "none"},
            "Headers": {"Quantity": 1, "Items": ["Origin"]},
        }
    )
    del legacy["CachePolicyId"], legacy["OriginRequestPolicyId"]
    result = plan_for(configuration(legacy), "viewer", EDGE).as_dict()
    assert codes(result, "warning") == ["cache-key-with-origin"]


def test_attach_changed_meanwhile_is_refused(edgecors: Command, play: Play) -> None:
    api = play(configuration(behavior()))

    def interfere() -> None:
        api.version += 1

    api.before_update = interfere
    ran = edgecors("attach", ID, "--function", EDGE, "--yes")
    assert (ran.status, api.updates) == (1, 0)
    assert "was changed meanwhile. Nothing was written; run the command again." in ran.err


def test_detach_after_a_refused_attach_keeps_what_was_changed_meanwhile(edgecors: Command, play: Play) -> None:
    """The refused attempt leaves no record, so the next one records what somebody else has written meanwhile."""
    api = play(configuration(behavior()))

    def interfere() -> None:
        api.before_update = lambda: None
        api.version += 1
        item = {"LambdaFunctionARN": OTHER, "EventType": "origin-request", "IncludeBody": False}
        api.config["DefaultCacheBehavior"]["LambdaFunctionAssociations"] = {"Quantity": 1, "Items": [item]}

    api.before_update = interfere
    assert edgecors("attach", ID, "--function", EDGE, "--yes").status == 1
    theirs = copy.deepcopy(api.config)
    assert edgecors.json("attach", ID, "--function", EDGE, "--yes")["applied"]
    assert edgecors.json("detach", ID, "--yes")["applied"]
    assert same(api.config, theirs)


def test_attach_without_a_terminal_needs_yes(edgecors: Command, play: Play) -> None:
    api = play(configuration(behavior()))
    ran = edgecors("attach", ID, "--function", EDGE)
    assert (ran.status, api.updates) == (2, 0)
    assert "--yes" in ran.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--function", "edgecors-edge"], "the ARN of a numbered version in us-east-1"),
        (["--function", EDGE.rpartition(":")[0]], "the ARN of a numbered version in us-east-1"),
        (["--function", EDGE.replace("us-east-1", "eu-west-1")], "the ARN of a numbered version in us-east-1"),
        (["--function", EDGE, "--setup", "both"], "Use one of viewer, origin, functions"),
        (["--function", EDGE, "--setup", "functions"], "needs --viewer-request-function"),
        (["--function", EDGE, "--behavior", "/nope"], "no behavior '/nope'. It has: *, /api/*"),
    ],
)
def test_attach_invalid_option_is_a_sentence(options: list[str], message: str, edgecors: Command, play: Play) -> None:
    play(configuration(behavior(), {"PathPattern": "/api/*", **behavior()}))
    ran = edgecors("attach", ID, *options)
    assert ran.status == 2
    assert message in ran.err


def test_attach_unknown_distribution_is_a_sentence(edgecors: Command, play: Play) -> None:
    play(configuration(behavior()))
    ran = edgecors("attach", "E1OTHER", "--function", EDGE)
    assert ran.status == 3
    assert "AWS refused GetDistributionConfig" in ran.err


def test_detach_refuses_fields_that_were_changed_since(edgecors: Command, play: Play) -> None:
    original = configuration(behavior())
    api = play(copy.deepcopy(original))
    edgecors.json("attach", ID, "--function", EDGE, "--yes")
    associated = api.config["DefaultCacheBehavior"]["LambdaFunctionAssociations"]
    associated["Items"][0]["LambdaFunctionARN"] = OTHER
    ran = edgecors("detach", ID, "--yes")
    assert (ran.status, api.updates) == (1, 1)
    assert "LambdaFunctionAssociations of the behavior was changed after attaching" in ran.err
    assert edgecors.json("detach", ID, "--force", "--yes")["applied"]
    assert same(api.config, original)


def test_doctor_reports_what_is_missing_and_what_a_page_sees(edgecors: Command, play: Play) -> None:
    play(
        configuration(
            behavior(
                methods=["GET", "HEAD"],
                OriginRequestPolicyId="request-nothing",
                lambdas={"viewer-request": EDGE, "origin-response": EDGE},
            ),
            {"PathPattern": "/static/*", **behavior(lambdas={"origin-request": OTHER})},
        )
    )
    ran = edgecors("doctor", ID, "--json")
    assert ran.status == 1
    static, default = ran.data["behaviors"]
    assert (static["behavior"], static["setup"]) == ("/static/*", None)
    assert codes(default, "error") == ["not-attached-allowedmethods", "not-attached-lambdafunctionassociations"]
    network_error = "a network error: there are no CORS headers"
    assert default["outcomes"] == {
        "preflight": "a 403 from CloudFront, because OPTIONS is not allowed",
        "response below 400": network_error,
        "error of the origin server": network_error,
        "error of CloudFront, WAF or a custom error page": network_error,
        "methods": "GET, HEAD",
    }
    text = edgecors("doctor", ID, "--behavior", "*").out
    assert "preflight: a 403 from CloudFront, because OPTIONS is not allowed" in text


DOCUMENTED: tuple[dict[str, Any], ...] = (
    {"functions": {"viewer-request": REWRITE}},
    {},
    {"methods": ["GET", "HEAD"]},
    {"methods": ["GET", "HEAD", "OPTIONS"], "lambdas": VIEWER},
)


@pytest.mark.parametrize("number", range(len(DOCUMENTED)))
def test_documented_output_is_current(
    number: int, edgecors: Command, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    play(configuration(behavior(**{"methods": ["GET", "HEAD", "OPTIONS"]} | DOCUMENTED[number])))
    documented = blocks(read("attach.md"), "console")
    assert len(documented) == len(DOCUMENTED)
    call, _, expected = documented[number].partition("\n")
    assert edgecors(*shlex.split(call.removeprefix("$ edgecors "))).out == expected


def test_doctor_without_edgecors_says_how_to_attach(edgecors: Command, play: Play) -> None:
    play(configuration(behavior()))
    ran = edgecors("doctor", ID)
    assert ran.status == 1
    assert f"edgecors attach {ID} --stack NAME" in ran.err
