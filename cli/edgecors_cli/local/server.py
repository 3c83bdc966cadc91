"""Puts the local edge together: Parameter Store, upstream, handler, front, and the port they answer on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgecors_cli.local import handlers, policy_source
from edgecors_cli.local.banner import banner
from edgecors_cli.local.cloudfront import CloudFront
from edgecors_cli.local.cloudfront_events import Distribution
from edgecors_cli.local.edge_app import EdgeApp, line
from edgecors_cli.local.errors import LocalError
from edgecors_cli.local.forwarding import Upstream
from edgecors_cli.local.front import Front
from edgecors_cli.local.http import Exchange, HttpRequest
from edgecors_cli.local.invoke import Handler, InProcess, Say
from edgecors_cli.local.serving import AppServer, bind

FRONTS: Final = ("cloudfront-viewer", "cloudfront-origin")


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for. Where there is no ``upstream``, the demonstration's; where there is neither ``policy`` nor
    ``site``, the demonstration's policy.
    """

    front: str = FRONTS[0]
    port: int = 8080
    upstream: str | None = None
    policy: Path | None = None
    site: str | None = None
    template: Path | None = None
    unkeyed: tuple[str, ...] = ()
    """Headers left out of the cache key by mistake, to see what comes of it."""


@dataclass(frozen=True, slots=True)
class Running:
    """A local edge that answers."""

    plan: Plan
    port: int
    front: Front
    upstream_url: str
    source: policy_source.Source

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://localhost:{self.port}"


def run(plan: Plan, say: Say) -> None:
    """Runs until Ctrl-C or SIGTERM; then everything that was started has ended. Raises LocalError."""
    asyncio.run(_run(plan, say))


async def _run(plan: Plan, say: Say) -> None:
    ended = asyncio.Event()
    with _signals(ended):
        async with local_edge(plan, say) as running:
            say(banner(running))
            await ended.wait()
            say("Ending.")


@contextlib.asynccontextmanager
async def local_edge(plan: Plan, say: Say, handler: Handler | None = None) -> AsyncIterator[Running]:
    """The local edge for as long as the block runs. ``handler`` stands in for the project's own."""
    async with contextlib.AsyncExitStack() as stack:
        sockets = bind(plan.port)
        for opened in sockets:
            stack.callback(opened.close)
        source = await policy_source.opened(plan.policy, plan.site, say)
        stack.push_async_callback(source.close)
        stack.enter_context(_environment(source.environment))
        upstream_url = plan.upstream or await _demo_upstream(stack)
        front = _front(plan, source.site, upstream_url, handler, say, stack)
        stack.push_async_callback(front.close)

        def printed(request: HttpRequest, exchange: Exchange, seconds: float) -> None:
            say(line(front.name, request, exchange, seconds))

        server = AppServer(EdgeApp(front, printed), sockets)
        await server.start()
        stack.push_async_callback(server.stop)
        yield Running(plan, server.port, front, upstream_url, source)


def _front(
    plan: Plan,
    site: str,
    upstream_url: str,
    handler: Handler | None,
    say: Say,
    stack: contextlib.AsyncExitStack,
) -> Front:
    """The front that was asked for. Each further one gets its branch here and a class of its own."""
    if plan.front not in FRONTS:
        raise LocalError(f"There is no front {plan.front!r}. There are: {', '.join(FRONTS)}.", 2)
    setup = plan.front.removeprefix("cloudfront-")
    behavior = handlers.edge_behavior(setup, plan.template).unkeyed(plan.unkeyed)
    upstream = Upstream(upstream_url)
    invoke = InProcess(handler or handlers.edge_handler(setup, say))
    stack.callback(invoke.close)
    return CloudFront(plan.front, behavior, invoke, upstream, distribution=Distribution(id=site))


async def _demo_upstream(stack: contextlib.AsyncExitStack) -> str:
    from edgecors_cli.local.upstream import make_app

    server = AppServer(make_app(), bind(0))
    await server.start()
    stack.push_async_callback(server.stop)
    return f"http://127.0.0.1:{server.port}"


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """The handler's environment variables, for as long as it runs in this process."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, text in before.items():
            if text is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = text


@contextlib.contextmanager
def _signals(ended: asyncio.Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM set ``ended``; a second Ctrl-C interrupts the hard way."""
    loop = asyncio.get_running_loop()

    def first(number: int) -> None:
        ended.set()
        loop.remove_signal_handler(number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        # Windows has no such handlers; there Ctrl-C is a KeyboardInterrupt.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, first, number)
    try:
        yield
    finally:
        for number in numbers:
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(number)
