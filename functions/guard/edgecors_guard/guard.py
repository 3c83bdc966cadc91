"""What is done about a change, in which order, and what happens when a part of it fails.

The state of the home Region decides, never the order of events: whatever an event says, the parameter is read as it is
now, everything is made to agree with that, and then it is read again; somebody may have changed it meanwhile. Each step
changes nothing where all agrees already, so repeated, late and reordered events lead to the same outcome.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from . import invalidation, notice, replicas, revert
from .change import LISTS, SITES, Change
from .invalidation import Later
from .parameters import History, Home, Version
from .review import Found, Review, opened, review, users_of

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger, Metrics

    from .clients import Clients
    from .notice import Notice
    from .settings import Settings

ROUNDS = 5
"""How often a parameter may change under the guard's hands before it leaves the rest to a later try."""
_MOST_TOLD = 1000


class Unfinished(Exception):
    """Something has to be tried again. Everything else was done; each part says on its own what failed."""

    def __init__(self, failures: list[str]) -> None:
        self.failures = tuple(failures)
        super().__init__("; ".join(failures))


class Guard:
    """The guard of one home Region. One for each execution environment; it is used by one event at a time."""

    def __init__(
        self,
        settings: Settings,
        clients: Clients,
        logger: Logger,
        metrics: Metrics,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._clients = clients
        self._log = logger
        self._metrics = metrics
        self._clock = clock
        # Only to spare people repetitions: another environment would not know of it.
        self._told: set[tuple[object, ...]] = set()

    def changed(self, change: Change) -> None:
        """Makes everything agree with a parameter that may have changed.

        Raises:
            Unfinished: a part failed; the event has to come again.
            ClientError, BotoCoreError: the home Region could not be read; the same.
        """
        _Run(self, change).run()

    def invalidate_later(self, waiting: list[Later]) -> None:
        """Does the invalidations that are due, as one, and lets the others wait on. Raises as `changed` does."""
        now = self._clock()
        for later in waiting:
            if later.due > now:
                invalidation.send(self._clients.sqs, self._settings.later, later, now)
        due = [later for later in waiting if later.due <= now]
        if due and self._settings.distribution:
            self.invalidate(max(due, key=lambda later: later.due).reference)

    def invalidate(self, reference: str) -> None:
        """Empties the distribution's cache."""
        invalidation.invalidate(self._clients.cloudfront, self._settings.distribution, reference)
        self.count("Invalidations")
        self._log.info("distribution invalidated", distribution=self._settings.distribution, reference=reference)

    def invalidate_after(self, seconds: int, reference: str) -> None:
        """Empties the distribution's cache once more when that time is over."""
        now = self._clock()
        later = Later(reference, now + seconds + invalidation.MARGIN)
        invalidation.send(self._clients.sqs, self._settings.later, later, now)

    def count(self, name: str, value: int = 1) -> None:
        """Adds to a metric."""
        self._metrics.add_metric(name=name, unit="Count", value=value)

    def tell(self, told: Notice, about: Version | None) -> None:
        """Publishes a notice, unless just this was published about this version by this execution environment."""
        key = (told, about and about.name, about and about.number, about and about.modified)
        if not self._settings.topic or key in self._told:
            return
        self._clients.sns.publish(TopicArn=self._settings.topic, Subject=told.subject, Message=told.text)
        if len(self._told) >= _MOST_TOLD:
            self._told.clear()
        self._told.add(key)


class _Run:
    """One event's work."""

    def __init__(self, guard: Guard, change: Change) -> None:
        self._guard = guard
        self._settings = guard._settings
        self._clients = guard._clients
        self._log = guard._log
        self._change = change
        self._failures: list[str] = []
        self._reverted = False
        self._secret = False

    def run(self) -> None:
        name = self._change.name
        for _ in range(ROUNDS):
            home = Home(self._clients.ssm(self._settings.region), self._settings.root)
            history = home.history(name)
            if history is None:
                self._gone(home)
            else:
                self._is(history, home)
            now = home.current(name)
            if now is None if history is None else history.current.is_same_write(now):
                break
            self._log.info("changed meanwhile, looking again", parameter=name)
        else:
            self._failures.append(f"{name} keeps changing")
        if self._failures:
            raise Unfinished(self._failures)

    def _is(self, history: History, home: Home) -> None:
        current, change = history.current, self._change
        self._secret = current.secret
        if (covered := revert.overtaken(history)) is not None:
            with self._part("give back an overtaken write"):
                revert.give_back(self._clients.ssm(self._settings.region), covered, current)
                self._log.warning("gave back an overtaken write", parameter=change.name, version=covered.number)
            return
        found = review(change.kind, current, home)
        self._say(current, found)
        if not found.valid:
            self._guard.count("InvalidPolicy")
            self._invalid(history, found, home)
            return
        self._copy(current)
        self._invalidate(history, home, found)
        self._tell_of_valid(history, found, home)

    def _say(self, current: Version, found: Review) -> None:
        about = {"parameter": current.name, "version": current.number, "type": current.type}
        for kind, level in ((found.errors, "error"), (found.skipped, "warning"), (found.others, "info")):
            if kind:
                getattr(self._log, level)("findings", extra={**about, "findings": [str(one) for one in kind]})
        if found.valid:
            self._log.info("valid", extra=about)

    # ------------------------------------------------------------------------------------------------- invalid

    def _invalid(self, history: History, found: Review, home: Home) -> None:
        current = history.current
        good = revert.last_good(self._change.kind, history, home)
        why = self._why_it_stays(history, good)
        if good is not None and not why:
            failures = len(self._failures)
            with self._part(f"put version {good.number} back"):
                if revert.put_back(self._clients.ssm(self._settings.region), current, good):
                    self._reverted = True
                    self._guard.count("Reverted")
                    self._log.warning("put back", parameter=current.name, version=current.number, good=good.number)
            if len(self._failures) == failures:
                # The next round finds it, or what else was written; it does and tells what there is to do and tell.
                return
            why = f"Version {good.number} could not be put back; that is tried again."
        self._copy(good)
        with self._part("tell"):
            told = notice.invalid(self._change, current, found.errors, notice.what_was_left(self._change, why))
            self._guard.tell(told, current)

    def _why_it_stays(self, history: History, good: Version | None) -> str:
        """Why an invalid value is not taken away; empty when it is."""
        if not self._settings.auto_revert:
            return "It stays, as AutoRevert is off."
        if revert.own_mark(history.current) is not None:
            return "It stays, as the guard put it back itself and something else has changed since."
        if revert.was_put_back(history):
            return "It stays: the same value was taken away once, and was then written again."
        return "" if good is not None else "It stays, as no good version is kept in the history."

    # --------------------------------------------------------------------------------------------------- valid

    def _copy(self, good: Version | None) -> None:
        """Makes the replicas hold this version, or nothing."""
        name = self._change.name
        for region in self._settings.replicas:
            client = self._clients.ssm(region)
            with self._part(f"copy to {region}", count="ReplicationFailures"):
                if replicas.remove(client, name) if good is None else replicas.copy(client, good):
                    self._guard.count("Replicated")
                    self._log.info("replicated", parameter=name, version=good and good.number, replica=region)

    def _invalidate(self, history: History | None, home: Home, found: Review | None) -> None:
        """Empties the cache of the distribution whose policy this is, or whose policy uses this list."""
        change, site = self._change, self._settings.distribution
        if not site:
            return
        if change.kind == SITES:
            concerned = change.short == site
            # A function may hold this policy or the one before it.
            held = [] if history is None else [history.current, *history.earlier[-1:]]
        else:
            users = found.users if found is not None else users_of(change.short, home)
            held = [user for user in users if user.short == site]
            concerned = bool(held)
        if not concerned:
            return
        event = change.time.isoformat() if change.time else ""
        reference = invalidation.reference(change.name, history.current if history else None, event)
        with self._part("invalidate"):
            self._guard.invalidate(reference)
        if self._settings.later:
            with self._part("queue the second invalidation"):
                self._guard.invalidate_after(invalidation.refresh_seconds(held), f"{reference}-later")

    def _tell_of_valid(self, history: History, found: Review, home: Home) -> None:
        current, change = history.current, self._change
        mark = revert.own_mark(current)
        if mark is not None:
            if self._reverted or change.precedes(current.modified):
                with self._part("tell"):
                    bad = history.version(mark.bad)
                    errors = review(change.kind, bad, home).errors if bad is not None else ()
                    told = notice.reverted(change, mark.bad, mark.good, mark.written, errors)
                    self._guard.tell(told, current)
            return
        if found.skipped:
            self._guard.count("SkippedEntries", len(found.skipped))
            with self._part("tell"):
                self._guard.tell(notice.skipped(change, current, found.skipped), current)
        if change.kind == SITES and (opening := opened(history)) is not None:
            self._opened(*opening)

    def _opened(self, at: Version, found: tuple[Found, ...]) -> None:
        if not self._change.reports(at.modified):
            return  # an older change, whose own event told it
        self._guard.count("WidenedPolicy")
        self._log.warning("open to everyone", parameter=at.name, version=at.number, findings=[str(f) for f in found])
        with self._part("tell"):
            self._guard.tell(notice.widened(self._change, at, found), at)

    # ---------------------------------------------------------------------------------------------------- gone

    def _gone(self, home: Home) -> None:
        change = self._change
        self._log.info("deleted", parameter=change.name)
        self._copy(None)
        self._invalidate(None, home, None)
        if change.kind == LISTS and (users := users_of(change.short, home)):
            with self._part("tell"):
                self._guard.tell(notice.list_gone(change, users), None)

    @contextmanager
    def _part(self, what: str, *, count: str = "") -> Iterator[None]:
        """A part of the work that may fail without taking the rest along."""
        try:
            yield
        except (ClientError, BotoCoreError) as error:
            words = _code(error) if self._secret else str(error)
            self._failures.append(f"{what}: {words}")
            self._log.error("failed", parameter=self._change.name, part=what, error=words)
            if count:
                self._guard.count(count)


def _code(error: ClientError | BotoCoreError) -> str:
    """What failed without the service's own words, which may quote the value."""
    if isinstance(error, ClientError):
        return f"{error.operation_name}: {error.response['Error']['Code']}"
    return type(error).__name__
