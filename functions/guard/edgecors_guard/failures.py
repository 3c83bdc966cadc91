"""What is logged of an error, so that one owner's value neither stops the work for the others nor gets into the log."""

from __future__ import annotations

import traceback

from edgecors_admin.errors import AwsError


def describe(error: Exception) -> str:
    """What failed, without the error's own message, which may quote a secret value.

    Returns:
        The summary of an `AwsError`; for every other error, which is a fault of our own, its type and place.
    """
    if isinstance(error, AwsError):
        return error.summary
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    return f"internal error: {type(error).__name__}{place}"
