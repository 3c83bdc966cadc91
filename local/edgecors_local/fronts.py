"""The fronts of one local edge: the chosen one answers, and another is built when the playground switches to it."""

from __future__ import annotations

import asyncio
import functools
import re
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edgecors_local import handlers
from edgecors_local.behavior import deployed_behavior
from edgecors_local.cloudfront import CloudFront
from edgecors_local.cloudfront_events import EmulatedDistribution
from edgecors_local.errors import LocalError
from edgecors_local.forwarding import Upstream
from edgecors_local.front import Front
from edgecors_local.front_names import CLOUDFRONT, FRONTS, FUNCTIONS, STAGED
from edgecors_local.functions_front import FunctionsInvoker, build_functions, require_engine
from edgecors_local.gateway import Gateway
from edgecors_local.gateway_forms import form_of
from edgecors_local.http import Exchange, HttpRequest
from edgecors_local.invoke import Container, Containers, Handler, InProcess, Invoker, Say
from edgecors_local.plan import LocalPlan
from edgecors_local.policy_source import Source
from edgecors_local.runtime import EmulatedContainer, Tools, artifact

if TYPE_CHECKING:
    from edgecors.policy import Policy

MOST_EMULATED: Final = 2
"""Emulators at once; each is a process of its own."""
_STAGE: Final = re.compile(r"\$default|[A-Za-z0-9_-]{1,128}")


@dataclass
class Parts:
    """What fronts are built from.

    Attributes:
        plan: what was asked for.
        source: where the policy comes from.
        upstream_url: where requests go.
        handler: stands in for the project's own.
        say: prints a line.
        stack: gets what the fronts have to close.
    """

    plan: LocalPlan
    source: Source
    upstream_url: str
    handler: Handler | None
    say: Say
    stack: AsyncExitStack


@dataclass
class Fronts:
    """A front that hands requests to the chosen one. The others keep what they hold, such as a cache."""

    parts: Parts
    names: tuple[str, ...] = FRONTS
    _built: dict[str, Front] = field(default_factory=dict)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self._current = build(self.parts, self.parts.plan)
        self._built[self._current.name] = self._current

    @property
    def name(self) -> str:
        """The chosen front's name."""
        return self._current.name

    async def select(self, name: str) -> None:
        """Let another front answer from now on. Raises `LocalError`; then nothing changes."""
        async with self._lock:
            if name not in self._built:
                self._built[name] = await asyncio.to_thread(build, self.parts, plan_for(self.parts.plan, name))
            self._current = self._built[name]

    async def handle(self, request: HttpRequest) -> Exchange:
        """Answer a request with the chosen front."""
        return await self._current.handle(request)

    async def close(self) -> None:
        """Close every front that was built."""
        for front in self._built.values():
            await front.close()


def plan_for(plan: LocalPlan, name: str) -> LocalPlan:
    """The plan with another front, without the options that this front does not have."""
    unkeyed = plan.unkeyed if name in CLOUDFRONT else ()
    return replace(plan, front=name, unkeyed=unkeyed, stage=plan.stage if name in STAGED else None)


def policy_reader(source: Source, stack: AsyncExitStack) -> Callable[[], Policy | None]:
    """A reader of the policy beside the handler's: no log line and no metric comes from it. It may block."""
    from edgecors.aws.parameters import HOME_REGION, readers_from_environment
    from edgecors.store import store_from_environment
    from edgecors.telemetry import Telemetry

    store = store_from_environment(Telemetry(lambda line: None), readers=readers_from_environment(home=HOME_REGION))
    stack.callback(store.reset_after_restore)
    return functools.partial(store.get, source.site)


def build(parts: Parts, plan: LocalPlan) -> Front:
    """Build the front of a plan. Raises `LocalError`."""
    if plan.front not in FRONTS:
        raise LocalError(f"There is no front {plan.front!r}. There are: {', '.join(FRONTS)}.", 2)
    if plan.stage is not None and plan.front not in STAGED:
        raise LocalError(f"--stage is for APIs: --front {' or --front '.join(STAGED)}.", 2)
    if plan.stage is not None and not _STAGE.fullmatch(plan.stage):
        raise LocalError(f"{plan.stage!r} is not a valid stage name: use letters, digits, '_' and '-', or $default.", 2)
    if plan.front in CLOUDFRONT:
        return _cloudfront(parts, plan)
    if plan.unkeyed:
        raise LocalError(f"--unkeyed is about CloudFront's cache; {plan.front} has none.", 2)
    # An invalid address is reported before anything is sent there.
    Upstream(parts.upstream_url)
    make: Callable[[], Container]
    if plan.runtime:
        make = _emulated(parts, "GatewayFunction", "app.handler", parts.upstream_url)
    else:
        handle = parts.handler or handlers.gateway_handler(
            parts.source.site, parts.upstream_url, parts.say, parts.stack
        )
        make = functools.partial(InProcess, handle, function_name="edgecors-gateway", timeout=29)
    containers = Containers(make, most=MOST_EMULATED if plan.runtime else 16)
    parts.stack.callback(containers.close)
    return Gateway(plan.front, form_of(plan.front, plan.stage), containers)


def _cloudfront(parts: Parts, plan: LocalPlan) -> Front:
    # Lambda@Edge's triggers are those of the viewer set-up; the functions take two of them over.
    setup = "viewer" if plan.front == FUNCTIONS else plan.front.removeprefix("cloudfront-")
    behavior = deployed_behavior(setup).unkeyed(plan.unkeyed)
    upstream = Upstream(parts.upstream_url)
    edge: InProcess | Containers
    if plan.runtime:
        edge = Containers(_emulated(parts, "EdgeFunction", f"app.{setup}_handler"), most=MOST_EMULATED)
    else:
        edge = InProcess(parts.handler or handlers.edge_handler(setup, parts.say, parts.stack))
    parts.stack.callback(edge.close)
    invoke: Invoker = _functions(parts, edge) if plan.front == FUNCTIONS else edge
    distribution = EmulatedDistribution(id=parts.source.site)
    return CloudFront(plan.front, behavior, invoke, upstream, distribution=distribution)


def _functions(parts: Parts, edge: Invoker) -> FunctionsInvoker:
    engine = require_engine(parts.say)
    directory = tempfile.TemporaryDirectory(prefix="edgecors-functions-")
    built = build_functions(Path(parts.stack.enter_context(directory)))
    policy = policy_reader(parts.source, parts.stack)
    return FunctionsInvoker(engine, built, parts.source.site, policy, edge, parts.say)


def _emulated(parts: Parts, name: str, handler: str, upstream_url: str | None = None) -> Callable[[], Container]:
    """Makes containers for a built artifact. An edge function gets nothing beside what Lambda itself would set."""
    environment = dict(parts.source.environment)
    if upstream_url is not None:
        environment |= {"EDGECORS_SITE": parts.source.site, "EDGECORS_UPSTREAM": upstream_url}
    seconds = 5 if upstream_url is None else 29
    return functools.partial(
        EmulatedContainer, Tools.locate(), artifact(name), handler, environment, parts.say, seconds=seconds
    )
