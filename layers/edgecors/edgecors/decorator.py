"""CORS around somebody else's handler: `cors`, and the parts of it that other faces share.

Every event of API Gateway, a function URL or a load balancer is decided; any other event (a schedule, a queue, a test
of the console's) goes to the handler as if nothing stood around it.
"""

from __future__ import annotations

import functools
import json
import os
from importlib import import_module

from .allowlist import is_name
from .decision import POLICY_UNAVAILABLE, Decision, decide
from .document import PolicyError, read_document
from .events.api import parse_event
from .findings import ERROR, SKIPPED, Finding
from .memory import MemoryBySite
from .store import store_from_environment
from .telemetry import Telemetry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Protocol, overload

    from .events.http_event import HttpEvent
    from .policy import Policy

    Handler = Callable[[Any, Any], Any]

    class Store(Protocol):
        """Whatever has policies: `edgecors.store.PolicyStore`, `edgecors.testing.FakeStore`."""

        def get(self, site: str) -> Policy | None:
            """The policy that holds now; None when none could be loaded yet."""


IN_CODE = "in-code"
"""The site's name in logs and metrics where the policy stands in the code."""
# Failed to decide: open for the site, closed for CORS.
_CLOSED = Decision(POLICY_UNAVAILABLE)


if TYPE_CHECKING:

    @overload
    def cors(handler: Handler, /) -> Handler: ...

    @overload
    def cors(
        *,
        site: str | None = None,
        policy: str | Mapping[str, Any] | None = None,
        store: Store | None = None,
        telemetry: Telemetry | None = None,
        raise_errors: bool = False,
    ) -> Callable[[Handler], Handler]: ...


def cors(
    handler: Handler | None = None,
    /,
    *,
    site: str | None = None,
    policy: str | Mapping[str, Any] | None = None,
    store: Store | None = None,
    telemetry: Telemetry | None = None,
    raise_errors: bool = False,
) -> Any:
    """Decorate a Lambda handler: preflights are answered before it runs, its responses and errors get CORS headers.

    ``site`` names the policy in Parameter Store; ``EDGECORS_SITE`` says it where the code does not, so the bare
    ``@cors`` is enough. ``policy`` gives one in the code instead: a plain list of origins, a JSON document, or the same
    as a dict. ``store`` replaces Parameter Store, ``telemetry`` standard output. An error that the handler does not
    catch is logged with its traceback and counted, and the caller gets a 500 with CORS headers; with ``raise_errors``
    it is left to Lambda instead (and the page sees no more than that its request failed).

    Raises ValueError (`PolicyError` for a wrong policy) when the decorator is applied, never at a request.
    """
    front = Front(site=site, policy=policy, store=store, telemetry=telemetry, raise_errors=raise_errors)
    return front.around if handler is None else front.around(handler)


class Front:
    """What stands before handlers. The arguments are those of `cors`."""

    def __init__(
        self,
        *,
        site: str | None = None,
        policy: str | Mapping[str, Any] | None = None,
        store: Store | None = None,
        telemetry: Telemetry | None = None,
        raise_errors: bool = False,
    ) -> None:
        if policy is not None and (site is not None or store is not None):
            raise ValueError("give cors() a policy, or the site that it is to be read for, not both")
        self._store = store
        self._policy = None if policy is None else _compile(policy)
        self.site = IN_CODE if policy is not None else _checked(site)
        self.raise_errors = raise_errors
        self._telemetry = telemetry
        self._memory = MemoryBySite()

    @property
    def telemetry(self) -> Telemetry:
        """Where decisions are counted and errors logged."""
        return self._telemetry or shared.telemetry

    def around(self, handler: Handler) -> Handler:
        """The handler with CORS around it."""

        @functools.wraps(handler)
        def handle(event: Any, context: Any) -> Any:
            exchange = self.open(event)
            if exchange is None:
                return handler(event, context)
            if exchange.answer is not None:
                return exchange.answer
            try:
                return exchange.close(handler(event, context))
            except Exception:
                if self.raise_errors:
                    raise
                return exchange.failed()

        return handle

    def open(self, event: Any) -> Exchange | None:
        """Decide an event; None for one that is no request, or none that could be read."""
        try:
            source = parse_event(event)
        except Exception:
            self.log_error("the event can't be read; the handler gets it as it is")
            return None
        return None if source is None else Exchange(self, source, self._decide(source))

    def _decide(self, source: HttpEvent) -> Decision:
        try:
            request = source.request()
            policy = self.policy()
            decision = decide(policy, request, self._memory.of(self.site, policy))
            self.telemetry.record_decision(self.site, request, decision)
        except Exception:
            self.log_error("deciding failed; traffic goes on")
            return _CLOSED
        return decision

    def policy(self) -> Policy | None:
        """The policy that holds now; None when none could be loaded yet."""
        return self._policy or (self._store or shared.store).get(self.site)

    def log_error(self, message: str) -> None:
        """Log the exception that is being handled."""
        import traceback

        self.telemetry.log("ERROR", message, site=self.site, exception=traceback.format_exc())


