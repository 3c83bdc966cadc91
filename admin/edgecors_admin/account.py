"""The AWS account a command works on: profile, Region and endpoint as the AWS CLI knows them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from edgecors.aws.parameters import HOME_REGION

from edgecors_admin.errors import AwsError, CommandError, NotPermittedError, UsageError
from edgecors_admin.urls import is_http_url

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_ssm import SSMClient

ATTEMPTS = 5
CONNECT_SECONDS = 10
READ_SECONDS = 60
QUICK_SECONDS = 2
"""For a request whose answer is not worth a long wait."""


class Account:
    """Clients of one account, made when they are first used.

    Without a Region in the options, the environment or the profile it is us-east-1: edge functions are deployed
    there, and it is where they look last.
    """

    def __init__(self, profile: str | None = None, region: str | None = None, endpoint: str | None = None) -> None:
        self._profile = profile
        self._region = region
        self._endpoint = endpoint

    @cached_property
    def session(self) -> Any:
        """The boto3 session. Raises `UsageError` for a profile that does not exist."""
        import os

        import boto3  # only when it is needed: the import takes half a second

        # boto3 reads AWS_DEFAULT_REGION only; the AWS CLI and Lambda read AWS_REGION, which goes first.
        region = self._region or os.environ.get("AWS_REGION") or None
        with aws_errors(self.name):
            return boto3.Session(profile_name=self._profile, region_name=region)

    @property
    def name(self) -> str:
        """What the account is called in messages: the profile, where one is chosen."""
        import os

        profile = self._profile or os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE")
        return f"profile {profile}" if profile else "the default credentials"

    @property
    def region(self) -> str:
        """The Region whose Parameter Store holds the policies."""
        return self.session.region_name or HOME_REGION

    @cached_property
    def ssm(self) -> SSMClient:
        """Parameter Store."""
        client: SSMClient = self.client("ssm")
        return client

    def home_ssm(self) -> SSMClient:
        """Parameter Store of us-east-1, asked once and with little patience."""
        client: SSMClient = self.client("ssm", HOME_REGION, quick=True)
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
        with aws_errors(self.name, self.region):
            names = self.session.get_available_regions("logs", self._partition())
        return list(dict.fromkeys((self.region, *names)))

    def _partition(self) -> str:
        partition: str = self.session.get_partition_for_region(self.region)
        return partition

    def client(self, service: str, region: str | None = None, *, quick: bool = False) -> Any:
        """A boto3 client, without retries and long waits if ``quick``.

        Raises:
            UsageError: the endpoint or the Region is not valid.
        """
        from botocore.config import Config

        config = Config(
            retries={"mode": "standard", "total_max_attempts": 1 if quick else ATTEMPTS},
            connect_timeout=QUICK_SECONDS if quick else CONNECT_SECONDS,
            read_timeout=QUICK_SECONDS if quick else READ_SECONDS,
            user_agent_extra="edgecors",
        )
        if self._endpoint is not None and not is_http_url(self._endpoint):
            raise UsageError(
                f"--endpoint-url {self._endpoint!r} is not a URL. Write one such as http://localhost:4566."
            )
        with aws_errors(self.name, region or self.region):
            return self.session.client(
                service, region_name=region or self.region, endpoint_url=self._endpoint, config=config
            )


@contextmanager
def aws_errors(account: str = "the default credentials", region: str = "") -> Iterator[None]:
    """Turn what botocore raises into a `CommandError` that says what to set or run.

    Args:
        account: What the account is called in messages.
        region: The Region that was asked.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise _refused(error, account, region) from error
    except BotoCoreError as error:
        raise _failed(error, account, region) from error


_EXPIRED = frozenset(("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"))
_UNKNOWN = frozenset(
    ("UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch")
)
_SIGN_IN = "Sign in again (aws sso login, or aws configure)"


def _refused(error: Any, account: str, region: str) -> CommandError:
    about = error.response.get("Error", {})
    code = str(about.get("Code") or "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    where = f" in {region}" if region else ""
    message = f"AWS refused {error.operation_name}{where}: {about.get('Message') or code}"
    summary = f"{error.operation_name}: {code}"
    if code in _EXPIRED:
        remedy = f"The session of {account} has expired. {_SIGN_IN}, or choose another --profile."
        return AwsError(f"{message} {remedy}", summary, code)
    if code in _UNKNOWN:
        remedy = f"AWS does not accept {account}. Check AWS_PROFILE, --profile and the keys."
        return AwsError(f"{message} {remedy}", summary, code)
    # Parameter Store says it by name with status 400, other services by the status.
    if code in ("AccessDeniedException", "AccessDenied") or status == 403:
        return NotPermittedError(f"{message} ({account} lacks the permission)", summary, code)
    return AwsError(message, summary, code)


def _failed(error: Exception, account: str, region: str) -> CommandError:
    kind = type(error).__name__
    where = f" in {region}" if region else ""
    if kind == "ProfileNotFound":
        return AwsError(f"{error}. Choose another --profile (aws configure list-profiles), or unset AWS_PROFILE.", kind)
    if kind in ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "NoAuthTokenError"):
        return AwsError(
            f"There are no usable AWS credentials ({account}): {error}. Set AWS_PROFILE or --profile NAME, or run"
            " aws configure or aws sso login.",
            kind,
        )
    if "SSO" in kind or "Token" in kind or kind == "LoginRefreshRequired":
        profile = account.removeprefix("profile ") if account.startswith("profile ") else "NAME"
        return AwsError(
            f"The SSO session of {account} has expired: {error}. Run aws sso login --profile {shlex.quote(profile)}.",
            kind,
        )
    if kind in ("InvalidRegionError", "NoRegionError"):
        return UsageError(f"{region!r} is not a valid Region. Write --region with one such as us-east-1.")
    if (
        "Connect" in kind
        or "Timeout" in kind
        or kind in ("EndpointConnectionError", "ProxyConnectionError", "SSLError")
    ):
        return AwsError(f"No connection to AWS{where}: {error} Check the network, --region and --endpoint-url.", kind)
    return AwsError(f"The request to AWS{where} failed: {error}", kind)
