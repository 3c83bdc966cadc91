"""Puts the local edge together: Parameter Store, upstream, handler, front, and the port they answer on."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from edgecors_local import handlers, policy_source
from edgecors_local.banner import banner
from edgecors_local.behavior import deployed_behavior
from edgecors_local.cloudfront import CloudFront
from edgecors_local.cloudfront_events import EmulatedDistribution
from edgecors_local.edge_app import EdgeApp, line
from edgecors_local.errors import LocalError
from edgecors_local.forwarding import Upstream
from edgecors_local.front import Front
from edgecors_local.functions_front import FunctionsInvoker, build_functions, require_engine
from edgecors_local.gateway import Gateway
from edgecors_local.gateway_forms import form_of
from edgecors_local.http import Exchange, HttpRequest
from edgecors_local.invoke import Container, Containers, Handler, InProcess, Invoker, Say
from edgecors_local.plan import CLOUDFRONT, FRONTS, FUNCTIONS, PAGE_PORT, STAGED, LocalPlan, Running
from edgecors_local.playground.page import Setup, make_page
from edgecors_local.playground.trials import Trials
from edgecors_local.runtime import EmulatedContainer, Tools, artifact
from edgecors_local.serving import AppServer, bind, bind_usual

MOST_EMULATED: Final = 2
"""Emulators at once; each is a process of its own."""


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
        upstream_url = plan.upstream or await _demo_upstream(stack)
        front = _front(plan, source, upstream_url, handler, say, stack)
        stack.push_async_callback(front.close)

        def printed(request: HttpRequest, exchange: Exchange, seconds: float) -> None:
            say(line(front.name, request, exchange, seconds))

        trials = Trials()
        server = AppServer(EdgeApp(front, printed, trials), sockets)
        await server.start()
        stack.push_async_callback(server.stop)
        page = _page(plan, front.name, server.port, source, trials, stack)
        await page.start()
        stack.push_async_callback(page.stop)
        yield Running(plan, server.port, front, upstream_url, source, page.port)


def _page(
    plan: LocalPlan,
    front: str,
    port: int,
    source: policy_source.Source,
    trials: Trials,
    stack: contextlib.AsyncExitStack,
) -> AppServer:
    from edgecors.store import HOME_REGION, store_from_environment
    from edgecors.telemetry import Telemetry

    sockets = bind_usual(plan.page_port, PAGE_PORT, "--page-port")
    # A reader of its own: on a cache hit, and in a built artifact, nothing here hears the handler's decision.
    store = store_from_environment(Telemetry(lambda line: None), home=HOME_REGION)
    stack.callback(store.reset_after_restore)
    demo = source.demo and plan.upstream is None
    setup = Setup(front, source.parameter, sockets[0].getsockname()[1], port, demo)
    return AppServer(make_page(setup, trials, functools.partial(store.get, source.site)), sockets)


def _front(
    plan: LocalPlan,
    source: policy_source.Source,
    upstream_url: str,
    handler: Handler | None,
    say: Say,
    stack: contextlib.AsyncExitStack,
) -> Front:
    """The front that was asked for. Raises LocalError."""
    if plan.front not in FRONTS:
        raise LocalError(f"There is no front {plan.front!r}. There are: {', '.join(FRONTS)}.", 2)
    if plan.stage is not None and plan.front not in STAGED:
        raise LocalError(f"--stage is for APIs: --front {' or --front '.join(STAGED)}.", 2)
    if plan.front in CLOUDFRONT:
        return _cloudfront(plan, source, upstream_url, handler, say, stack)
    if plan.unkeyed:
        raise LocalError(f"--unkeyed is about CloudFront's cache; {plan.front} has none.", 2)
    # An invalid address is reported before anything is sent there.
    Upstream(upstream_url)
    make: Callable[[], Container]
    if plan.runtime:
        make = _emulated(plan, source, "GatewayFunction", "app.handler", say, upstream_url)
    else:
        handle = handler or handlers.gateway_handler(source.site, upstream_url, say, stack)
        make = functools.partial(InProcess, handle, function_name="edgecors-gateway", timeout=29)
    containers = Containers(make, most=MOST_EMULATED if plan.runtime else 16)
    stack.callback(containers.close)
    return Gateway(plan.front, form_of(plan.front, plan.stage), containers)


def _cloudfront(
    plan: LocalPlan,
    source: policy_source.Source,
    upstream_url: str,
    handler: Handler | None,
    say: Say,
    stack: contextlib.AsyncExitStack,
) -> Front:
    # Lambda@Edge's triggers are those of the viewer set-up; the functions take two of them over.
    setup = "viewer" if plan.front == FUNCTIONS else plan.front.removeprefix("cloudfront-")
    behavior = deployed_behavior(setup).unkeyed(plan.unkeyed)
    upstream = Upstream(upstream_url)
    invoke: InProcess | Containers
    if plan.runtime:
        make = _emulated(plan, source, "EdgeFunction", f"app.{setup}_handler", say)
        invoke = Containers(make, most=MOST_EMULATED)
    else:
        invoke = InProcess(handler or handlers.edge_handler(setup, say, stack))
    stack.callback(invoke.close)
    if plan.front == FUNCTIONS:
        functions = _functions(source, invoke, say, stack)
        return CloudFront(plan.front, behavior, functions, upstream, distribution=EmulatedDistribution(id=source.site))
    return CloudFront(plan.front, behavior, invoke, upstream, distribution=EmulatedDistribution(id=source.site))


def _functions(
    source: policy_source.Source, rest: Invoker, say: Say, stack: contextlib.AsyncExitStack
) -> FunctionsInvoker:
    from edgecors.store import HOME_REGION, store_from_environment
    from edgecors.telemetry import Telemetry

    engine = require_engine(say)
    directory = build_functions(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgecors-functions-"))))
    store = store_from_environment(Telemetry(lambda line: None), home=HOME_REGION)
    stack.callback(store.reset_after_restore)
    return FunctionsInvoker(engine, directory, source.site, functools.partial(store.get, source.site), rest, say)


def _emulated(
    plan: LocalPlan, source: policy_source.Source, name: str, handler: str, say: Say, upstream_url: str | None = None
) -> Callable[[], Container]:
    """Makes containers for a built artifact. An edge function gets nothing beside what Lambda itself would set."""
    environment = dict(source.environment)
    if upstream_url is not None:
        environment |= {"EDGECORS_SITE": source.site, "EDGECORS_UPSTREAM": upstream_url}
    seconds = 5 if upstream_url is None else 29
    return functools.partial(
        EmulatedContainer, Tools.locate(), artifact(name), handler, environment, say, seconds=seconds
    )


async def _demo_upstream(stack: contextlib.AsyncExitStack) -> str:
    from edgecors_local.upstream import make_app

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
