"""The function's AWS credentials: from the environment, or from the container endpoint that SnapStart uses."""

from __future__ import annotations

import json
import os
import socket
import time

from . import ReadError
from .http1 import Endpoint, HttpConnection, message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

_EXPIRY_MARGIN = 300
"""Seconds before its expiry at which a credential from the container endpoint is replaced."""
_PATIENCE = 1.0
"""Seconds without progress after which the container endpoint, which is on this machine, has failed."""
_CONTAINER_HOST = "169.254.170.2"
_LINK_LOCAL = (b"\xa9\xfe\xaa\x02", b"\xa9\xfe\xaa\x17", b"\xfd\x00\x0e\xc2" + b"\0" * 11 + b"\x23")
"""The addresses of the ECS agent (169.254.170.2) and of the EKS agent (169.254.170.23 and fd00:ec2::23)."""


class AccessKey:
    """An AWS access key; ``expires`` in seconds since the epoch (infinite for keys of the environment)."""

    __slots__ = ("access_key", "expires", "secret_key", "token")

    def __init__(self, access_key: str, secret_key: str, token: str = "", expires: float = float("inf")) -> None:
        self.access_key = access_key
        self.secret_key = secret_key
        self.token = token
        self.expires = expires


class CredentialSource:
    """Reads the function's credentials, and caches those of the container endpoint until shortly before their expiry.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
    """

    def __init__(self, environ: Mapping[str, str] = os.environ, clock: Callable[[], float] = time.time) -> None:
        self._environ = environ
        self._clock = clock
        self._cached: AccessKey | None = None
        self._connection: HttpConnection | None = None

    def poll(self, deadline: float) -> AccessKey | None:
        """The credentials to sign with now; None where the container endpoint has not answered by the deadline
        (monotonic): the next call goes on. Raises `ReadError`.
        """
        environ = self._environ
        if environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY"):
            token = environ.get("AWS_SESSION_TOKEN", "")
            return AccessKey(environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"], token)
        now = self._clock()
        if self._cached is None or now > self._cached.expires - _EXPIRY_MARGIN:
            # Credentials are renewed ahead of their expiry, so the old ones still work until a renewal succeeds.
            usable = self._cached is not None and now < self._cached.expires
            try:
                renewed = self._fetch(deadline)
            except ReadError:
                if not usable:
                    raise
            else:
                self._cached = renewed or (self._cached if usable else None)
        return self._cached

    def close(self) -> None:
        """Drop a request to the container endpoint that is in progress."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _fetch(self, deadline: float) -> AccessKey | None:
        try:
            if self._connection is None:
                self._connection = self._ask()
            response = self._connection.poll(deadline)
            if response is None:
                return None
            status, _, body = response
            if status != 200:
                raise ReadError("no-credentials", f"the credentials endpoint answered {status}")
            credentials = _read_credentials(json.loads(body))
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            self.close()
            raise ReadError("no-credentials", f"the credentials endpoint failed: {error!r}") from None
        except ReadError:
            self.close()
            raise
        self.close()
        return credentials

    def _ask(self) -> HttpConnection:
        endpoint = container_endpoint(self._environ)
        headers = {"host": endpoint.netloc, "accept": "application/json"}
        if token := self._token():
            headers["authorization"] = token
        connection = HttpConnection(endpoint)
        connection.begin(lambda: message(endpoint, "GET", headers, b""), _PATIENCE)
        return connection

    def _token(self) -> str:
        """The endpoint's own token; the file is read each time because it may be rotated."""
        token = self._environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
        path = self._environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
        if path:
            with open(path, encoding="utf-8") as file:
                token = file.read().strip()
        if "\r" in token or "\n" in token:
            raise ValueError("the authorization token has a line break")
        return token


def container_endpoint(environ: Mapping[str, str]) -> Endpoint:
    """The endpoint that the environment names. Raises ReadError for one to which no SDK would send the token."""
    relative = environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
    url = f"http://{_CONTAINER_HOST}{relative}" if relative else environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    if not url:
        raise ReadError("no-credentials", "no access key and no credentials endpoint in the environment")
    endpoint = Endpoint(url)
    if not endpoint.secure and not _is_local(endpoint.host):
        raise ReadError(
            "no-credentials",
            f"the credentials endpoint http://{endpoint.netloc} is neither a loopback address nor one of the ECS and "
            "EKS agents. Use https in AWS_CONTAINER_CREDENTIALS_FULL_URI.",
        )
    return endpoint


def _is_local(host: str) -> bool:
    """Whether the SDKs trust a host with plain HTTP: loopback and the link-local addresses of ECS and EKS."""
    if host == "localhost":
        return True
    try:
        address = socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    except (OSError, ValueError):
        return False
    loopback = address[0] == 127 if len(address) == 4 else address == b"\0" * 15 + b"\x01"
    return loopback or address in _LINK_LOCAL


def _read_credentials(data: Any) -> AccessKey:
    """Raises LookupError, TypeError, AttributeError or ValueError for data without valid credentials."""
    key, secret, token = data["AccessKeyId"], data["SecretAccessKey"], data.get("Token") or ""
    if not all(isinstance(part, str) for part in (key, secret, token)):
        raise TypeError("a credential is not a string")
    return AccessKey(key, secret, token, _parse_time(data["Expiration"]) if data.get("Expiration") else float("inf"))


def _parse_time(text: str) -> float:
    from datetime import datetime  # imported here because only the container endpoint sends a time

    return datetime.fromisoformat(text).timestamp()
