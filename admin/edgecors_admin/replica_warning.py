"""A warning before a parameter is written in a Region that probably has copies.

The guard of an edge stack copies policies from us-east-1 to other Regions, and overwrites what is written there. So a
parameter that us-east-1 has too is probably a copy in any other Region.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from edgecors.aws.parameters import HOME_REGION

from edgecors_admin.account import aws_errors
from edgecors_admin.errors import CommandError

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient


class ReplicaWarning:
    """Called with the name of each parameter that is about to be written; warns at most once.

    Args:
        region: the Region that is written to.
        home: gives the client of us-east-1's Parameter Store, when it is needed.
        warn: prints a warning.
    """

    def __init__(self, region: str, home: Callable[[], SSMClient], warn: Callable[[str], None]) -> None:
        self._region = region
        self._home = home
        self._warn = warn
        self._is_settled = region == HOME_REGION

    def __call__(self, name: str) -> None:
        """Warn if us-east-1 has a parameter of this name."""
        if self._is_settled:
            return
        try:
            with aws_errors():
                parameters = self._home().get_parameters(Names=[name])["Parameters"]
        except CommandError:
            # The caller may lack the permission, or the network a way there. Another try would take as long.
            self._is_settled = True
            return
        if parameters:
            self._is_settled = True
            self._warn(
                f"{HOME_REGION} has {name} too, so {self._region} probably has a copy, which the guard overwrites"
                f" within 15 minutes. Change the original with --region {HOME_REGION}."
            )
