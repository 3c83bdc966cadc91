"""Copies of a parameter in other Regions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from .parameters import Version, is_missing, read, read_history, write

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

_DEFAULT_KEYS = ("", "alias/aws/ssm")


def copy(client: SSMClient, home: Version) -> bool:
    """Makes a Region's copy like the home Region's parameter; False when it is already."""
    there = read(client, home.name)
    if there is not None and (there.value, there.type) == (home.value, home.type):
        return False
    tier = home.tier
    if there is not None and there.type != home.type:
        # The type of a parameter can't be changed.
        remove(client, home.name)
    elif there is not None and "Advanced" in {v.tier for v in read_history(client, home.name)}:
        # Nor can the advanced tier be left again.
        tier = "Advanced"
    write(client, _in_another_region(home), value=home.value, tier=tier, description=home.description)
    return True


def remove(client: SSMClient, name: str) -> bool:
    """Deletes a Region's copy; False when there is none."""
    try:
        client.delete_parameter(Name=name)
    except ClientError as error:
        if is_missing(error):
            return False
        raise
    return True


def _in_another_region(home: Version) -> Version:
    """The version with the key's name as another Region knows it: an alias, or a multi-Region key's id."""
    if home.key in _DEFAULT_KEYS:
        return replace(home, key="")
    # arn:aws:kms:REGION:ACCOUNT:key/ID or :alias/NAME. Any other key is not known there, and the write says so.
    name = home.key.rpartition(":")[2]
    return replace(home, key=name.removeprefix("key/"))
