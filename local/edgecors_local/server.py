"""Puts the local edge together: Parameter Store, upstream, handler, front, and the port they answer on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator, Mapping

from edgecors_local import policy_source
from edgecors_local.banner import banner, how_to_allow
from edgecors_local.edge_app import EdgeApp, line
from edgecors_local.fronts import Fronts, Parts, policy_reader
from edgecors_local.http import Exchange, HttpRequest
from edgecors_local.invoke import Handler, Say
from edgecors_local.plan import PAGE_PORT, LocalPlan, Running
from edgecors_local.playground.page import Setup, make_page
from edgecors_local.playground.trials import Trials
from edgecors_local.serving import AppServer, bind, bind_usual
from edgecors_local.upstream import serve_demo


def run(plan: LocalPlan, say: Say) -> None:
    """Runs until Ctrl-C or SIGTERM; then everything that was started has ended. Raises LocalError."""
    asyncio.run(_run(plan, say))


async def _run(plan: LocalPlan, say: Say) -> None:
    ended = asyncio.Event()
    with _signals(ended):
        async with local_edge(plan, say) as running:
            say(banner(running))
            await ended.wait()
            say("Ending.")


async def until_signal() -> None:
    """Returns when Ctrl-C or SIGTERM comes."""
    ended = asyncio.Event()
    with _signals(ended):
        await ended.wait()


@contextlib.asynccontextmanager
async def local_edge(plan: LocalPlan, say: Say, handler: Handler | None = None) -> AsyncIterator[Running]:
    """The local edge for as long as the block runs. ``handler`` stands in for the project's own."""
    async with contextlib.AsyncExitStack() as stack:
        sockets = bind(plan.port)
        for opened in sockets:
            stack.callback(opened.close)
        source = await policy_source.opened(plan.policy, plan.site, say)
        stack.push_async_callback(source.close)
        stack.enter_context(_environment(source.environment))
        upstream_url = plan.upstream or f"http://127.0.0.1:{await serve_demo(stack)}"
        fronts = Fronts(Parts(plan, source, upstream_url, handler, say, stack))
        stack.push_async_callback(fronts.close)

        def printed(request: HttpRequest, exchange: Exchange, seconds: float) -> None:
            say(line(fronts.name, request, exchange, seconds))

        trials = Trials()
        server = AppServer(EdgeApp(fronts, printed, trials), sockets)
        await server.start()
        stack.push_async_callback(server.stop)
        page = _page(plan, fronts, server.port, source, trials, stack)
        await page.start()
        stack.push_async_callback(page.stop)
        yield Running(plan, server.port, fronts, upstream_url, source, page.port)


def _page(
    plan: LocalPlan,
    fronts: Fronts,
    port: int,
    source: policy_source.Source,
    trials: Trials,
    stack: contextlib.AsyncExitStack,
) -> AppServer:
    sockets = bind_usual(plan.page_port, PAGE_PORT, "--page-port")
    own_port = sockets[0].getsockname()[1]
    demo_upstream = plan.upstream is None
    setup = Setup(source.parameter, own_port, port, source.demo, demo_upstream, how_to_allow(plan, source))
    # On a cache hit, and in a built artifact, nothing here hears the handler's decision: the page reads for itself.
    return AppServer(make_page(setup, trials, policy_reader(source, stack), fronts), sockets)


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
