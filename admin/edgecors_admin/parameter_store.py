"""The Parameter Store client of the command and the guard: parameters with their versions, read and written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from edgecors.packing import is_packed, unpack

from edgecors_admin.account import aws_errors
from edgecors_admin.errors import AwsError, NotPermittedError, ValueTooLargeError
from edgecors_admin.size import ADVANCED, STANDARD, fitted, pack, size

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_ssm import SSMClient

ParameterType = Literal["String", "StringList", "SecureString"]
Kind = Literal["sites", "lists", "aliases"]

MAX_NAMES = 10
"""The most names that GetParameters takes."""


class Conflict(Exception):
    """Somebody else wrote the parameter in between; nothing was written."""


@dataclass(frozen=True)
class Stored:
    """One version of a parameter.

    Attributes:
        name: the full name, with its path.
        value: as stored, perhaps packed.
        type: ``String``, ``StringList`` or ``SecureString``.
        version: counts from 1 since the parameter was created.
        modified: when this version was written, where that is known.
        user: who wrote it (an ARN), where that is known.
        tier: ``Standard`` or ``Advanced``; empty where AWS did not say.
        labels: of this version.
        description: of this version, where that is known.
        data_type: ``text``, as a rule.
        allowed_pattern: the regular expression that new values must match; empty for none.
        key: the KMS key of a SecureString, where that is known.
    """

    name: str
    value: str
    type: ParameterType
    version: int
    modified: datetime | None = None
    user: str = ""
    tier: str = ""
    labels: tuple[str, ...] = ()
    description: str = ""
    data_type: str = "text"
    allowed_pattern: str = ""
    key: str = ""

    @property
    def short_name(self) -> str:
        """The name of the site, list or alias."""
        return self.name.rpartition("/")[2]

    @property
    def secret(self) -> bool:
        """Whether the value must not be shown."""
        return self.type == "SecureString"

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
        return is_packed(self.value)

    def is_same_write(self, other: Stored | None) -> bool:
        """Whether two reads saw the same write. Versions count from 1 again after a deletion, so dates count too."""
        return other is not None and (self.version, self.modified) == (other.version, other.modified)


@dataclass(frozen=True)
class Unreadable:
    """A parameter that exists and whose value the caller can't read.

    Attributes:
        name: the full name, with its path.
        type: ``SecureString``.
        version: as in `Stored`.
        modified: as in `Stored`.
        reason: why not, in sentences for people.
    """

    name: str
    type: ParameterType
    version: int
    modified: datetime | None
    reason: str


@dataclass
class Parameters:
    """The parameters of one Region below a root such as ``/edgecors``.

    Attributes:
        client: boto3's client of the Region's Parameter Store.
        root: what all names start with.
        account: what the account is called in messages.
        before_write: called with the name of each parameter before `put` or `delete` changes it.
    """

    client: SSMClient
    root: str
    account: str = "the default credentials"
    before_write: Callable[[str], None] | None = None

    @property
    def region(self) -> str:
        """The Region of the parameters."""
        return str(self.client.meta.region_name)

    def _errors(self) -> AbstractContextManager[None]:
        return aws_errors(self.account, self.region)

    def name_of(self, target: str) -> str:
        """The parameter of ``SITE`` or ``@LIST``."""
        return f"{self.root}/lists/{target[1:]}" if target.startswith("@") else f"{self.root}/sites/{target}"

    def get(self, name: str, version: int | None = None) -> Stored | None:
        """A parameter's newest version, or the given one; None when there is no such parameter or version."""
        selector = name if version is None else f"{name}:{version}"
        with self._errors():
            try:
                parameter = self.client.get_parameter(Name=selector, WithDecryption=True)["Parameter"]
            except (self.client.exceptions.ParameterNotFound, self.client.exceptions.ParameterVersionNotFound):
                return None
        return _stored(name, cast("Mapping[str, Any]", parameter))

    def get_many(self, names: Iterable[str]) -> dict[str, Stored | None]:
        """Parameters by their full names, ten a request; None for those that do not exist."""
        wanted = list(dict.fromkeys(names))
        stored: dict[str, Stored | None] = dict.fromkeys(wanted)
        for start in range(0, len(wanted), MAX_NAMES):
            batch = wanted[start : start + MAX_NAMES]
            with self._errors():
                response = self.client.get_parameters(Names=batch, WithDecryption=True)
            for item in response["Parameters"]:
                stored[item["Name"]] = _stored(item["Name"], cast("Mapping[str, Any]", item))
        return stored

    def get_lists(self, names: tuple[str, ...]) -> dict[str, str | None]:
        """The values of lists (None: there is no such list)."""
        stored = self.get_many(self.name_of(f"@{name}") for name in names)
        values = zip(names, stored.values(), strict=True)
        return {name: parameter.value if parameter is not None else None for name, parameter in values}

    def below(self, kind: Kind) -> tuple[dict[str, Stored], dict[str, Unreadable]]:
        """All sites, all lists or all aliases by their names: those that can be read, and those that can't.

        Every parameter has its own owner, who may encrypt it with a key that the caller may not use.
        """
        start = f"{self.root}/{kind}/"
        unreadable: dict[str, Unreadable] = {}
        try:
            parameters = [_stored(item["Name"], item) for item in self._by_path(start, decrypt=True)]
        except AwsError as error:
            if not error.code:
                raise  # no service answered
            parameters = []
            # A single key that the caller may not use fails the whole request, so decrypt one by one.
            for item in self._by_path(start, decrypt=False):
                stored = self._decrypted(item)
                if isinstance(stored, Unreadable):
                    unreadable[stored.name.removeprefix(start)] = stored
                elif stored is not None:
                    parameters.append(stored)
        readable = {stored.name.removeprefix(start): stored for stored in sorted(parameters, key=lambda one: one.name)}
        return readable, dict(sorted(unreadable.items()))

    def _decrypted(self, item: Mapping[str, Any]) -> Stored | Unreadable | None:
        """A parameter that was listed without decryption; None where it was deleted meanwhile."""
        if item["Type"] != "SecureString":
            return _stored(item["Name"], item)
        try:
            return self.get(item["Name"])
        except AwsError as error:
            if not error.code:
                raise
            reason = f"{item['Name']} can't be read. It is a SecureString: permit kms:Decrypt on its KMS key. {error}"
            return Unreadable(item["Name"], item["Type"], item["Version"], item.get("LastModifiedDate"), reason)

    def types_below(self, kind: Kind) -> dict[str, ParameterType]:
        """The type of each site, list or alias, by its name.

        Decrypts nothing, so a single parameter whose key the caller may not use does not fail the request.
        """
        start = f"{self.root}/{kind}/"
        return {item["Name"].removeprefix(start): item["Type"] for item in self._by_path(start, decrypt=False)}

    def _by_path(self, path: str, *, decrypt: bool) -> Iterator[Mapping[str, Any]]:
        with self._errors():
            pages = self.client.get_paginator("get_parameters_by_path").paginate(
                Path=path, Recursive=False, WithDecryption=decrypt
            )
            for page in pages:
                yield from cast("list[Mapping[str, Any]]", page["Parameters"])

    def history(self, name: str) -> list[Stored]:
        """The versions that Parameter Store still has (at most 100), newest first; empty for a missing parameter."""
        with self._errors():
            try:
                pages = self.client.get_paginator("get_parameter_history").paginate(Name=name, WithDecryption=True)
                versions = [
                    _stored(name, cast("Mapping[str, Any]", item)) for page in pages for item in page["Parameters"]
                ]
            except self.client.exceptions.ParameterNotFound:
                return []
        return sorted(versions, key=lambda stored: -stored.version)

    def delete(self, name: str) -> bool:
        """Delete a parameter; False when there is no such parameter."""
        if self.before_write is not None:
            self.before_write(name)
        with self._errors():
            try:
                self.client.delete_parameter(Name=name)
            except self.client.exceptions.ParameterNotFound:
                return False
        return True

    def write_version(self, version: Stored, *, tier: str, description: str) -> int:
        """Write a version's value with its type, pattern and key over whatever is there.

        Args:
            version: what to write; from another Region, perhaps.
            tier: ``Standard`` or ``Advanced``.
            description: of the new version.

        Returns:
            The new version's number.
        """
        optional: dict[str, Any] = {"KeyId": version.key, "AllowedPattern": version.allowed_pattern}
        fields: dict[str, Any] = {
            "Name": version.name,
            "Value": version.value,
            "Type": version.type,
            "Tier": tier,
            "DataType": version.data_type,
            "Description": description,
            **{name: text for name, text in optional.items() if text},
        }
        with self._errors():
            return self.client.put_parameter(**fields, Overwrite=True)["Version"]

    def put(self, name: str, text: str, before: Stored | None, new_type: ParameterType = "String") -> Stored:
        """Write a value, packed where it must be, keeping the type, key and tier of what is there.

        Returns:
            The version that was written; compare it with ``before.version + 1``.

        Raises:
            Conflict: there is a parameter where ``before`` says there is none.
            AwsError: AWS refused, or what the write would reset could not be read.
        """
        value = pack(text) if before is not None and before.packed else fitted(text)
        length = size(value)
        if length > ADVANCED:
            raise ValueTooLargeError(f"{name} would have {length} bytes (packed), and a parameter holds {ADVANCED}.")
        kind: ParameterType = before.type if before is not None else new_type
        properties = self._properties(before) if before is not None else {"Tier": "Standard"}
        tier = _tier(length, properties.pop("Tier", None))
        fields: dict[str, Any] = {"Name": name, "Value": value, "Type": kind, "Tier": tier, **properties}
        if self.before_write is not None:
            self.before_write(name)
        with self._errors():
            try:
                response = self.client.put_parameter(**fields, Overwrite=before is not None)
            except self.client.exceptions.ParameterAlreadyExists as error:
                raise Conflict(name) from error
        return Stored(name, value, kind, response["Version"], tier=response["Tier"])

    def _properties(self, stored: Stored) -> dict[str, str]:
        """What PutParameter resets unless it is sent again. (Parameter policies stay, its documentation says.)

        Empty where the caller has the permission for neither request, for any type but SecureString.
        """
        try:
            fields = self._described(stored.name)
        except NotPermittedError:
            try:
                fields = self._newest_in_history(stored.name)
            except NotPermittedError as error:
                if not stored.secret:
                    return {}
                # Without its key it would be encrypted with the account's default one, which others may use.
                message = f"{stored.name} was not written: it is a SecureString, and its key can't be read. Permit"
                message += " ssm:DescribeParameters or ssm:GetParameterHistory."
                raise NotPermittedError(message, error.summary, error.code) from None
        names = ("Tier", "Description", "AllowedPattern", *(("KeyId",) if stored.secret else ()))
        return {name: fields[name] for name in names if fields.get(name)}

    def _described(self, name: str) -> Mapping[str, Any]:
        with self._errors():
            pages = self.client.get_paginator("describe_parameters").paginate(
                ParameterFilters=[{"Key": "Name", "Option": "Equals", "Values": [name]}]
            )
            return next((cast("Mapping[str, Any]", item) for page in pages for item in page["Parameters"]), {})

    def _newest_in_history(self, name: str) -> Mapping[str, Any]:
        with self._errors():
            try:
                pages = self.client.get_paginator("get_parameter_history").paginate(Name=name, WithDecryption=False)
                versions = [cast("Mapping[str, Any]", item) for page in pages for item in page["Parameters"]]
            except self.client.exceptions.ParameterNotFound:
                return {}
        return max(versions, key=lambda item: int(item["Version"]), default={})


def _tier(length: int, present: str | None) -> str:
    """The tier for a value. Parameter Store refuses to change the advanced tier to the standard one."""
    if present not in (None, "Standard"):
        return str(present)
    if length > STANDARD:
        return "Advanced"
    # With Intelligent-Tiering a parameter of either tier keeps its tier.
    return "Standard" if present is not None else "Intelligent-Tiering"


def _stored(name: str, item: Mapping[str, Any]) -> Stored:
    return Stored(
        name=name,
        value=item["Value"],
        type=item["Type"],
        version=item["Version"],
        modified=item.get("LastModifiedDate"),
        user=item.get("LastModifiedUser", ""),
        tier=item.get("Tier", ""),
        labels=tuple(item.get("Labels", ())),
        description=item.get("Description", ""),
        data_type=item.get("DataType") or "text",
        allowed_pattern=item.get("AllowedPattern", ""),
        key=item.get("KeyId", "") if item["Type"] == "SecureString" else "",
    )
