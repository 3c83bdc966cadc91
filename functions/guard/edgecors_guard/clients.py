"""Clients of the services that the guard calls, each made when it is first used."""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_ssm import SSMClient

# A Region that does not answer must leave time for the others; what failed is tried again with the next delivery.
CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})


class Clients:
    """The clients of one execution environment, with the credentials that it was started with."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._session = boto3.Session(region_name=region)
        self.ssm = cache(self._ssm)

    def _ssm(self, region: str) -> SSMClient:
        client: SSMClient = self._session.client("ssm", region_name=region, config=CONFIG)
        return client

    @cached_property
    def sns(self) -> SNSClient:
        """The home Region's SNS."""
        client: SNSClient = self._session.client("sns", config=CONFIG)
        return client

    @cached_property
    def cloudfront(self) -> CloudFrontClient:
        """CloudFront, which is everywhere the same."""
        client: CloudFrontClient = self._session.client("cloudfront", config=CONFIG)
        return client

    @cached_property
    def sqs(self) -> Any:
        """The home Region's SQS."""
        return self._session.client("sqs", config=CONFIG)
