"""The command with a store behind it, as its own tests have it."""

from tests.cli.conftest import edgecors

__all__ = ["edgecors"]
