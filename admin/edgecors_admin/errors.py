"""Errors that end a command with a sentence instead of a traceback."""

from __future__ import annotations


class CommandError(Exception):
    """Something that the user has to know and that ends the command.

    ``status`` is the exit status: 1 for findings that forbid it, 2 for a wrong call, 3 when AWS did not do it.
    """

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


class UsageError(CommandError):
    """The command line is invalid."""

    def __init__(self, message: str) -> None:
        super().__init__(message, 2)


class AwsError(CommandError):
    """AWS could not be reached, or refused.

    ``summary`` says what failed without the service's own words, which may quote a secret value: the operation and
    the error code, or the kind of the network error. ``code`` is the service's error code, such as
    ``PreconditionFailed``; empty where no service answered.
    """

    def __init__(self, message: str, summary: str = "", code: str = "") -> None:
        super().__init__(message, 3)
        self.summary = summary
        self.code = code


class NotPermittedError(AwsError):
    """The caller lacks permission."""


class ValueTooLargeError(CommandError):
    """A value that does not fit a parameter, not even packed."""
