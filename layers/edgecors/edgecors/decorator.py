"""CORS around another handler: `cors`, and what `edgecors.powertools` and `edgecors.testing` share with it.

Every event of API Gateway, a function URL or a load balancer is decided. Any other event (a schedule, a queue, a test
event of the console) goes to the handler unchanged.
"""

from __future__ import annotations

import functools
import json
import os
from importlib import import_module

from .allowlist import is_name
from .decision import ON_ERROR, decide
from .document import PolicyError, read_document
from .events.api import parse_event
from .findings import ERROR, SKIPPED, Finding
from .memory import MemoryBySite
from .store import store_from_environment
from .telemetry import Telemetry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Protocol, TypeVar, overload

    from .decision import Decision
    from .events.http_event import HttpEvent
    from .policy import Policy

    LambdaHandler = TypeVar("LambdaHandler", bound=Callable[..., Any])

    class Store(Protocol):
        """A source of policies: `edgecors.store.PolicyStore`, `edgecors.testing.FakeStore`."""

        def get(self, site: str) -> Policy | None:
            """The current policy of a site; None when none could be loaded yet."""


IN_CODE = "in-code"
"""The site's name in logs and metrics when the policy is an argument of `cors`."""
_CO_COROUTINE = 0x80
"""As in `inspect`, which a cold start should not have to import."""


if TYPE_CHECKING:

    @overload
    def cors(handler: LambdaHandler, /) -> LambdaHandler: ...

    @overload
    def cors(
        *,
        site: str | None = None,
        policy: str | Mapping[str, Any] | None = None,
        store: Store | None = None,
        telemetry: Telemetry | None = None,
        raise_errors: bool = False,
    ) -> Callable[[LambdaHandler], LambdaHandler]: ...


def cors(
    handler: LambdaHandler | None = None,
    /,
    *,
    site: str | None = None,
    policy: str | Mapping[str, Any] | None = None,
    store: Store | None = None,
    telemetry: Telemetry | None = None,
    raise_errors: bool = False,
) -> Any:
    """Decorate a Lambda handler: preflights are answered without calling it, its responses get CORS headers.

    Use it bare (``@cors``) or with arguments (``@cors(site="shop")``). The decorated handler has the type of the
    handler.

    Args:
        handler: The handler, when the decorator is used bare.
        site: The name of the site whose policy in Parameter Store applies; the environment variable ``EDGECORS_SITE``
            by default.
        policy: A policy in the code instead: a plain list of origins, a JSON document, or a document as a dict.
        store: Where policies are read from instead of Parameter Store.
        telemetry: Where decisions and errors are logged and counted instead of standard output.
        raise_errors: Leave exceptions of the handler to Lambda. By default they are logged with their traceback and
            counted, and the caller gets a 500 with CORS headers, which the page can read.

    Returns:
        The decorated handler, or a decorator when there are arguments.

    Raises:
        ValueError: An argument is missing or invalid (`PolicyError` for a policy), when the decorator is applied.
            Nothing is raised for a request.
    """
    if handler is not None and not callable(handler):
        raise ValueError(f"cors() got {handler!r} in place of a handler: name the argument, as in cors(site='shop')")
    wrapper = CorsWrapper(site=site, policy=policy, store=store, telemetry=telemetry, raise_errors=raise_errors)
    return wrapper.wrap if handler is None else wrapper.wrap(handler)


class CorsWrapper:
    """Puts CORS around handlers. The arguments are those of `cors`."""

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
            raise ValueError("cors(policy=...) can't be combined with site= or store=")
        self._store = store
        self._policy = None if policy is None else _compile(policy)
        self.site = IN_CODE if policy is not None else _site_name(site)
        self.raise_errors = raise_errors
        self._telemetry = telemetry
        self._memory = MemoryBySite()

    @property
    def telemetry(self) -> Telemetry:
        """Where decisions are counted and errors logged."""
        return self._telemetry or shared.telemetry

    def wrap(self, handler: LambdaHandler) -> LambdaHandler:
        """The handler with CORS around it. That of an asynchronous handler is asynchronous."""
        if getattr(getattr(handler, "__code__", None), "co_flags", 0) & _CO_COROUTINE:
            return self.wrap_async(handler)

        @functools.wraps(handler)
        def handle(*arguments: Any, **options: Any) -> Any:
            decided = self.decide_event(_find_event(arguments, options))
            if decided is None:
                return handler(*arguments, **options)
            if decided.answer is not None:
                return decided.answer
            try:
                return decided.finish(handler(*arguments, **options))
            except Exception:
                if self.raise_errors:
                    raise
                return decided.fail()

        return handle  # type: ignore[return-value]

    def wrap_async(self, handler: LambdaHandler) -> LambdaHandler:
        """As `wrap`, for a handler whose result is awaited."""

        @functools.wraps(handler)
        async def handle(*arguments: Any, **options: Any) -> Any:
            decided = self.decide_event(_find_event(arguments, options))
            if decided is None:
                return await handler(*arguments, **options)
            if decided.answer is not None:
                return decided.answer
            try:
                return decided.finish(await handler(*arguments, **options))
            except Exception:
                if self.raise_errors:
                    raise
                return decided.fail()

        return handle  # type: ignore[return-value]

    def decide_event(self, event: Any) -> DecidedEvent | None:
        """Decide an event; None for one that is not a request or can't be parsed."""
        try:
            adapter = parse_event(event)
        except Exception:
            self.log_error("the event can't be parsed; it is passed to the handler unchanged")
            return None
        return None if adapter is None else DecidedEvent(self, adapter, self._decide(adapter))

    def _decide(self, adapter: HttpEvent) -> Decision:
        try:
            request = adapter.request()
            policy = self.policy()
            decision = decide(policy, request, self._memory.of(self.site, policy))
            self.telemetry.record_decision(self.site, request, decision)
        except Exception:
            self.log_error("the decision failed; the request is passed on")
            return ON_ERROR
        return decision

    def policy(self) -> Policy | None:
        """The current policy; None when none could be loaded yet."""
        return self._policy or (self._store or shared.store).get(self.site)

    def log_error(self, message: str) -> None:
        """Log the exception that is being handled."""
        import traceback

        self.telemetry.log("ERROR", message, site=self.site, exception=traceback.format_exc())


