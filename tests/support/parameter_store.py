"""A Parameter Store to test against: moto's server, with its checks of signatures and permissions switched on."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

ROOT = Path(__file__).resolve().parents[2]
REGION = "us-east-1"
# No retries: a test wants to see the first answer.
CONFIG = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=20)

Statement = Mapping[str, object] | Sequence[Mapping[str, object]]
ParameterType = Literal["String", "StringList", "SecureString"]


@dataclass(frozen=True)
class Credentials:
    """What a request is signed with; ``session_token`` only for temporary ones."""

    access_key: str
    secret_key: str
    session_token: str | None = None

    def environment(self) -> dict[str, str]:
        """The variables by which Lambda hands credentials to a function."""
        variables = {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}
        if self.session_token is not None:
            variables["AWS_SESSION_TOKEN"] = self.session_token
        return variables


@dataclass
class ParameterStoreServer:
    """A running store. Use it as a context manager, or through the fixture ``parameter_store``.

    Every request is checked as AWS does it: the signature (method, path, headers, body, Region, secret) and whether
    the signer may do this. Regions are kept apart by the Region that the signature names.
    """

    endpoint: str
    credentials: Credentials
    region: str
    _process: "subprocess.Popen[str]"
    _written: set[tuple[str, str]] = field(default_factory=set)

    @classmethod
    def start(cls, region: str = REGION) -> Self:
        """Starts the server, makes a user who may do everything, and then switches the checks on."""
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.moto_process"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        server = cls(process.stdout.readline().strip(), Credentials("nobody", "yet"), region, process)
        try:
            server._require_signatures()
        except BaseException:
            server.stop()
            raise
        return server

    def _require_signatures(self) -> None:
        if not self.endpoint:
            raise RuntimeError("moto's server did not start; its own words are on stderr")
        iam = boto3.client("iam", **self._options())
        iam.create_user(UserName="tests")
        everything = _policy({"Effect": "Allow", "Action": "*", "Resource": "*"})
        iam.put_user_policy(UserName="tests", PolicyName="everything", PolicyDocument=everything)
        key = iam.create_access_key(UserName="tests")["AccessKey"]
        self.credentials = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
        # How many requests go unchecked from here on: none.
        request = urllib.request.Request(
            f"{self.endpoint}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"}
        )
        with urllib.request.urlopen(request, timeout=20):
            pass

    def _options(self) -> dict[str, Any]:
        return {
            "endpoint_url": self.endpoint,
            "region_name": self.region,
            "aws_access_key_id": self.access_key,
            "aws_secret_access_key": self.secret_key,
            "config": CONFIG,
        }

    def stop(self) -> None:
        """Ends the server; a second call does nothing."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def access_key(self) -> str:
        """The access key id of the user who may do everything."""
        return self.credentials.access_key

    @property
    def secret_key(self) -> str:
        """The secret to it."""
        return self.credentials.secret_key

    @property
    def client(self) -> "SSMClient":
        """A boto3 client in the store's own Region."""
        return self.client_in(self.region)

    def client_in(self, region: str, credentials: Credentials | None = None) -> "SSMClient":
        """A boto3 client in any Region, also with other credentials."""
        signer = credentials or self.credentials
        client: SSMClient = boto3.client(
            "ssm",
            endpoint_url=self.endpoint,
            region_name=region,
            aws_access_key_id=signer.access_key,
            aws_secret_access_key=signer.secret_key,
            aws_session_token=signer.session_token,
            config=CONFIG,
        )
        return client

    def environment(self, region: str | None = None, credentials: Credentials | None = None) -> dict[str, str]:
        """The variables that lead a function, the command or an SDK to this store and nowhere else."""
        name = region or self.region
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ENDPOINT_URL_SSM": self.endpoint,
            "AWS_REGION": name,
            "AWS_DEFAULT_REGION": name,
            **(credentials or self.credentials).environment(),
        }

    def put(self, name: str, value: str, type: ParameterType = "String", region: str | None = None) -> None:
        """Creates or changes a parameter."""
        where = region or self.region
        self.client_in(where).put_parameter(
            Name=name,
            Value=value,
            Type=type,
            Overwrite=True,
            Tier="Advanced" if len(value.encode()) > 4096 else "Standard",
        )
        self._written.add((where, name))

    def delete(self, name: str, region: str | None = None) -> None:
        """Removes a parameter that is there."""
        where = region or self.region
        self.client_in(where).delete_parameter(Name=name)
        self._written.discard((where, name))

    def clear(self) -> None:
        """Removes all that ``put`` has written, so that the next test finds an empty store."""
        for region, name in sorted(self._written):
            # DeleteParameters does not mind names that are gone already.
            self.client_in(region).delete_parameters(Names=[name])
        self._written.clear()

    def delete_below(self, path: str) -> None:
        """Delete what anybody has written below a path such as ``/edgecors/``."""
        while parameters := self.client.get_parameters_by_path(Path=path, Recursive=True)["Parameters"]:
            self.client.delete_parameters(Names=[parameter["Name"] for parameter in parameters])

    def temporary_credentials(self, statement: Statement | None = None) -> Credentials:
        """Credentials with a session token, as a function's role has them.

        Args:
            statement: what they allow (one IAM policy statement or several); everything when left out.
        """
        iam = boto3.client("iam", **self._options())
        name = f"role-{len(iam.list_roles(MaxItems=1000)['Roles'])}"
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
        allowed = statement or {"Effect": "Allow", "Action": "*", "Resource": "*"}
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(trust))["Role"]
        iam.put_role_policy(RoleName=name, PolicyName="allowed", PolicyDocument=_policy(allowed))
        response = boto3.client("sts", **self._options()).assume_role(RoleArn=role["Arn"], RoleSessionName="tests")
        key = response["Credentials"]
        return Credentials(key["AccessKeyId"], key["SecretAccessKey"], key["SessionToken"])


def _policy(statement: Statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statement})
