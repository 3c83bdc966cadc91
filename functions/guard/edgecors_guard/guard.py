"""The guard's work after a change, its order, and what happens when a part of it fails.

The home Region's state decides, never the order of events: whatever an event says, the guard reads the parameter as it
is now, makes everything else agree with it, and reads it again, as somebody may have changed it meanwhile. No step
changes anything that agrees already, so repeated, late and reordered events lead to the same result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from edgecors.allowlist import is_name
from edgecors_admin.account import aws_errors
from edgecors_admin.errors import AwsError

from . import invalidation, notice, replicas, revert, stores
from .failures import describe
from .home import History, HomeParameters, ListUsers, site_of_alias
from .invalidation import Later
from .review import ParameterFinding, Review, opened_to_everyone, review, together

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger, Metrics
    from edgecors_admin.parameter_store import Stored

    from .change import Change
    from .clients import Clients
    from .notice import Notice
    from .settings import Settings
    from .stores import StorePolicy

ROUNDS = 5
"""How often a parameter may change during the guard's work before the guard leaves the rest to a later attempt."""
_MAX_REMEMBERED = 1000


class Unfinished(Exception):
    """Parts of the work failed and have to be tried again; all other parts were done.

    Attributes:
        failures: what failed, and why.
    """

    def __init__(self, failures: list[str]) -> None:
        self.failures = tuple(failures)
        super().__init__("; ".join(failures))


