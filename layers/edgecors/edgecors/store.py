"""Which policy holds now: age, jitter, the last good one, back-off.

A policy older than its refresh time is read again by the request that finds it so, within a deadline. Whatever goes
wrong then, the last good policy goes on serving. A parameter that is not there is no failure: nobody is allowed.
"""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time

from .allowlist import is_name, read_list
from .aws import AwsError
from .aws.credentials import CredentialSource
from .aws.parameters import MAX_NAMES, Parameter, ParameterReader
from .document import PolicyError, load_policy, read_document

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Protocol

    from .allowlist import Allowlist
    from .findings import Finding
    from .policy import Policy
    from .telemetry import Telemetry

    class Region(Protocol):
        """One Region's Parameter Store, as far as the store needs it."""

        region: str

        def get_parameter(self, name: str, deadline: float) -> Parameter | None:
            """As `ParameterReader.get_parameter`."""

        def get_parameters(self, names: Iterable[str], deadline: float) -> dict[str, Parameter]:
            """As `ParameterReader.get_parameters`."""

        def close(self) -> None:
            """As `ParameterReader.close`."""


DEFAULT_ROOT = "/edgecors"
DEADLINE_WARM = 0.3
"""Seconds that a request may wait for a newer policy while there is a last good one."""
DEADLINE_COLD = 1.0
"""Seconds that a request may wait for the first policy."""
JITTER = 0.25
"""The share of the refresh time that a container may come early by, so that a fleet does not ask in step.

After its first read it is the whole of it: containers start together, when a function is deployed or a crowd arrives.
"""
BACK_OFF_FIRST = 1.0
BACK_OFF_COLD = 10.0
"""Seconds to the next try after the first failure, doubled with each further one up to the most, without a policy."""
BACK_OFF_MOST = 60.0
"""The most seconds to the next try with a last good policy, and never more than the refresh time. The first wait is a
quarter of it: there is no hurry then, and trying at once would add to what may be too much already.
"""
MAX_SITES = 64
"""Sites kept in one container. One edge function may serve many distributions."""
ABSENT_SECONDS = 3600.0
"""How long a Region that has no such parameter is not asked for it again, where there is another to ask."""
HOME_REGION = "us-east-1"


class _Site:
    """What is known of one site. ``read_at`` to ``due_at`` is the time in which nothing is to be done."""

    __slots__ = (
        "allowlists",
        "due_at",
        "failures",
        "good_at",
        "lists",
        "new",
        "policy",
        "read_at",
        "secret_lists",
        "text",
    )

    def __init__(self) -> None:
        self.policy: Policy | None = None
        self.text: str | None = None
        self.lists: dict[str, str | None] = {}
        self.allowlists: dict[str, Allowlist | None] = {}
        self.secret_lists: set[str] = set()
        self.read_at = self.due_at = self.good_at = 0.0
        self.failures = 0
        # No read has worked since the start, or since a snapshot was restored: others try at the same time.
        self.new = True


def wait_after_read(refresh_seconds: float, draw: float, *, first: bool) -> float:
    """Seconds until a policy is read again. ``draw`` is a random number from 0 to 1."""
    return refresh_seconds * (1 - (draw if first else JITTER * draw))


def wait_after_failure(refresh_seconds: float | None, failures: int, draw: float) -> float:
    """Seconds until the next try after one more failure than ``failures``; None: nothing good was read yet.

    ``draw`` is a random number from 0 to 1.
    """
    if refresh_seconds is None:
        first, most = BACK_OFF_FIRST, BACK_OFF_COLD
    else:
        most = min(BACK_OFF_MOST, refresh_seconds)
        first = most / 4
    return min(most, first * 2.0 ** min(failures, 10)) * (0.5 + draw / 2)


