"""Clients of the services that the guard calls, each created on first use."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from edgecors_admin.errors import AwsError
from edgecors_admin.parameter_store import Parameters

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_sns import SNSClient

# A Region that does not answer must leave time for the other Regions; failures are tried again with the next delivery.
CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})


class Clients:
    """The clients of one execution environment, with the credentials that it was started with."""

    def __init__(self, region: str, root: str) -> None:
        self._root = root
        self._session = boto3.Session(region_name=region)
        self._regional: dict[tuple[str, str], Any] = {}
        # Sessions are not safe to use from several threads; clients are.
        self._lock = threading.Lock()

    def _client(self, service: str, region: str) -> Any:
        with self._lock:
            key = (service, region)
            if key not in self._regional:
                try:
                    self._regional[key] = self._session.client(service, region_name=region, config=CONFIG)
                except BotoCoreError as error:
                    # Such as a Region's name that can't be one.
                    raise AwsError(f"There is no client for {region!r}: {error}", type(error).__name__) from error
            return self._regional[key]

    def parameters(self, region: str) -> Parameters:
        """A Region's Parameter Store."""
        return Parameters(self._client("ssm", region), self._root)

    def cloudwatch(self, region: str) -> CloudWatchClient:
        """A Region's CloudWatch metrics."""
        client: CloudWatchClient = self._client("cloudwatch", region)
        return client

    def logs(self, region: str) -> CloudWatchLogsClient:
        """A Region's CloudWatch Logs."""
        client: CloudWatchLogsClient = self._client("logs", region)
        return client

    @cached_property
    def sns(self) -> SNSClient:
        """The home Region's SNS."""
        client: SNSClient = self._session.client("sns", config=CONFIG)
        return client

    @cached_property
    def cloudfront(self) -> CloudFrontClient:
        """CloudFront, which has one endpoint for all Regions."""
        client: CloudFrontClient = self._session.client("cloudfront", config=CONFIG)
        return client

    @cached_property
    def key_value_store(self) -> Any:
        """The data plane of CloudFront's KeyValueStores. Its requests are signed with SigV4A, which needs awscrt."""
        return self._session.client("cloudfront-keyvaluestore", config=CONFIG)

    @cached_property
    def sqs(self) -> Any:
        """The home Region's SQS."""
        return self._session.client("sqs", config=CONFIG)
