"""Parameter Store: signed GetParameters calls over one kept connection.

https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html
"""

from __future__ import annotations

import contextlib
import json
import os
import time

from . import ReadError
from .credentials import AccessKey, CredentialSource
from .http1 import Endpoint, HttpConnection, message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

MAX_NAMES = 10
"""Names in one GetParameters call."""
HOME_REGION = "us-east-1"
"""The Region of CloudFront's own resources, where everybody's policy is. The others may have copies."""

_DNS_SUFFIXES = {
    # Prefix of the Region's name: suffix of its endpoints, suffix of its dual-stack endpoints.
    "cn-": ("amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    "eusc-": ("amazonaws.eu", "api.amazonwebservices.eu"),
    "us-iso-": ("c2s.ic.gov", "api.aws.ic.gov"),
    "us-isob-": ("sc2s.sgov.gov", "api.aws.scloud"),
    "us-isof-": ("csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    "eu-isoe-": ("cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
}


class Parameter:
    """A parameter's value (decrypted) and version, and whether it is a SecureString, which no log may quote."""

    __slots__ = ("secret", "value", "version")

    def __init__(self, value: str, version: int, secret: bool = False) -> None:
        self.value = value
        self.version = version
        self.secret = secret


def endpoint_for(region: str, environ: Mapping[str, str]) -> Endpoint:
    """The endpoint of Systems Manager: the one that the environment names, else the Region's own.

    Args:
        region: name of a Region of any partition.
        environ: read for AWS_ENDPOINT_URL_SSM and AWS_ENDPOINT_URL, which win, and for AWS_USE_FIPS_ENDPOINT and
            AWS_USE_DUALSTACK_ENDPOINT.

    Raises:
        ValueError: the environment's endpoint is not an http or https URL.
    """
    if url := environ.get("AWS_ENDPOINT_URL_SSM") or environ.get("AWS_ENDPOINT_URL"):
        return Endpoint(url)
    fips = environ.get("AWS_USE_FIPS_ENDPOINT", "").lower() == "true"
    dual_stack = environ.get("AWS_USE_DUALSTACK_ENDPOINT", "").lower() == "true"
    suffixes = next((pair for prefix, pair in _DNS_SUFFIXES.items() if region.startswith(prefix)), None)
    plain, dual = suffixes or ("amazonaws.com", "api.aws")
    # GovCloud's ordinary endpoints are the FIPS ones.
    service = "ssm-fips" if fips and (dual_stack or not region.startswith("us-gov-")) else "ssm"
    return Endpoint(f"https://{service}.{region}.{dual if dual_stack else plain}")


class ParameterReader:
    """Reads the Parameter Store of one Region: one call at a time, which any number of callers may wait for in turn."""

    def __init__(
        self,
        region: str,
        *,
        environ: Mapping[str, str] = os.environ,
        credentials: CredentialSource | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.region = region
        self._credentials = credentials or CredentialSource(environ, wall_clock)
        self._wall_clock = wall_clock
        self._endpoint = endpoint_for(region, environ)
        self._connection = HttpConnection(self._endpoint, environ.get("AWS_CA_BUNDLE", ""))
        self._body = b""
        self._access_key = self._signed_with = AccessKey("", "")

    @property
    def round_trip(self) -> float | None:
        """Seconds of a round trip as measured so far; None before the first."""
        return self._connection.round_trip

    @property
    def sent(self) -> bool:
        """Whether the request of the call in progress has been sent."""
        return self._connection.sent

    def begin(self, names: Iterable[str], patience: float) -> None:
        """Begin to read at most ten parameters; `poll` continues.

        Args:
            names: names of parameters.
            patience: seconds without any progress after which the call fails.
        """
        self._body = json.dumps({"Names": list(names), "WithDecryption": True}).encode()
        self._connection.begin(self._signed_message, patience)

    def poll(self, deadline: float) -> dict[str, Parameter] | None:
        """The existing ones of the parameters, by name; None while the answer is on its way at the deadline.

        Args:
            deadline: on the monotonic clock; one that has passed waits for nothing.

        Raises:
            ReadError: the call failed.
        """
        endpoint = self._endpoint
        try:
            access_key = self._credentials.poll(deadline)
            if access_key is None:
                return None
            self._access_key = access_key
            response = self._connection.poll(deadline)
        except ReadError:
            self._connection.close()
            raise
        except TimeoutError:
            raise ReadError("timeout", f"no answer from {endpoint.netloc} in time") from None
        except OSError as error:
            raise ReadError("connection", f"{endpoint.netloc}: {error}") from None
        except ValueError as error:
            raise ReadError("bad-response", f"{endpoint.netloc}: {error}") from None
        if response is None:
            return None
        return _parameters(_result(*response, self._signed_with.token, self._signed_with.secret_key))

    def close(self) -> None:
        """Close the kept connection and drop what is in progress, for example after a restored snapshot."""
        self._credentials.close()
        self._connection.close()

    def open(self, deadline: float) -> bool:
        """Open the connection ahead of the first read, until the deadline. Whether it is open. Raises OSError."""
        return self._connection.open(deadline)

    def _signed_message(self) -> bytes:
        """Signed when the connection can send it: AWS takes no signature older than five minutes."""
        from .sigv4 import sign  # imported here because the edge connects before it loads OpenSSL's digests

        endpoint = self._endpoint
        headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "AmazonSSM.GetParameters"}
        now = self._wall_clock()
        self._signed_with = self._access_key
        signed = sign(self._access_key, self.region, endpoint.netloc, endpoint.path, headers, self._body, now)
        return message(endpoint, "POST", signed, self._body)


def readers_from_environment(
    environ: Mapping[str, str] = os.environ, *, home: str | None = None
) -> tuple[ParameterReader, ...]:
    """The readers of a Lambda function.

    Args:
        environ: variables with the Region, the credentials and the endpoint.
        home: the Region that is asked for what the executing one does not have.

    Raises:
        ValueError: AWS_ENDPOINT_URL_SSM or AWS_ENDPOINT_URL is not a URL.
    """
    here = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or HOME_REGION
    credentials = CredentialSource(environ)
    names = dict.fromkeys((here, home or here))
    return tuple(ParameterReader(name, environ=environ, credentials=credentials) for name in names)


def connect(readers: Iterable[ParameterReader], seconds: float = 0.0) -> None:
    """Begin to open the connections, or go on with it, and wait for the first so many seconds.

    While a function starts it has a whole core for the handshake, whatever its size. If a connection fails, the first
    read tries again and logs why. The others are not waited for: which Regions have a copy is not known before the
    first request, but a Region without one then costs a round trip less.
    """
    deadline = time.monotonic() + seconds
    for reader in readers:
        with contextlib.suppress(OSError):
            reader.open(deadline)
        deadline = 0.0


def _parameters(data: dict[str, Any]) -> dict[str, Parameter]:
    items = data.get("Parameters")
    if not isinstance(items, list):
        raise ReadError("bad-response", "the response has no list of parameters")
    return dict(map(_parameter, items))


def _result(status: int, headers: Mapping[str, str], body: bytes, *secrets: str) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    if status == 200 and isinstance(data, dict):
        return data
    if status == 200:
        raise ReadError("bad-response", "the response is not a JSON object")
    fields = data if isinstance(data, dict) else {}
    # `__type` may carry a namespace before "#", the header a URL after ":".
    kind = str(fields.get("__type") or headers.get("x-amzn-errortype") or f"http-{status}")
    code = kind.rpartition("#")[2].partition(":")[0]
    message = str(fields.get("message") or fields.get("Message") or "")
    # A signature error from AWS repeats everything that should have been signed, the session token included.
    for secret in filter(None, secrets):
        code, message = code.replace(secret, "[secret]"), message.replace(secret, "[secret]")
    raise ReadError(code[:100], message[:300])


def _parameter(item: object) -> tuple[str, Parameter]:
    fields = item if isinstance(item, dict) else {}
    name, value, version = fields.get("Name"), fields.get("Value"), fields.get("Version", 0)
    if not isinstance(name, str) or not isinstance(value, str) or not isinstance(version, int):
        raise ReadError("bad-response", "the response holds a parameter without a name or a value")
    return name, Parameter(value, version, fields.get("Type") == "SecureString")