class PolicyStore:
    """The policies of some sites, read from Parameter Store and kept. Safe for threads.

    ``regions`` are asked in order; the later ones only for what the earlier ones do not have.
    """

    def __init__(
        self,
        regions: Iterable[Region],
        telemetry: Telemetry,
        *,
        root: str = DEFAULT_ROOT,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] | None = None,
    ) -> None:
        self._regions = tuple(regions)
        self._telemetry = telemetry
        self._root = root.rstrip("/")
        # The age of a policy is told by the wall clock: a frozen container's monotonic clock may stand still.
        self._clock = clock
        self._monotonic = monotonic
        self._jitter = jitter or random.Random().random
        self._sites: dict[str, _Site] = {}
        self._absent: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def get(self, site: str) -> Policy | None:
        """The policy that holds now; None when none could be loaded yet, or no site has such a name. Never raises."""
        kept = self._sites.get(site)
        # The lower bound is for a clock that was set back: then the age is unknown and the policy is read again.
        if kept is not None and kept.read_at <= self._clock() < kept.due_at:
            return kept.policy
        return self._refresh(site)

    def reset_after_restore(self) -> None:
        """After a snapshot was restored: connections are dead, ages unknown, and the jitter is everyone's."""
        self._jitter = random.Random().random
        self._absent.clear()
        for region in self._regions:
            region.close()
        for kept in self._sites.values():
            kept.due_at = 0.0
            kept.new = True

    def _refresh(self, site: str) -> Policy | None:
        kept = self._sites.get(site)
        policy = kept.policy if kept is not None else None
        if kept is None and not is_name(site):
            return None
        # One thread reads; the others go on with what there is, and wait only where there is nothing.
        if not self._lock.acquire(blocking=policy is None):
            return policy
        try:
            kept = self._sites.get(site) or self._new_site(site)
            if not kept.read_at <= self._clock() < kept.due_at:
                self._read_again(site, kept)
            return kept.policy
        finally:
            self._lock.release()

    def _new_site(self, site: str) -> _Site:
        if len(self._sites) >= MAX_SITES:
            # A site in use is read again and again, so the one read longest ago is the least used.
            del self._sites[min(self._sites, key=lambda name: self._sites[name].read_at)]
        kept = self._sites[site] = _Site()
        return kept

    def _read_again(self, site: str, kept: _Site) -> None:
        deadline = self._monotonic() + (DEADLINE_COLD if kept.policy is None else DEADLINE_WARM)
        failure = None
        try:
            failure = self._read_policy(site, kept, deadline)
        except AwsError as error:
            failure = (error.code, str(error))
        except Exception as error:  # whatever it is, it must not reach the request
            failure = ("internal", repr(error))
        now = self._clock()
        kept.read_at = now
        if failure is None:
            kept.failures = 0
            kept.good_at = now
            refresh = kept.policy.refresh_seconds if kept.policy is not None else BACK_OFF_FIRST
            kept.due_at = now + wait_after_read(refresh, self._jitter(), first=kept.new)
            kept.new = False
        else:
            self._failed(site, kept, failure, now)

    def _failed(self, site: str, kept: _Site, failure: tuple[str, str], now: float) -> None:
        refresh = None if kept.policy is None or kept.new else kept.policy.refresh_seconds
        kept.due_at = now + wait_after_failure(refresh, kept.failures, self._jitter())
        kept.failures += 1
        code, message = failure
        fields: dict[str, object] = {"site": site, "code": code, "error": message[:2000], "served": "none"}
        metrics: dict[str, tuple[float, str]] = {"RefreshFailures": (1, "Count")}
        if kept.policy is not None:
            # A policy whose lists failed with its very first read has been as it is from now on.
            kept.good_at = kept.good_at or now
            age = round(now - kept.good_at, 3)
            fields |= {"served": "last-good", "policy_age": age}
            metrics |= {"LastGoodUsed": (1, "Count"), "PolicyAge": (age, "Seconds")}
        self._telemetry.log("WARNING", "policy refresh failed", **fields)
        self._telemetry.metrics(metrics, site=site)

    def _read_policy(self, site: str, kept: _Site, deadline: float) -> tuple[str, str] | None:
        """Read and swap in the policy; a failure that concerns only lists is returned, every other raised."""
        name = f"{self._root}/sites/{site}"
        parameter = self._get_parameter(name, deadline)
        if parameter is None:
            if kept.text is not None or kept.policy is None:
                self._telemetry.log("WARNING", "policy missing: nobody is allowed", site=site, parameter=name)
            kept.policy, kept.text, kept.lists = load_policy(""), None, {}
            return None
        try:
            document = read_document(parameter.value)
        except PolicyError as error:
            return "invalid-policy", "; ".join(_told(error.errors, parameter.secret))
        lists, failure = self._read_lists(document.lists, kept, deadline)
        if kept.policy is None or parameter.value != kept.text or lists != kept.lists:
            policy = document.compile(kept.allowlists)
            kept.policy, kept.text, kept.lists = policy, parameter.value, lists
            self._telemetry.log(
                "INFO",
                "policy loaded",
                site=site,
                version=parameter.version,
                origins=sum(
                    len(grant.allow_origins)
                    for rule in policy.rules
                    for grant in rule.grants
                    if grant.allow_origins is not None
                ),
                findings=_told(policy.findings[:10], parameter.secret or not kept.secret_lists.isdisjoint(lists)),
            )
        return failure

    def _get_parameter(self, name: str, deadline: float) -> Parameter | None:
        return self._ask([name], deadline, _one).get(name)

    def _read_lists(
        self, names: tuple[str, ...], kept: _Site, deadline: float
    ) -> tuple[dict[str, str | None], tuple[str, str] | None]:
        """The lists' values (None: no such list). One that fails keeps its last good value, the others move on."""
        values: dict[str, str | None] = {}
        failure = None
        for start in range(0, len(names), MAX_NAMES):
            batch = names[start : start + MAX_NAMES]
            paths = {f"{self._root}/lists/{name}": name for name in batch}
            try:
                found = self._ask(list(paths), deadline, _several)
            except AwsError as error:
                failure = (error.code, f"lists {', '.join(batch)}: {error}")
                values.update((name, kept.lists.get(name)) for name in batch)
                continue
            for path, name in paths.items():
                values[name] = found[path].value if path in found else None
                if path in found and found[path].secret:
                    kept.secret_lists.add(name)
                try:
                    self._read_list(name, values[name], kept)
                except ValueError as error:
                    failure = ("invalid-list", f"@{name}: {error}")
                    values[name] = kept.lists.get(name)
        return values, failure

    def _read_list(self, name: str, text: str | None, kept: _Site) -> None:
        """Read a list's value, unless it is the one that was read last. Raises ValueError."""
        if text is None:
            kept.allowlists[name] = None
        elif kept.allowlists.get(name) is None or kept.lists.get(name) != text:
            kept.allowlists[name] = read_list(name, text)

    def _ask(
        self,
        names: list[str],
        deadline: float,
        read: Callable[[Region, list[str], float], Mapping[str, Parameter]],
    ) -> dict[str, Parameter]:
        """What the Regions have of these parameters, each asked only for what those before it do not have."""
        found: dict[str, Parameter] = {}
        failure: AwsError | None = None
        for number, region in enumerate(self._regions, 1):
            last = number == len(self._regions)
            # The last Region is always asked: a new parameter must show in time.
            wanted = [name for name in names if name not in found and (last or not self._is_absent(region, name))]
            if not wanted:
                continue
            # A Region that hangs must leave time for the next one.
            now = self._monotonic()
            try:
                found.update(read(region, wanted, deadline if last else now + (deadline - now) / 2))
            except AwsError as error:
                failure = error
                continue
            for name in wanted:
                if name not in found:
                    self._absent[region.region, name] = self._clock() + ABSENT_SECONDS
        # A name that one Region failed to answer for and no other has is not known to be absent.
        if failure is not None and len(found) < len(names):
            raise failure
        return found

    def _is_absent(self, region: Region, name: str) -> bool:
        until = self._absent.get((region.region, name), 0.0)
        return until - ABSENT_SECONDS <= self._clock() < until


