"""The AWS account a command works on: profile, Region and endpoint as the AWS CLI knows them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from edgecors.store import HOME_REGION

from edgecors_admin.errors import AwsError, NotPermittedError

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_ssm import SSMClient


class Account:
    """Clients of one account, made when they are first used.

    Without a Region in the options, the environment or the profile it is us-east-1: where edge functions come from,
    and where they look last.
    """

    def __init__(self, profile: str | None = None, region: str | None = None, endpoint: str | None = None) -> None:
        self._profile = profile
        self._region = region
        self._endpoint = endpoint

    @cached_property
    def session(self) -> Any:
        """The boto3 session. Raises `AwsError` for a profile that there is not."""
        import os

        import boto3  # not before it is needed: half a second

        # boto3 knows AWS_DEFAULT_REGION only; the AWS CLI and Lambda know AWS_REGION, and it goes first.
        region = self._region or os.environ.get("AWS_REGION") or None
        with aws_errors():
            return boto3.Session(profile_name=self._profile, region_name=region)

    @property
    def region(self) -> str:
        """The Region whose Parameter Store holds the policies."""
        return self.session.region_name or HOME_REGION

    @cached_property
    def ssm(self) -> SSMClient:
        """Parameter Store."""
        client: SSMClient = self.client("ssm")
        return client

    @cached_property
    def cloudfront(self) -> CloudFrontClient:
        """CloudFront, for response headers policies."""
        client: CloudFrontClient = self.client("cloudfront")
        return client

    def logs(self, region: str) -> CloudWatchLogsClient:
        """CloudWatch Logs of a Region."""
        client: CloudWatchLogsClient = self.client("logs", region)
        return client

    def regions(self) -> list[str]:
        """All Regions that may have logs of an edge function, this one first."""
        with aws_errors():
            names = self.session.get_available_regions("logs", self._partition())
        return list(dict.fromkeys((self.region, *names)))

    def _partition(self) -> str:
        partition: str = self.session.get_partition_for_region(self.region)
        return partition

    def client(self, service: str, region: str | None = None) -> Any:
        """A client of any service, in this Region unless another one is named."""
        from botocore.config import Config

        config = Config(retries={"mode": "standard", "total_max_attempts": 5}, user_agent_extra="edgecors")
        with aws_errors():
            return self.session.client(
                service, region_name=region or self.region, endpoint_url=self._endpoint, config=config
            )


@contextmanager
def aws_errors() -> Iterator[None]:
    """Turn botocore's exceptions into `AwsError` with one sentence."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        details = error.response.get("Error", {})
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        # Parameter Store answers AccessDeniedException with status 400, other services answer 403.
        kind = NotPermittedError if details.get("Code") == "AccessDeniedException" or status == 403 else AwsError
        message = f"AWS refused {error.operation_name}: {details.get('Message') or details.get('Code')}"
        raise kind(message, f"{error.operation_name}: {details.get('Code')}") from error
    except BotoCoreError as error:
        raise AwsError(f"The request to AWS failed: {error}", type(error).__name__) from error
