"""The command's fixture, for pages whose sessions are run."""

from tests.cli.conftest import edgecors

__all__ = ["edgecors"]
