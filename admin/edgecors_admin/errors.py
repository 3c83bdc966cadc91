"""What ends a command with a sentence instead of a traceback."""

from __future__ import annotations


class CommandError(Exception):
    """Something that the person has to know and that ends the command.

    ``status`` is the exit status: 1 what was found forbids it, 2 it was asked for wrongly, 3 AWS did not do it.
    """

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


class UsageError(CommandError):
    """The command was called in a way that can't mean anything."""

    def __init__(self, message: str) -> None:
        super().__init__(message, 2)


class AwsError(CommandError):
    """AWS could not be asked, or refused."""

    def __init__(self, message: str) -> None:
        super().__init__(message, 3)


class NotPermittedError(AwsError):
    """AWS refused, for whoever asks may not."""
