"""Parameter Store: signed GetParameter and GetParameters over one kept connection.

https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html
"""

from __future__ import annotations

import json
import os
import time

from . import AwsError
from .credentials import CredentialSource
from .http1 import Endpoint, HttpConnection
from .sigv4 import sign

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

MAX_NAMES = 10
"""Names in one GetParameters call."""

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
    """Reads the Parameter Store of one Region."""

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

    def get_parameter(self, name: str, deadline: float) -> Parameter | None:
        """One parameter, None if it does not exist. Raises `AwsError`."""
        try:
            data = self._call("GetParameter", {"Name": name, "WithDecryption": True}, deadline)
        except AwsError as error:
            if error.code == "ParameterNotFound":
                return None
            raise
        return _parameter(data.get("Parameter"))

    def get_parameters(self, names: Iterable[str], deadline: float) -> dict[str, Parameter]:
        """The existing ones of at most ten parameters, by name. Raises `AwsError`."""
        data = self._call("GetParameters", {"Names": list(names), "WithDecryption": True}, deadline)
        items = data.get("Parameters")
        if not isinstance(items, list) or not all(
            isinstance(item, dict) and isinstance(item.get("Name"), str) for item in items
        ):
            raise AwsError("bad-response", "the response has no list of parameters")
        return {item["Name"]: _parameter(item) for item in items}

    def close(self) -> None:
        """Close the kept connection, for example after a restored snapshot."""
        self._connection.close()

    def connect(self, deadline: float) -> None:
        """Open the connection ahead of the first read. Raises OSError."""
        self._connection.open(deadline)

    def _call(self, operation: str, parameters: dict[str, Any], deadline: float) -> dict[str, Any]:
        body = json.dumps(parameters).encode()
        headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"AmazonSSM.{operation}"}
        credentials = self._credentials.get(deadline)
        endpoint = self._endpoint
        signed = sign(credentials, self.region, endpoint.netloc, endpoint.path, headers, body, self._wall_clock())
        try:
            status, response_headers, response = self._connection.exchange("POST", signed, body, deadline)
        except TimeoutError:
            raise AwsError("timeout", f"no answer from {endpoint.netloc} in time") from None
        except OSError as error:
            raise AwsError("connection", f"{endpoint.netloc}: {error}") from None
        except ValueError as error:
            raise AwsError("bad-response", f"{endpoint.netloc}: {error}") from None
        return _result(status, response_headers, response, credentials.token, credentials.secret_key)


def _result(status: int, headers: Mapping[str, str], body: bytes, *secrets: str) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    if status == 200 and isinstance(data, dict):
        return data
    if status == 200:
        raise AwsError("bad-response", "the response is not a JSON object")
    fields = data if isinstance(data, dict) else {}
    # `__type` may carry a namespace before "#", the header a URL after ":".
    kind = str(fields.get("__type") or headers.get("x-amzn-errortype") or f"http-{status}")
    code = kind.rpartition("#")[2].partition(":")[0]
    message = str(fields.get("message") or fields.get("Message") or "")
    # A signature error from AWS repeats everything that should have been signed, the session token included.
    for secret in filter(None, secrets):
        code, message = code.replace(secret, "[secret]"), message.replace(secret, "[secret]")
    raise AwsError(code[:100], message[:300])


def _parameter(item: object) -> Parameter:
    value = item.get("Value") if isinstance(item, dict) else None
    version = item.get("Version", 0) if isinstance(item, dict) else 0
    if not isinstance(value, str) or not isinstance(version, int):
        raise AwsError("bad-response", "the response holds a parameter without a value")
    return Parameter(value, version, isinstance(item, dict) and item.get("Type") == "SecureString")
