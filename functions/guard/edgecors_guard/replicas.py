"""Copies of parameters in other Regions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgecors_admin.parameter_store import Parameters, Stored

_DEFAULT_KEYS = ("", "alias/aws/ssm")


def is_copy(copy: Stored | None, home: Stored | None) -> bool:
    """Whether a Region's parameter has the home parameter's value and type, or is missing like it."""
    if copy is None or home is None:
        return copy is home
    return (copy.value, copy.type) == (home.value, home.type)


def copy_to(replica: Parameters, home: Stored) -> bool:
    """Make a Region's copy like the home Region's parameter; False where it is already."""
    copy = replica.get(home.name)
    if is_copy(copy, home):
        return False
    tier = home.tier
    if copy is not None and copy.type != home.type:
        # Parameter Store can't change the type of a parameter.
        replica.delete(home.name)
    elif copy is not None and "Advanced" in {version.tier for version in replica.history(home.name)}:
        # Parameter Store refuses the way back from the advanced tier.
        tier = "Advanced"
    replica.write_version(_for_another_region(home), tier=tier, description=home.description)
    return True


def _for_another_region(home: Stored) -> Stored:
    """The version with its key named as other Regions know it: by an alias, or by a multi-Region key's id."""
    if home.key in _DEFAULT_KEYS:
        return replace(home, key="")
    # arn:aws:kms:REGION:ACCOUNT:key/ID or :alias/NAME. Any other key does not exist there, and the write fails.
    name = home.key.rpartition(":")[2]
    return replace(home, key=name.removeprefix("key/"))