class DecidedEvent:
    """An event with its decision. ``answer`` is the response where the handler must not be called."""

    __slots__ = ("_adapter", "_decision", "_wrapper", "answer")

    def __init__(self, wrapper: CorsWrapper, adapter: HttpEvent, decision: Decision) -> None:
        self._wrapper = wrapper
        self._adapter = adapter
        self._decision = decision
        self.answer = None if decision.status is None else adapter.generate_response(decision)

    def finish(self, response: Any) -> Any:
        """The handler's response with the decision applied."""
        return self._adapter.apply_to_response(response, self._decision)

    def fail(self) -> Any:
        """The response for the handler's exception that is being handled, which is logged and counted."""
        self._wrapper.log_error("the handler failed")
        self._wrapper.telemetry.metrics({"HandlerErrors": (1, "Count")}, site=self._wrapper.site)
        return self.finish(self._adapter.problem(500, "Internal Server Error", "The request could not be handled."))


class SharedServices:
    """The telemetry and the store of all handlers of a process, created when first used."""

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
        """Parameter Store, as the environment variables configure it."""
        if self._store is None:
            store = store_from_environment(self.telemetry)
            after_restore(store.reset_after_restore)
            self._store = store
        return self._store

    def replace_store(self, store: Store | None) -> Store | None:
        """Use another store (None: create one at the next use); returns the previous one."""
        previous, self._store = self._store, store
        return previous


shared = SharedServices()


def after_restore(action: Callable[[], object]) -> None:
    """Register an action for each restore of this process from a snapshot (SnapStart), if Lambda supports that here.

    https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html
    """
    try:
        hooks = import_module("snapshot_restore_py")
    except ImportError:  # only Lambda's runtime has it, from Python 3.12 on
        return
    hooks.register_after_restore(action)


def _find_event(arguments: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    """The event of a call: the first argument, or the second one of a method."""
    for argument in arguments[:2]:
        if isinstance(argument, dict):
            return argument
    return options.get("event")


def _site_name(site: str | None) -> str:
    name = os.environ.get("EDGECORS_SITE", "") if site is None else site
    if not name:
        raise ValueError("cors() needs a site: write cors(site=...) or set the environment variable EDGECORS_SITE")
    if not is_name(name):
        raise ValueError(f"{name!r} is not a valid site name: use letters, digits, dots, hyphens and underscores only")
    return name


def _as_json(policy: Mapping[str, Any]) -> str:
    if not hasattr(policy, "keys"):
        wanted = "a string such as 'https://a.example https://b.example', or a dict such as {'rules': [...]}"
        raise ValueError(f"a policy in the code is {wanted}, not a {type(policy).__name__}")
    try:
        return json.dumps(dict(policy))
    except TypeError as error:
        raise ValueError(f"the policy in the code has a value that JSON does not have: {error}") from None


def _compile(policy: str | Mapping[str, Any]) -> Policy:
    document = read_document(policy if isinstance(policy, str) else _as_json(policy))
    if document.lists:
        names = ", ".join(f"@{name}" for name in document.lists)
        raise ValueError(f"a policy in the code can't use lists of Parameter Store ({names}): write the origins out")
    compiled = document.compile({})
    # In Parameter Store, an invalid entry of a plain list is skipped; in code, the author can fix it.
    skipped = [finding for finding in compiled.findings if finding.severity == SKIPPED]
    if skipped:
        raise PolicyError(Finding(ERROR, f.code, f.location, f.message, f.remedy) for f in skipped)
    return compiled