def _told(findings: Iterable[Finding], secret: bool) -> list[str]:
    """Findings for the log. They quote what they are about; of a SecureString only the codes are told."""
    return [found.code if secret else str(found) for found in findings]


def _one(region: Region, names: list[str], until: float) -> Mapping[str, Parameter]:
    parameter = region.get_parameter(names[0], until)
    return {} if parameter is None else {names[0]: parameter}


def _several(region: Region, names: list[str], until: float) -> Mapping[str, Parameter]:
    return region.get_parameters(names, until)


def store_from_environment(
    telemetry: Telemetry, environ: Mapping[str, str] = os.environ, *, home: str | None = None, connect: bool = False
) -> PolicyStore:
    """The store of a Lambda function: the executing Region's, and the home Region's behind it where one is named.

    With ``connect`` the connection to the first is opened at once: while a function starts it has a whole core for the
    handshake, whatever its size. If that fails the first read tries again, and says why.

    Raises ValueError for an ``AWS_ENDPOINT_URL_SSM`` that is no URL.
    """
    here = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or HOME_REGION
    credentials = CredentialSource(environ)
    names = dict.fromkeys((here, home or here))
    regions = [ParameterReader(name, environ=environ, credentials=credentials) for name in names]
    if connect:
        with contextlib.suppress(OSError):
            regions[0].connect(time.monotonic() + DEADLINE_COLD)
    return PolicyStore(regions, telemetry, root=environ.get("EDGECORS_ROOT") or DEFAULT_ROOT)