class Guard:
    """The guard of one home Region. Each execution environment has one, and handles one event at a time."""

    def __init__(
        self,
        settings: Settings,
        clients: Clients,
        logger: Logger,
        metrics: Metrics,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self.clients = clients
        self.log = logger
        self._metrics = metrics
        self._clock = clock
        # Only prevents repeated notices: other execution environments do not share it.
        self._published: set[tuple[object, ...]] = set()

    def handle_change(self, change: Change) -> None:
        """Make everything agree with a parameter that may have changed.

        Raises:
            Unfinished: a part failed; the event has to come again.
            AwsError: the parameter could not be read; likewise.
        """
        _ChangeRun(self, change).run()

    def invalidate_later(self, messages: list[Later]) -> None:
        """Do the second invalidations that are due, one for each distribution, and put the others back.

        Raises:
            AwsError: a request failed; the messages have to come again.
        """
        now = self._clock()
        due: dict[str, Later] = {}
        for later in sorted(messages, key=lambda later: later.due):
            if later.due > now:
                invalidation.send(self.clients.sqs, self.settings.later, later, now)
            elif self.settings.invalidates:
                due[later.distribution] = later
        for later in due.values():
            self.invalidate(later.distribution, later.reference)

    def invalidate(self, distribution: str, reference: str) -> None:
        """Invalidate a distribution's cache. Raises `AwsError`."""
        invalidation.invalidate(self.clients.cloudfront, distribution, reference)
        self.count("Invalidations")
        self.log.info("distribution invalidated", distribution=distribution, reference=reference)

    def invalidate_after(self, seconds: int, distribution: str, reference: str) -> None:
        """Invalidate a distribution's cache once more after some seconds. Raises `AwsError`."""
        now = self._clock()
        invalidation.send(self.clients.sqs, self.settings.later, Later(distribution, reference, now + seconds), now)

    def update_store(self, distribution: str, *, scheduled: bool = False) -> StorePolicy:
        """Do the next step that a distribution's KeyValueStore needs. Raises `AwsError`.

        Args:
            distribution: its id.
            scheduled: whether no event asks for it, so that a store without the current policy is drift.
        """

        def find(sequence: int) -> StorePolicy:
            return stores.find_policy(self.home(), distribution, sequence)

        arn = self.settings.key_value_stores[distribution]
        plan, result = stores.update_store(self.clients.key_value_store, arn, distribution, find, self._clock())
        if plan is not None and plan.batches:
            self.count("StoreUpdates", len(plan.batches))
            self.log.info("store updated", distribution=distribution, step=plan.step, requests=len(plan.batches))
            if scheduled and plan.step == "publish":
                self.count("StoreDrift")
        if result.too_large:
            self.count("StoreTooLarge")
            self.log.error("policy too large for functions", distribution=distribution, lists_left_out=result.left_out)
        return result

    def home(self) -> HomeParameters:
        """The home Region's parameters, to be read anew."""
        return HomeParameters(self.clients.parameters(self.settings.region), self._clock)

    def now(self) -> float:
        """Seconds since 1970."""
        return self._clock()

    def count(self, name: str, value: float = 1) -> None:
        """Add to a metric that counts."""
        self.measure(name, "Count", value)

    def measure(self, name: str, unit: Literal["Count", "Seconds"], value: float) -> None:
        """Add a value to a metric."""
        self._metrics.add_metric(name=name, unit=unit, value=value)

    def publish(self, message: Notice, version: Stored | None) -> None:
        """Publish a notice once for each version and execution environment. Raises `AwsError`."""
        key = (message, version and (version.name, version.version, version.modified))
        if not self.settings.topic or key in self._published:
            return
        with aws_errors():
            self.clients.sns.publish(TopicArn=self.settings.topic, Subject=message.subject, Message=message.text)
        if len(self._published) >= _MAX_REMEMBERED:
            self._published.clear()
        self._published.add(key)


class _ChangeRun:
    """The work for one event."""

    def __init__(self, guard: Guard, change: Change) -> None:
        self._guard = guard
        self._settings = guard.settings
        self._log = guard.log
        self._change = change
        self._parameters = guard.clients.parameters(guard.settings.region)
        self._failures: list[str] = []
        self._reverted = False
        self._secret = False

    def run(self) -> None:
        name = self._change.name
        for _ in range(ROUNDS):
            home = self._guard.home()
            history = home.history(name)
            if history is None:
                self._handle_deletion(home)
            else:
                self._handle_value(history, home)
            now = home.current(name)
            if now is None if history is None else history.current.is_same_write(now):
                break
            self._log.info("changed meanwhile, reading again", parameter=name)
        else:
            self._failures.append(f"{name} keeps changing")
        if self._failures:
            raise Unfinished(self._failures)

    def _handle_value(self, history: History, home: HomeParameters) -> None:
        current, change = history.current, self._change
        self._secret = current.secret
        if (replaced := revert.overtaken(history)) is not None:
            with self._part("give back an overtaken write"):
                revert.give_back(self._parameters, replaced, current)
                self._log.warning("restored an overwritten version", parameter=change.name, version=replaced.version)
            return
        result = review(change.kind, current)
        self._log_review(current, result)
        if not result.valid:
            self._guard.count("InvalidPolicy")
            self._handle_invalid(history, result)
            return
        self._copy(current)
        users = self._users(home)
        self._update_stores(home, users)
        self._invalidate(history, home, users)
        self._report_valid(history, result, home, users)

    def _log_review(self, current: Stored, result: Review) -> None:
        about = {"parameter": current.name, "version": current.version, "type": current.type}
        for findings, level in ((result.errors, "error"), (result.skipped, "warning"), (result.others, "info")):
            if findings:
                getattr(self._log, level)("findings", extra={**about, "findings": [str(one) for one in findings]})
        if result.valid:
            self._log.info("valid", extra=about)

    # ------------------------------------------------------------------------------------------------ invalid values

    def _handle_invalid(self, history: History, result: Review) -> None:
        current = history.current
        good = revert.last_good(self._change.kind, history)
        why = self._why_it_stays(history, good)
        if good is not None and not why:
            failures = len(self._failures)
            with self._part(f"write version {good.version} again"):
                if revert.put_back(self._parameters, current, good):
                    self._reverted = True
                    self._guard.count("Reverted")
                    self._log.warning("reverted", parameter=current.name, version=current.version, good=good.version)
            if len(self._failures) == failures:
                # The next round sees the good version, or what else was written, and copies and reports it.
                return
            why = f"Version {good.version} could not be written again; the guard will try once more."
        self._copy(good)
        with self._part("publish"):
            end = notice.why_invalid_stays(self._change, why)
            self._guard.publish(notice.invalid(self._change, current, result.errors, end), current)

    def _why_it_stays(self, history: History, good: Stored | None) -> str:
        """Why an invalid value is not reverted; empty where it is."""
        if not self._settings.auto_revert:
            return "The value was not reverted, because AutoRevert is off."
        if revert.own_mark(history) is not None:
            return "The value was not reverted: the guard itself wrote it, and edgecors has changed since."
        if revert.was_reverted_before(history):
            return "The value was not reverted: the guard reverted it before, and somebody wrote it again."
        return "" if good is not None else "The value was not reverted, because the history has no valid version."

    # -------------------------------------------------------------------------------------------------- valid values

    def _copy(self, good: Stored | None) -> None:
        """Make the replicas have this version; or nothing, for None."""
        name, regions = self._change.name, self._settings.replicas

        def copy(region: str) -> bool:
            replica = self._guard.clients.parameters(region)
            return replica.delete(name) if good is None else replicas.copy_to(replica, good)

        # A request that gets no answer fails after up to 18 s. One after the other, seven such Regions would use up the
        # function's 120 s before stores and caches are brought up to date.
        with ThreadPoolExecutor(max(1, len(regions))) as pool:
            for region, copied in [(region, pool.submit(copy, region)) for region in regions]:
                with self._part(f"copy to {region}", count="ReplicationFailures"):
                    if copied.result():
                        self._guard.count("Replicated")
                        self._log.info("replicated", parameter=name, version=good and good.version, replica=region)

    def _users(self, home: HomeParameters) -> ListUsers:
        """The sites that use the changed list; none for other parameters."""
        if self._change.kind == "lists":
            with self._part("find the sites that use the list"):
                users = home.users_of(self._change.short_name)
                if users.unknown:
                    self._log.warning("sites not examined", list=self._change.short_name, sites=users.unknown)
                return users
        return ListUsers()

    def _invalidate(self, history: History | None, home: HomeParameters, users: ListUsers) -> None:
        """Invalidate the cache of each distribution whose responses depend on the changed parameter."""
        if not self._settings.invalidates or not self._settings.distributions:
            return
        with self._part("find the distributions"):
            waits = {"later": invalidation.seconds_until_replaced(self._replaced_policies(history, home, users))}
            if history is None and self._change.kind != "lists":
                # The deleted policy's refresh time is not known any more.
                waits["last"] = invalidation.LONGEST_UNTIL_REPLACED
            event = self._change.time.isoformat() if self._change.time else ""
            reference = invalidation.reference_of(self._change.name, history.current if history else None, event)
            for distribution in self._affected_distributions(self._settings.distributions, home, users):
                with self._part(f"invalidate {distribution}"):
                    self._guard.invalidate(distribution, reference)
                for word, seconds in waits.items() if self._settings.later else ():
                    with self._part(f"queue the {word} invalidation of {distribution}"):
                        self._guard.invalidate_after(seconds, distribution, f"{reference}-{word}")

    def _affected_distributions(self, ids: Iterable[str], home: HomeParameters, users: ListUsers) -> Iterator[str]:
        """Those of the distributions that use the changed parameter."""
        change = self._change
        if change.kind == "aliases":
            yield from (id_ for id_ in ids if id_ == change.short_name)
            return
        sites = {change.short_name}
        if change.kind == "lists":
            # An update too many costs little, one too few leaves revoked origins allowed.
            sites = {*users.unknown, *(site.short_name for site in users.sites)}
        aliases = home.aliases()
        for distribution in ids:
            site = aliases.get(distribution, distribution)
            # With an invalid alias, the site of its last valid version is in use, which may be any; so may the site of
            # an unreadable one.
            if not sites.isdisjoint((distribution, site)) or not is_name(site):
                yield distribution

    def _update_stores(self, home: HomeParameters, users: ListUsers) -> None:
        """Bring the KeyValueStores of affected distributions up to date."""
        if not self._settings.key_value_stores:
            return
        with self._part("find the distributions"):
            for distribution in self._affected_distributions(self._settings.key_value_stores, home, users):
                with self._part(f"update the store of {distribution}", count="StoreFailures"):
                    result = self._guard.update_store(distribution)
                    if result.too_large:
                        message = notice.too_large(self._change, distribution, result.too_large, result.left_out)
                        self._guard.publish(message, None)

    def _replaced_policies(self, history: History | None, home: HomeParameters, users: ListUsers) -> Iterable[Stored]:
        """The policies that functions may still use."""
        if self._change.kind == "lists":
            return users.sites
        versions = [] if history is None else [history.current, *self._served(history.earlier)]
        if self._change.kind == "sites":
            return versions
        sites = home.readable("sites", map(site_of_alias, versions))
        return [site for site in sites.values() if site is not None]

    def _served(self, earlier: Sequence[Stored]) -> Iterator[Stored]:
        """The earlier versions that functions may have read until the change, newest first."""
        for version in reversed(earlier[-revert.MAX_REVIEWED :]):
            if review(self._change.kind, version).valid:
                yield version
                if not self._change.may_be_about(version.modified):
                    return

    def _report_valid(self, history: History, result: Review, home: HomeParameters, users: ListUsers) -> None:
        current, change = history.current, self._change
        mark = revert.own_mark(history)
        if mark is not None:
            if self._reverted or change.is_before(current.modified):
                self._report_revert(history, mark)
            return
        if result.skipped:
            self._guard.count("SkippedEntries", len(result.skipped))
            with self._part("publish"):
                self._guard.publish(notice.skipped(change, current, result.skipped), current)
        if findings := tuple(together(change.kind, current, home, users.sites)):
            self._guard.count("WrongTogether", len(findings))
            self._log.warning("inconsistent", parameter=current.name, findings=[str(one) for one in findings])
            with self._part("publish"):
                self._guard.publish(notice.together(change, current, findings), current)
        if change.kind == "sites" and (opening := opened_to_everyone(history)) is not None:
            self._report_opening(*opening)

    def _report_revert(self, history: History, mark: revert.Mark) -> None:
        bad = history.version(mark.bad)
        errors = review(self._change.kind, bad).errors if bad is not None else ()
        with self._part("publish"):
            message = notice.reverted(self._change, mark.bad, mark.good, mark.written, errors)
            self._guard.publish(message, history.current)

    def _report_opening(self, version: Stored, findings: tuple[ParameterFinding, ...]) -> None:
        if not self._change.may_be_about(version.modified):
            return  # an older change, which its own event reported
        self._guard.count("WidenedPolicy")
        texts = [str(one) for one in findings]
        self._log.warning("open to everyone", parameter=version.name, version=version.version, findings=texts)
        with self._part("publish"):
            self._guard.publish(notice.opened(self._change, version, findings), version)

    # ----------------------------------------------------------------------------------------------------- deletions

    def _handle_deletion(self, home: HomeParameters) -> None:
        change = self._change
        self._log.info("deleted", parameter=change.name)
        self._copy(None)
        users = self._users(home)
        self._update_stores(home, users)
        self._invalidate(None, home, users)
        with self._part("publish"):
            if users.sites:
                sites = [site.short_name for site in users.sites]
                self._guard.publish(notice.list_deleted(change, sites), None)
            if change.kind == "sites":
                aliases = sorted(name for name, site in home.aliases().items() if site == change.short_name)
                if aliases:
                    self._guard.publish(notice.site_deleted(change, aliases), None)

    @contextmanager
    def _part(self, what: str, *, count: str = "") -> Iterator[None]:
        """A part of the work that may fail, for whatever reason, without keeping the other parts from being done."""
        try:
            yield
        except Exception as error:
            words = describe(error)
            if isinstance(error, AwsError) and not self._secret:
                words = f"{error} ({words})"
            self._failures.append(f"{what}: {words}")
            self._log.error("failed", parameter=self._change.name, part=what, error=words)
            if count:
                self._guard.count(count)
