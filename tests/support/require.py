"""Tools that a user's machine may lack and a CI machine must have."""

import os

import pytest


def require(condition: object, sentence: str) -> None:
    """Ends the test unless the condition holds: skipped at a user's, failed where ``CI`` is set.

    Args:
        condition: truthy when what the test needs is there.
        sentence: what is missing and how to get it, for the person who reads the report.
    """
    if condition:
        return
    if os.environ.get("CI", "").lower() in ("", "0", "false"):
        pytest.skip(sentence)
    pytest.fail(f"{sentence} (this is CI: what is missing counts as a failure)", pytrace=False)
