"""Reads a site's policy from Parameter Store: the site or its alias, and its lists, from the Regions that have them."""

from __future__ import annotations

from .allowlist import is_name, read_list
from .aws import (
    ReadError,
    sigv4,  # noqa: F401 -- the first read needs it, and should not wait for it
)
from .aws.parameters import MAX_NAMES, Parameter
from .document import PolicyError, load_policy, read_document

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping
    from typing import Protocol, TypeVar

    from .allowlist import Allowlist
    from .document import Document
    from .findings import Finding
    from .policy import Policy
    from .telemetry import Telemetry

    T = TypeVar("T")
    Steps = Generator[None, None, T]
    """A read that stops where the request can wait no longer, and that the next request continues."""
    Failure = tuple[str, str]
    """Code and message of what went wrong."""
    Answer = Parameter | ReadError | None
    """A parameter, why it could not be read, or None where there is no such parameter."""

    class RegionReader(Protocol):
        """One Region's Parameter Store, as far as the store needs it; see `ParameterReader`."""

        region: str

        @property
        def round_trip(self) -> float | None:
            """Seconds of a round trip; None before the first."""

        @property
        def sent(self) -> bool:
            """Whether the request of the call in progress has been sent."""

        def begin(self, names: Iterable[str], patience: float) -> None:
            """Begin to read parameters."""

        def poll(self, deadline: float) -> Mapping[str, Parameter] | None:
            """Continue; None while the answer is on its way."""

        def close(self) -> None:
            """Drop the connection and what is in progress."""


DEADLINE_WARM = 1.5
"""The most seconds without progress before a read fails, and the most that a request waits for a policy that is more
than two refresh times old. With a measured round trip both are shorter.
"""
DEADLINE_COLD = 3.0
"""Seconds that a request waits for the first policy. Viewer triggers end after five."""
ROUND_TRIPS, SERVER_SECONDS = 4, 0.5
"""A read on a new connection takes three round trips, four with TLS 1.2; the seconds are for AWS and for a slow CPU."""
ABSENT_SECONDS = 3600.0
"""How long a missing parameter is remembered, so that its Region is not asked again if there is another."""
MAX_FINDING = 300
"""Characters of a finding in the log. Findings quote what somebody wrote into a parameter."""
_REFUSED_TOGETHER = ("AccessDeniedException", "InvalidKeyId", "ValidationException", "KMSInvalidStateException")
"""Errors of a whole call of which one parameter may be the cause: then each parameter is read on its own."""


class SiteContent:
    """What was read of one site: its policy, and what that was compiled from."""

    def __init__(self) -> None:
        self.policy: Policy | None = None
        # No document where the parameter does not exist.
        self.document: Document | None = None
        self.text = ""
        self.lists: dict[str, _List | None] = {}
        self.target = ""
        """The site that the alias named at the last read."""


class _List:
    """The last good value of a list."""

    def __init__(self, parameter: Parameter, allowlist: Allowlist) -> None:
        self.parameter = parameter
        self.allowlist = allowlist


class SiteRead:
    """A read of a site that is in progress.

    Attributes:
        until: the time (monotonic) until which the request that continues the read may wait.
        asked_at: the time for which the answers hold: when the first of them was asked for.
    """

    def __init__(self, site: str, content: SiteContent) -> None:
        self.site = site
        self.content = content
        self.until = 0.0
        self.asked_at = float("inf")


