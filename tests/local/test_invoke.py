"""Calling a handler as Lambda does."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from edgecors_local.http import Exchange, HttpRequest, HttpResponse
from edgecors_local.invoke import Containers, Handler, InProcess, Invocation, on_decision


def invoke(handler: Handler, *events: dict[str, Any]) -> list[Invocation]:
    async def together() -> list[Invocation]:
        with closing(InProcess(handler)) as container:
            return list(await asyncio.gather(*(container(event) for event in events)))

    return asyncio.run(together())


def test_the_handler_gets_a_copy_and_a_context() -> None:
    def handler(event: dict[str, Any], context: Any) -> Any:
        event["headers"]["a"] = 2
        assert context.aws_request_id
        assert 0 < context.get_remaining_time_in_millis() <= 5000
        return event

    event: dict[str, Any] = {"headers": {"a": 1}}
    (invocation,) = invoke(handler, event)
    assert (invocation.result, invocation.error) == ({"headers": {"a": 2}}, None)
    assert event == {"headers": {"a": 1}}


def _raise(error: Exception) -> Handler:
    def handler(event: dict[str, Any], context: Any) -> Any:
        raise error

    return handler


@pytest.mark.parametrize(
    ("handler", "sentence"),
    [
        (_raise(KeyError("x")), f"KeyError: 'x' at {__file__}:"),
        (lambda event, context: {1, 2}, "TypeError: Object of type set is not JSON serializable"),
    ],
)
def test_a_handler_that_fails_is_an_error_with_its_place(handler: Handler, sentence: str) -> None:
    (invocation,) = invoke(handler, {})
    assert invocation.result is None
    assert invocation.error is not None
    assert invocation.error.startswith(sentence)


def test_one_event_at_a_time_and_each_with_its_own_decisions() -> None:
    busy = threading.Lock()

    def handler(event: dict[str, Any], context: Any) -> Any:
        assert busy.acquire(blocking=False), "two events at once in one container"
        on_decision(event["name"])
        busy.release()
        return None

    names = [str(number) for number in range(20)]
    invocations = invoke(handler, *({"name": name} for name in names))
    assert [invocation.decisions for invocation in invocations] == [[name] for name in names]
    on_decision("outside an invocation, which is no mistake")


class RaisingFront:
    """A front with a mistake in it."""

    name = "broken"

    async def handle(self, request: HttpRequest) -> Exchange:
        raise RuntimeError("a mistake in the front")

    async def close(self) -> None:
        pass


def test_a_mistake_of_the_local_edge_itself_is_a_500_and_printed() -> None:
    from edgecors_local.edge_app import EdgeApp, line

    reported: list[str] = []
    sent: list[Any] = []
    incoming: Iterator[dict[str, Any]] = iter(
        [{"type": "http.request", "body": b"a", "more_body": True}, {"type": "http.request", "body": b"b"}]
    )

    async def receive() -> dict[str, Any]:
        return next(incoming)

    async def send(message: Any) -> None:
        sent.append(message)

    def listener(request: HttpRequest, exchange: Exchange, seconds: float) -> None:
        assert request.body == b"ab"
        reported.append(line("broken", request, exchange, seconds))

    scope = {"type": "http", "method": "POST", "raw_path": b"/x", "query_string": b"", "headers": []}
    asyncio.run(EdgeApp(RaisingFront(), listener)(scope, receive, send))
    assert [message.get("status") for message in sent] == [500, None]
    assert "RuntimeError: a mistake in the front" in reported[0]


def test_the_line_says_the_way_and_each_decision_once() -> None:
    from edgecors_local.edge_app import line

    exchange = Exchange(
        HttpResponse(502), ["viewer-request", "miss"], ["allowed", "allowed", "not-cors"], ["broken rule"]
    )
    assert line("front", HttpRequest("GET", "/a", "b=1"), exchange, 0.0123) == (
        "front  GET /a?b=1  |  502  |  viewer-request > miss  |  allowed; not-cors  |  12 ms\n    ! broken rule"
    )


class Slow:
    """A container that waits for a signal to go on."""

    def __init__(self, go: asyncio.Event) -> None:
        self._go = go
        self.busy = False
        self.events = 0
        self.closed = False

    async def __call__(self, event: dict[str, Any]) -> Invocation:
        assert not self.busy, "a container takes one event at a time"
        self.busy = True
        await self._go.wait()
        self.busy = False
        self.events += 1
        return Invocation(result=event)

    def close(self) -> None:
        self.closed = True


def test_events_at_once_get_containers_of_their_own_up_to_a_number() -> None:
    created: list[Slow] = []

    async def story() -> list[Invocation]:
        go = asyncio.Event()

        def make() -> Slow:
            created.append(Slow(go))
            return created[-1]

        containers = Containers(make, most=2)
        asked = [asyncio.create_task(containers({"n": number})) for number in range(5)]
        await asyncio.sleep(0)
        assert [container.busy for container in created] == [True, True]
        go.set()
        answers = [await task for task in asked]
        # The next one finds a free container.
        answers.append(await containers({"n": 5}))
        containers.close()
        return answers

    answers = asyncio.run(story())
    assert [answer.result["n"] for answer in answers] == [0, 1, 2, 3, 4, 5]
    assert (len(created), sum(container.events for container in created)) == (2, 6)
    assert all(container.closed for container in created)
