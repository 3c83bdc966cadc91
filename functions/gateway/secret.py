"""A header with a secret in every upstream request: the upstream can refuse requests that bypass the gateway.

``EDGECORS_UPSTREAM_SECRET_PARAMETER`` names a parameter of Parameter Store (a SecureString, best below the root, which
the function's role can read); ``EDGECORS_UPSTREAM_SECRET`` is the secret itself. The value is never logged.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from edgecors.aws import ReadError
from edgecors.characters import is_token
from headers import RESERVED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from edgecors.aws.parameters import Parameter
    from edgecors.telemetry import Telemetry

    class Reader(Protocol):
        """The part of `edgecors.aws.parameters.ParameterReader` that is used."""

        def begin(self, names: Iterable[str], patience: float) -> None:
            """Begin a read."""

        def poll(self, deadline: float) -> Mapping[str, Parameter] | None:
            """The parameters; None while they are on their way at the deadline."""

        def close(self) -> None:
            """Close the connection."""


DEFAULT_HEADER = "X-Edgecors-Secret"
REFRESH_SECONDS = 300.0
RETRY_SECONDS = 10.0
COLD_SECONDS = 3.0
"""The most that a request waits for the first read."""
WARM_SECONDS = 0.3
"""The most that a request waits for a later read."""
MAX_LENGTH = 4096


class SecretHeader:
    """A header with a constant secret."""

    def __init__(self, name: str, value: str) -> None:
        self.name = name
        self._value = value

    def value(self) -> str | None:
        """The secret; None when it could not be read yet."""
        return self._value

    def reset_after_restore(self) -> None:
        """Close the connection, which is dead after a snapshot was restored."""


class ParameterSecretHeader(SecretHeader):
    """A header whose secret is read from Parameter Store again every five minutes.

    When a read fails, the last secret is used on. So let the upstream accept the old and the new secret while you
    replace one.
    """

    def __init__(
        self,
        name: str,
        parameter: str,
        reader: Reader,
        telemetry: Telemetry,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name, "")
        self._parameter = parameter
        self._reader = reader
        self._telemetry = telemetry
        self._clock = clock
        self._due = clock()
        self._reading = False

    def value(self) -> str | None:
        """The secret; None when it could not be read yet."""
        if self._clock() >= self._due:
            self._refresh()
        return self._value or None

    def reset_after_restore(self) -> None:
        """Close the connection and read the secret again with the next request."""
        self._reader.close()
        self._reading = False
        self._due = self._clock()

    def _refresh(self) -> None:
        patience = WARM_SECONDS if self._value else COLD_SECONDS
        try:
            if not self._reading:
                self._reader.begin([self._parameter], COLD_SECONDS)
                self._reading = True
            parameters = self._reader.poll(time.monotonic() + patience)
        except ReadError as error:
            self._fail(error.code)
            return
        if parameters is None:
            # On its way: a later request takes the answer. Before the first secret, every request waits for it.
            self._due = self._clock() + (1.0 if self._value else 0.0)
            return
        self._reading = False
        parameter = parameters.get(self._parameter)
        if parameter is None:
            self._fail("not-found")
        elif not is_valid_secret(parameter.value):
            self._fail("invalid-value")
        else:
            self._value = parameter.value
            self._due = self._clock() + REFRESH_SECONDS

    def _fail(self, code: str) -> None:
        self._reading = False
        self._due = self._clock() + RETRY_SECONDS
        self._telemetry.log(
            "ERROR", "upstream secret refresh failed", code=code, parameter=self._parameter, known=bool(self._value)
        )


def is_valid_secret(text: str) -> bool:
    """Whether a text can be the value of a header: 1 to 4096 visible ASCII characters."""
    return 0 < len(text) <= MAX_LENGTH and all("!" <= character <= "~" for character in text)


def read_secret_header(environ: Mapping[str, str], telemetry: Telemetry) -> SecretHeader | None:
    """The secret header that the environment variables configure; None when there is none.

    Raises:
        ValueError: A variable is invalid. The message never contains the secret.
    """
    value, parameter = environ.get("EDGECORS_UPSTREAM_SECRET"), environ.get("EDGECORS_UPSTREAM_SECRET_PARAMETER")
    name = environ.get("EDGECORS_UPSTREAM_SECRET_HEADER") or DEFAULT_HEADER
    if not value and not parameter:
        return None
    if value and parameter:
        raise ValueError("set EDGECORS_UPSTREAM_SECRET or EDGECORS_UPSTREAM_SECRET_PARAMETER, not both")
    if not is_token(name) or name.lower() in RESERVED or name.lower().startswith("access-control-"):
        raise ValueError(
            f"EDGECORS_UPSTREAM_SECRET_HEADER is {name!r}: use a header name of your own, such as {DEFAULT_HEADER}"
        )
    if value:
        if not is_valid_secret(value):
            raise ValueError(
                f"EDGECORS_UPSTREAM_SECRET is invalid: use 1 to {MAX_LENGTH} visible ASCII characters without spaces"
            )
        return SecretHeader(name, value)
    from edgecors.aws.parameters import ParameterReader

    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    return ParameterSecretHeader(name, str(parameter), ParameterReader(region, environ=environ), telemetry)
