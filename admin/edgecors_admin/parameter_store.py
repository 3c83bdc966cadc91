"""Parameters: reading and writing them with their versions, in the form they have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from edgecors.policy import GZIP_PREFIX, unpack

from edgecors_admin.account import aws_errors
from edgecors_admin.errors import CommandError
from edgecors_admin.size import ADVANCED, STANDARD, fitted, pack, size

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_ssm import SSMClient

ParameterType = Literal["String", "StringList", "SecureString"]


class Conflict(Exception):
    """Somebody else wrote the parameter in between; nothing was written."""


@dataclass(frozen=True)
class Stored:
    """One version of a parameter.

    Attributes:
        name: with its path.
        value: as stored, perhaps packed.
        version: counts from 1 since the parameter was created.
        user: who wrote it (an ARN), where that is known.
        labels: of this version.
    """

    name: str
    value: str
    type: ParameterType
    version: int
    modified: datetime | None = None
    user: str = ""
    tier: str = ""
    labels: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The value, unpacked; as it stands where that is not possible."""
        try:
            return unpack(self.value)
        except ValueError:
            return self.value

    @property
    def packed(self) -> bool:
        """Whether it is stored as ``gz:``."""
        return self.value.startswith(GZIP_PREFIX)


@dataclass
class Parameters:
    """The parameters of one Region below a root such as ``/edgecors``."""

    client: SSMClient
    root: str

    def name_of(self, target: str) -> str:
        """The parameter of ``SITE`` or ``@LIST``."""
        return f"{self.root}/lists/{target[1:]}" if target.startswith("@") else f"{self.root}/sites/{target}"

    def get(self, name: str, version: int | None = None) -> Stored | None:
        """A parameter's newest version, or the one given; None when there is none."""
        selector = name if version is None else f"{name}:{version}"
        with aws_errors():
            try:
                found = self.client.get_parameter(Name=selector, WithDecryption=True)["Parameter"]
            except (self.client.exceptions.ParameterNotFound, self.client.exceptions.ParameterVersionNotFound):
                return None
        return _stored(name, cast("Mapping[str, Any]", found))

    def get_lists(self, names: tuple[str, ...]) -> dict[str, str | None]:
        """The values of lists (None: there is no such list)."""
        return {name: found.value if (found := self.get(self.name_of(f"@{name}"))) else None for name in names}

    def below(self, kind: Literal["sites", "lists"]) -> dict[str, Stored]:
        """All sites, or all lists, by their names."""
        found = {}
        start = f"{self.root}/{kind}/"
        with aws_errors():
            pages = self.client.get_paginator("get_parameters_by_path").paginate(
                Path=start, Recursive=False, WithDecryption=True
            )
            for page in pages:
                for item in page["Parameters"]:
                    stored = _stored(item["Name"], cast("Mapping[str, Any]", item))
                    found[stored.name.removeprefix(start)] = stored
        return dict(sorted(found.items()))

    def history(self, name: str) -> list[Stored]:
        """The versions that are kept (at most 100), the newest first; empty when there is no such parameter."""
        with aws_errors():
            try:
                pages = self.client.get_paginator("get_parameter_history").paginate(Name=name, WithDecryption=True)
                found = [
                    _stored(name, cast("Mapping[str, Any]", item)) for page in pages for item in page["Parameters"]
                ]
            except self.client.exceptions.ParameterNotFound:
                return []
        return sorted(found, key=lambda stored: -stored.version)

    def put(self, name: str, text: str, before: Stored | None, new_type: ParameterType = "String") -> Stored:
        """Write a value, packed where it must be, keeping the type, key and tier of what is there.

        Returns the version that was written; compare it with ``before.version + 1``. Raises `Conflict` when there is
        a parameter where ``before`` says there is none.
        """
        value = pack(text) if before is not None and before.packed else fitted(text)
        length = size(value)
        if length > ADVANCED:
            raise CommandError(f"{name} would have {length} bytes, and a parameter holds {ADVANCED}.")
        kind: ParameterType = before.type if before is not None else new_type
        kept = self._described(name) if before is not None else {}
        tier = "Advanced" if length > STANDARD else "Standard"
        # The advanced tier can't be taken back, and asking for it is refused.
        if (kept_tier := kept.pop("Tier", tier)) != "Standard":
            tier = kept_tier
        fields: dict[str, Any] = {"Name": name, "Value": value, "Type": kind, "Tier": tier, **kept}
        with aws_errors():
            try:
                version = self.client.put_parameter(**fields, Overwrite=before is not None)["Version"]
            except self.client.exceptions.ParameterAlreadyExists as error:
                raise Conflict(name) from error
        return Stored(name, value, kind, version, tier=tier)

    def _described(self, name: str) -> dict[str, Any]:
        """What PutParameter would otherwise reset: tier, key, description, allowed pattern."""
        try:
            found = self.client.describe_parameters(
                ParameterFilters=[{"Key": "Name", "Option": "Equals", "Values": [name]}]
            )["Parameters"]
        except self.client.exceptions.ClientError:
            return {}  # not everyone who may write may describe
        fields = cast("Mapping[str, Any]", found[0]) if found else {}
        kept = {key: fields[key] for key in ("Tier", "Description", "AllowedPattern") if fields.get(key)}
        if fields.get("Type") == "SecureString" and fields.get("KeyId"):
            kept["KeyId"] = fields["KeyId"]
        return kept


def _stored(name: str, found: Mapping[str, Any]) -> Stored:
    return Stored(
        name=name,
        value=found["Value"],
        type=found["Type"],
        version=found["Version"],
        modified=found.get("LastModifiedDate"),
        user=found.get("LastModifiedUser", ""),
        tier=found.get("Tier", ""),
        labels=tuple(found.get("Labels", ())),
    )