class SiteReader:
    """Reads sites from Regions.

    ``regions`` are asked in order; the later ones only for parameters that the earlier ones do not have.
    """

    def __init__(
        self,
        regions: Iterable[RegionReader],
        telemetry: Telemetry,
        root: str,
        clock: Callable[[], float],
    ) -> None:
        self._regions = tuple(regions)
        self._telemetry = telemetry
        self._root = root.rstrip("/")
        self._clock = clock
        self._absent: dict[tuple[str, str], float] = {}

    @property
    def patience(self) -> float:
        """Seconds in which each of the Regions answers."""
        return max(map(_deadline, self._regions), default=0.0)

    def reset_after_restore(self) -> None:
        """After a snapshot was restored: connections are dead and ages unknown."""
        self._absent.clear()
        for reader in self._regions:
            reader.close()

    def read(self, reading: SiteRead) -> Steps[Failure | None]:
        """Read a site and swap in its policy. A failure that leaves a usable policy is returned; others are raised."""
        content = reading.content
        own, alias = f"{self._root}/sites/{reading.site}", f"{self._root}/aliases/{reading.site}"
        names = [
            own,
            alias,
            *([self._site_path(content.target)] if content.target else []),
            *map(self._list_path, content.lists),
        ]
        if self._is_absent("", alias):
            names.remove(alias)
        values = yield from self._ask(reading, names[:MAX_NAMES], (own, alias))
        refusal = values.get(alias)
        if isinstance(refusal, ReadError) and refusal.code in _REFUSED_TOGETHER and not content.target:
            # A role that may not read aliases has none. It is not asked again soon: that would cost more calls.
            # A role that could read the alias before has lost a permission: then the last good policy stays in use.
            values[alias], self._absent["", alias] = None, self._clock() + ABSENT_SECONDS
        name, target, parameter = own, "", _required(values[own])
        if parameter is None and (target := self._target(values.get(alias), alias)):
            name = self._site_path(target)
            if name not in values:
                values |= yield from self._ask(reading, [name])
            parameter = _required(values[name])
        content.target = target
        if parameter is None:
            if content.document is not None or content.policy is None:
                self._telemetry.log("WARNING", "policy missing: nobody is allowed", site=reading.site, parameter=name)
            content.policy, content.document, content.text, content.lists = load_policy(""), None, "", {}
            return None
        return (yield from self._read_policy(reading, parameter, values))

    def _read_policy(self, reading: SiteRead, parameter: Parameter, values: dict[str, Answer]) -> Steps[Failure | None]:
        """Read the document and its lists. A document that is not valid leaves the last good one, with newer lists."""
        content = reading.content
        document, failure = content.document, None
        if document is None or parameter.value != content.text:
            try:
                document = read_document(parameter.value)
            except PolicyError as error:
                failure = ("invalid-policy", "; ".join(_texts(error.errors, parameter.secret)))
                if document is None:
                    return failure
        names = [self._list_path(name) for name in document.lists]
        names = [name for name in names if name not in values]
        for start in range(0, len(names), MAX_NAMES):
            values |= yield from self._ask(reading, names[start : start + MAX_NAMES])
        lists, list_failure = self._usable_lists(document.lists, content, values)
        if content.policy is None or document is not content.document or lists != content.lists:
            existing = {name: entry for name, entry in lists.items() if entry is not None}
            policy = document.compile({name: entry.allowlist for name, entry in existing.items()})
            secret = parameter.secret or any(entry.parameter.secret for entry in existing.values())
            content.policy, content.document, content.lists = policy, document, lists
            if failure is None:
                content.text = parameter.value
            self._telemetry.log(
                "INFO",
                "policy loaded",
                site=reading.site,
                **({"alias_of": content.target} if content.target else {}),
                version=parameter.version,
                origins=_count_origins(policy),
                findings=_texts(policy.findings[:10], secret),
            )
        return failure or list_failure

    def _usable_lists(
        self, names: Iterable[str], content: SiteContent, values: Mapping[str, Answer]
    ) -> tuple[dict[str, _List | None], Failure | None]:
        """The lists (None: no such list). One that can't be used keeps its last good value, the other ones move on."""
        lists: dict[str, _List | None] = {}
        failures: list[Failure] = []
        for name in names:
            lists[name] = last = content.lists.get(name)
            value = values[self._list_path(name)]
            if isinstance(value, ReadError):
                failures.append((value.code, f"@{name}: {value}"))
            elif value is None:
                lists[name] = None
            elif last is None or value.value != last.parameter.value:
                try:
                    lists[name] = _List(value, read_list(name, value.value))
                except ValueError as error:
                    failures.append(("invalid-list", f"@{name}: {error}"))
        if not failures:
            return lists, None
        return lists, (failures[0][0], "; ".join(message for _, message in failures))

    @staticmethod
    def _target(value: Answer, alias: str) -> str:
        """The site that an alias names; empty where there is no alias."""
        parameter = _required(value)
        if parameter is None:
            return ""
        target = parameter.value.strip()
        if not is_name(target):
            raise ReadError("invalid-alias", f"{alias} does not hold the name of a site")
        return target

    def _site_path(self, name: str) -> str:
        return f"{self._root}/sites/{name}"

    def _list_path(self, name: str) -> str:
        return f"{self._root}/lists/{name}"

    def _ask(
        self, reading: SiteRead, names: list[str], own_and_alias: tuple[str, str] | None = None
    ) -> Steps[dict[str, Answer]]:
        """Ask the Regions for parameters, each only for those that the Regions before it do not have.

        If a Region has the site or its alias, no other Region is asked for either of them.
        """
        parameters: dict[str, Answer] = {}
        failures: dict[str, ReadError] = {}
        missing = list(names)
        for reader in self._regions:
            last = reader is self._regions[-1]
            # The last Region is always asked: a new parameter must show in time.
            wanted = [name for name in missing if last or not self._is_absent(reader.region, name)]
            if not wanted:
                continue
            answers = yield from self._ask_region(reading, reader, wanted)
            parameters |= {name: value for name, value in answers.items() if isinstance(value, Parameter)}
            failures |= {name: value for name, value in answers.items() if isinstance(value, ReadError)}
            missing = [name for name in missing if name not in parameters]
            if own_and_alias and own_and_alias[0] not in failures and not parameters.keys().isdisjoint(own_and_alias):
                missing = [name for name in missing if name not in own_and_alias]
            for name in missing:
                if name in answers and answers[name] is None:
                    self._absent[reader.region, name] = self._clock() + ABSENT_SECONDS
        # A name that one Region failed to answer for and no other has is not known to be absent.
        return {name: parameters.get(name) or failures.get(name) for name in names}

    def _ask_region(self, reading: SiteRead, reader: RegionReader, names: list[str]) -> Steps[dict[str, Answer]]:
        try:
            parameters = yield from self._call(reading, reader, names)
        except ReadError as error:
            if len(names) == 1 or error.code not in _REFUSED_TOGETHER:
                return dict.fromkeys(names, error)
        else:
            return {name: parameters.get(name) for name in names}
        answers: dict[str, Answer] = {}
        for name in names:
            answers |= yield from self._ask_region(reading, reader, [name])
        return answers

    def _call(self, reading: SiteRead, reader: RegionReader, names: list[str]) -> Steps[Mapping[str, Parameter]]:
        cold = reading.content.policy is None
        reader.begin(names, DEADLINE_COLD if cold and reader is self._regions[-1] else _deadline(reader))
        asked_at = self._clock()
        while True:
            if not reader.sent:
                asked_at = self._clock()
            parameters = reader.poll(reading.until)
            if parameters is not None:
                reading.asked_at = min(reading.asked_at, asked_at)
                return parameters
            yield

    def _is_absent(self, region: str, name: str) -> bool:
        until = self._absent.get((region, name), 0.0)
        return until - ABSENT_SECONDS <= self._clock() < until


def _deadline(reader: RegionReader) -> float:
    """Seconds in which a Region at this distance answers, on a new connection too."""
    if reader.round_trip is None:
        return DEADLINE_WARM
    return min(DEADLINE_WARM, ROUND_TRIPS * reader.round_trip + SERVER_SECONDS)


def _required(value: Answer) -> Parameter | None:
    if isinstance(value, ReadError):
        raise value
    return value


def _count_origins(policy: Policy) -> int:
    grants = [grant for rule in policy.rules for grant in rule.grants]
    return sum(len(grant.allow_origins) for grant in grants if grant.allow_origins is not None)


def _texts(findings: Iterable[Finding], secret: bool) -> list[str]:
    """Findings for the log. They quote parameters; of a SecureString only the codes are logged."""
    return [finding.code if secret else str(finding)[:MAX_FINDING] for finding in findings]
