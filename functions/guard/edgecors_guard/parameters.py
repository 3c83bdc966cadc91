"""Parameters with their versions: the home Region's as they are now, and writing one anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from .change import LISTS, SITES

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

_NAMES = 10
"""The most names that GetParameters takes."""
_STANDARD_BYTES = 4096
_SECURE = "SecureString"


@dataclass(frozen=True)
class Version:
    """One version of a parameter, or the parameter as it is now."""

    name: str
    value: str
    type: str
    number: int
    modified: datetime
    tier: str = "Standard"
    description: str = ""
    data_type: str = "text"
    allowed_pattern: str = ""
    key: str = ""

    @property
    def short(self) -> str:
        """The site's or the list's name."""
        return self.name.rpartition("/")[2]

    @property
    def secret(self) -> bool:
        """Whether nothing of the value may be shown."""
        return self.type == _SECURE

    def is_same_write(self, other: Version | None) -> bool:
        """Whether it is the very same write; a parameter that was deleted and made again counts from 1 again."""
        return other is not None and (self.number, self.modified) == (other.number, other.modified)


@dataclass(frozen=True)
class History:
    """A parameter now, and the earlier versions that Parameter Store still has (100 at most), oldest first."""

    current: Version
    earlier: tuple[Version, ...]

    def version(self, number: int) -> Version | None:
        """A version by its number; None when it is not kept any more."""
        return next((v for v in (*self.earlier, self.current) if v.number == number), None)


class Home:
    """The home Region's parameters as they are now. Keeps what it has read: make a new one to look again."""

    def __init__(self, client: SSMClient, root: str) -> None:
        self._client = client
        self._root = root
        self._sites: tuple[Version, ...] | None = None
        self._lists: dict[str, Version | None] = {}

    def current(self, name: str) -> Version | None:
        """A parameter's value now, never a kept one; None when there is no such parameter."""
        return read(self._client, name)

    def history(self, name: str) -> History | None:
        """A parameter with its versions; None when there is none."""
        now = self.current(name)
        if now is None:
            return None
        versions = {version.number: version for version in read_history(self._client, name)}
        # A write since then has an event of its own.
        earlier = sorted((v for v in versions.values() if v.number < now.number), key=lambda v: v.number)
        # GetParameter tells neither tier, description nor key, and the history may lag behind it.
        kept = versions.get(now.number, now)
        return History(replace(kept, value=now.value, modified=now.modified), tuple(earlier))

    def sites(self) -> tuple[Version, ...]:
        """Every site's policy."""
        if self._sites is None:
            self._sites = tuple(self._by_path(f"{self._root}/{SITES}"))
        return self._sites

    def lists(self, names: Iterable[str]) -> Mapping[str, Version | None]:
        """The lists of these names; None for those that do not exist."""
        wanted = tuple(names)
        missing = [name for name in wanted if name not in self._lists]
        for start in range(0, len(missing), _NAMES):
            batch = {f"{self._root}/{LISTS}/{name}": name for name in missing[start : start + _NAMES]}
            answer = self._client.get_parameters(Names=list(batch), WithDecryption=True)
            found = {p["Name"]: _version(p) for p in answer["Parameters"]}
            self._lists.update({short: found.get(name) for name, short in batch.items()})
        return {name: self._lists[name] for name in wanted}

    def _by_path(self, path: str) -> Iterator[Version]:
        # A page may be empty and still be followed by another: only a missing token is the end.
        token: dict[str, Any] = {}
        while True:
            page = self._client.get_parameters_by_path(Path=path, Recursive=False, WithDecryption=True, **token)
            yield from (_version(parameter) for parameter in page["Parameters"])
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}


def read(client: SSMClient, name: str) -> Version | None:
    """A parameter as it is now in the client's Region; None when it is not there."""
    try:
        return _version(client.get_parameter(Name=name, WithDecryption=True)["Parameter"])
    except ClientError as error:
        if is_missing(error):
            return None
        raise


def read_history(client: SSMClient, name: str) -> Iterator[Version]:
    """All versions of a parameter, in no certain order; nothing when it is not there."""
    token: dict[str, Any] = {}
    while True:
        try:
            page = client.get_parameter_history(Name=name, WithDecryption=True, **token)
        except ClientError as error:
            if is_missing(error):
                return
            raise
        yield from (_version(parameter) for parameter in page["Parameters"])
        if not page.get("NextToken"):
            return
        token = {"NextToken": page["NextToken"]}


def write(client: SSMClient, version: Version, *, value: str, tier: str, description: str) -> int:
    """Writes a parameter with a version's type, pattern and key; the new version's number."""
    optional: dict[str, Any] = {"KeyId": version.key, "AllowedPattern": version.allowed_pattern}
    answer = client.put_parameter(
        Name=version.name,
        Value=value,
        Type=version.type,  # type: ignore[arg-type]
        Tier=tier,  # type: ignore[arg-type]
        DataType=version.data_type,
        Description=description,
        Overwrite=True,
        **{name: text for name, text in optional.items() if text},
    )
    return answer["Version"]


def is_missing(error: ClientError) -> bool:
    """Whether Parameter Store says that there is no such parameter."""
    return bool(error.response["Error"]["Code"] == "ParameterNotFound")


def _version(parameter: Mapping[str, Any]) -> Version:
    long = len(parameter["Value"].encode()) > _STANDARD_BYTES
    return Version(
        name=parameter["Name"],
        value=parameter["Value"],
        type=parameter["Type"],
        number=parameter["Version"],
        modified=parameter["LastModifiedDate"],
        tier=parameter.get("Tier") or ("Advanced" if long else "Standard"),
        description=parameter.get("Description", ""),
        data_type=parameter.get("DataType") or "text",
        allowed_pattern=parameter.get("AllowedPattern", ""),
        key=parameter.get("KeyId", "") if parameter["Type"] == _SECURE else "",
    )
