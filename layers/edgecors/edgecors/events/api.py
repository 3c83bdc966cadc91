"""Which front a request event comes from: API Gateway with either payload format, a function URL or a load balancer."""

from __future__ import annotations

from .alb import Alb
from .api_gateway_v1 import ApiGatewayV1
from .api_gateway_v2 import ApiGatewayV2

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .http_event import HttpEvent


def parse_event(event: object) -> HttpEvent | None:
    """The adapter of a request event of API Gateway, a function URL or a load balancer; None for any other event.

    CloudFront's events are not among them: edge functions parse those with `edgecors.events.cloudfront`.
    """
    if not isinstance(event, dict):
        return None
    context = event.get("requestContext")
    if context is not None and not isinstance(context, dict):
        return None
    # An authorizer gets the same event with the method's ARN, an agent of Amazon Bedrock a similar one for an action.
    if not event.keys().isdisjoint(("methodArn", "routeArn", "actionGroup")):
        return None
    if event.get("version") == "2.0":
        if context is None or not isinstance(context.get("http"), dict):
            return None
        return ApiGatewayV2(event)
    if not isinstance(event.get("httpMethod"), str):
        return None
    if context is not None and "elb" in context:
        return Alb(event)
    return ApiGatewayV1(event)
