"""The fronts that the local edge has. Imports nothing, so that the command can name them without the extra `local`."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class FrontName(StrEnum):
    """The fronts that can be chosen, in the order in which they are offered."""

    cloudfront_viewer = "cloudfront-viewer"
    cloudfront_origin = "cloudfront-origin"
    cloudfront_functions = "cloudfront-functions"
    http_api = "http-api"
    rest_api = "rest-api"
    function_url = "function-url"
    alb = "alb"
    alb_single_value = "alb-single-value"


FRONTS: Final = tuple(front.value for front in FrontName)
FUNCTIONS: Final = FrontName.cloudfront_functions.value
CLOUDFRONT: Final = tuple(name for name in FRONTS if name.startswith("cloudfront-"))
GATEWAY: Final = tuple(name for name in FRONTS if name not in CLOUDFRONT)
"""The fronts of the gateway."""
STAGED: Final = (FrontName.http_api.value, FrontName.rest_api.value)
"""The fronts that have stages."""