class Exchange:
    """One request that was decided. ``answer`` is the response where the handler is not to run."""

    __slots__ = ("_decision", "_front", "_source", "answer")

    def __init__(self, front: Front, source: HttpEvent, decision: Decision) -> None:
        self._front = front
        self._source = source
        self._decision = decision
        self.answer = None if decision.status is None else source.generate_response(decision)

    def close(self, response: Any) -> Any:
        """The handler's response, stamped."""
        return self._source.apply_to_response(response, self._decision)

    def failed(self) -> Any:
        """The response for the exception that is being handled, which is logged and counted."""
        self._front.log_error("the handler failed")
        self._front.telemetry.metrics({"HandlerErrors": (1, "Count")}, site=self._front.site)
        return self.close(self._source.problem(500, "Internal Server Error", "The request could not be handled."))


class Shared:
    """The telemetry and the store that all handlers of one process share. They are made when first asked for."""

    def __init__(self) -> None:
        self._telemetry: Telemetry | None = None
        self._store: Store | None = None

    @property
    def telemetry(self) -> Telemetry:
        """Standard output."""
        if self._telemetry is None:
            self._telemetry = Telemetry()
        return self._telemetry

    @property
    def store(self) -> Store:
        """Parameter Store, as the environment says."""
        if self._store is None:
            store = store_from_environment(self.telemetry)
            after_restore(store.reset_after_restore)
            self._store = store
        return self._store

    def use(self, store: Store | None) -> Store | None:
        """Take this store from now on (None: make one when next asked); returns the one so far."""
        before, self._store = self._store, store
        return before


shared = Shared()


def after_restore(action: Callable[[], object]) -> None:
    """Have something done whenever this process is restored from a snapshot (SnapStart); nothing where there are none.

    https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html
    """
    try:
        hooks = import_module("snapshot_restore_py")
    except ImportError:  # Lambda's runtime brings it, from Python 3.12 on
        return
    hooks.register_after_restore(action)


def _checked(site: str | None) -> str:
    name = os.environ.get("EDGECORS_SITE", "") if site is None else site
    if not name:
        raise ValueError("cors() needs a site: write cors(site=...) or set the environment variable EDGECORS_SITE")
    if not is_name(name):
        raise ValueError(f"{name!r} is no name of a site: letters, digits, dot, hyphen and underscore only")
    return name


def _compile(policy: str | Mapping[str, Any]) -> Policy:
    document = read_document(policy if isinstance(policy, str) else json.dumps(dict(policy)))
    if document.lists:
        names = ", ".join(f"@{name}" for name in document.lists)
        raise ValueError(f"a policy in the code can't use lists of Parameter Store ({names}): write the origins out")
    compiled = document.compile({})
    # Parameter Store's plain lists lose an entry that can't be read; whoever writes code is there to mend it.
    unread = [found for found in compiled.findings if found.severity == SKIPPED]
    if unread:
        raise PolicyError(Finding(ERROR, f.code, f.location, f.message, f.remedy) for f in unread)
    return compiled
