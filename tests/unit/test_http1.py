"""The kept connection: work that several callers continue, and connections that died meanwhile."""

import socket
import ssl
import threading
import time

import pytest
from edgecors.aws import http1
from edgecors.aws.http1 import MAX_IDLE, Endpoint, HttpConnection, Stopwatch

from harness.wait import wait_until
from tests.support.authority import Authority
from tests.unit.scripted import Peer, Script, ScriptedServer, http

REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
LONG = 200.0
"""Seconds that no test waits for, more than any clock is moved."""


class Clocks:
    """The clocks of the connection, moved by hand on top of the real ones."""

    def __init__(self) -> None:
        self.monotonic_ahead = self.wall_ahead = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.monotonic_ahead

    def time(self) -> float:
        return time.time() + self.wall_ahead


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    clocks = Clocks()
    monkeypatch.setattr(http1, "time", clocks)
    return clocks


def soon(seconds: float = LONG) -> float:
    return time.monotonic() + seconds


def begin(connection: HttpConnection, patience: float = LONG) -> None:
    connection.begin(lambda: REQUEST, patience)


def body(response: tuple[int, dict[str, str], bytes] | None) -> bytes | None:
    return response and response[2]


def exchange(connection: HttpConnection) -> bytes | None:
    """The body of a response, waited for as long as it takes."""
    begin(connection)
    return body(connection.poll(soon()))


def poll_until_answered(connection: HttpConnection) -> bytes:
    """The body of a response that nobody waits for."""
    responses: list[bytes] = []

    def answered() -> bool:
        response = connection.poll(0)
        responses.extend([response[2]] if response else [])
        return response is not None

    wait_until(answered, "the response is complete")
    return responses[0]


# Continuing.


def test_poll_without_time_completes_over_several_calls() -> None:
    with ScriptedServer(lambda peer: peer.answer(http(b"x"))) as server:
        connection = HttpConnection(Endpoint(server.url))
        begin(connection)
        assert poll_until_answered(connection) == b"x"
        assert server.connections == 1
        connection.close()


def test_poll_without_time_completes_a_tls_handshake(authority: Authority) -> None:
    with ScriptedServer(lambda peer: peer.answer(http(b"x")), context=authority.server("127.0.0.1")) as server:
        connection = HttpConnection(Endpoint(server.url), str(authority.bundle))
        begin(connection)
        assert (poll_until_answered(connection), server.connections) == (b"x", 1)
        connection.close()


def test_poll_answer_in_pieces_continues_where_it_stopped() -> None:
    pieces = [b"HTTP/1.1 200 OK\r\nTransfer-Enc", b"oding: chunked\r\n\r\n3\r\na", b"bc\r", b"\n0\r\n\r\n"]
    turns = [threading.Event() for _ in pieces]

    def script(peer: Peer) -> None:
        peer.request()
        for turn, piece in zip(turns, pieces, strict=True):
            assert turn.wait(30)
            peer.send(piece)

    with ScriptedServer(script) as server:
        connection = HttpConnection(Endpoint(server.url))
        begin(connection)
        for turn in turns:
            assert connection.poll(soon(0.05)) is None
            turn.set()
        assert body(connection.poll(soon())) == b"abc"
        assert (server.connections, connection.sent) == (1, True)
        connection.close()


def test_poll_message_is_made_when_it_can_be_sent(authority: Authority) -> None:
    """A signature must not grow old while the connection is being made."""
    go_on = threading.Event()
    messages: list[float] = []

    def message() -> bytes:
        messages.append(1)
        return REQUEST

    class SlowContext(ssl.SSLContext):
        def wrap_socket(self, *arguments: object, **options: object) -> ssl.SSLSocket:
            assert go_on.wait(30)
            return super().wrap_socket(*arguments, **options)  # type: ignore[arg-type]

    context = authority.server("127.0.0.1", kind=SlowContext)
    with ScriptedServer(lambda peer: peer.answer(http(b"x")), context=context) as server:
        connection = HttpConnection(Endpoint(server.url), str(authority.bundle))
        connection.begin(message, LONG)
        assert connection.poll(soon(0.05)) is None
        assert (messages, connection.sent) == ([], False)
        go_on.set()
        assert body(connection.poll(soon())) == b"x"
        assert len(messages) == 1
        connection.close()


def test_open_is_continued_by_an_exchange(authority: Authority) -> None:
    with ScriptedServer(lambda peer: peer.answer(http(b"x")), context=authority.server("127.0.0.1")) as server:
        connection = HttpConnection(Endpoint(server.url), str(authority.bundle))
        connection.open(0)
        assert exchange(connection) == b"x"
        assert server.connections == 1
        connection.close()


@pytest.mark.parametrize("minutes", [0.5, 60])
def test_open_begun_long_ago_and_given_up_is_begun_again(clocks: Clocks, minutes: float) -> None:
    """As for the home Region, whose connection is begun at the start and may be needed hours later."""
    with ScriptedServer(close_before_the_answer, answer_once) as server:
        connection = HttpConnection(Endpoint(server.url))
        connection.open(0)
        wait_until(lambda: connection._connecting is None or connection.open(0), "it is connected")
        clocks.wall_ahead = 60 * minutes
        assert exchange(connection) == b"1"
        assert server.connections == 2
        connection.close()


def test_lookup_left_behind_is_used_by_the_next_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    lookups: list[object] = []
    with ScriptedServer(lambda peer: peer.answer(http(b"x"))) as server:

        def look_up(host: bytes, port: int, **options: object) -> list[object]:
            lookups.append(host)
            assert go_on.wait(30)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        connection = HttpConnection(Endpoint("http://store.example"))
        begin(connection, patience=0.1)
        with pytest.raises(TimeoutError):
            connection.poll(soon())
        go_on.set()
        assert exchange(connection) == b"x"
        assert lookups == [b"store.example"]
        connection.close()


def test_address_that_does_not_answer_comes_last_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    # A full backlog: the kernel drops further connection attempts, as a route to nowhere does.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as silent, ScriptedServer(answer_twice) as server:
        fillers = []
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(silent.getsockname())
            fillers.append(filler)
        addresses = [silent.getsockname(), ("127.0.0.1", server.port)]
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda *a, **o: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", x) for x in addresses]
        )
        connection = HttpConnection(Endpoint("http://store.example"))
        begin(connection, patience=0.2)
        with pytest.raises(TimeoutError):
            connection.poll(soon())
        assert exchange(connection) == b"1"
        connection.close()
        for filler in fillers:
            filler.close()


# Connections that died.


def answer_twice(peer: Peer) -> None:
    peer.answer(http(b"1"))
    peer.answer(http(b"2"))


def answer_once(peer: Peer) -> None:
    peer.answer(http(b"1"))


def test_kept_connection_that_was_closed_is_replaced_before_sending() -> None:
    with ScriptedServer(answer_once, answer_once) as server:
        connection = HttpConnection(Endpoint(server.url))
        assert exchange(connection) == b"1"
        sock = connection._socket
        assert sock is not None
        wait_until(lambda: not http1._is_alive(sock), "the end of the connection has arrived")
        messages = iter([REQUEST])
        connection.begin(lambda: next(messages), LONG)
        assert body(connection.poll(soon())) == b"1"
        assert (server.connections, list(messages)) == (2, [])
        connection.close()


@pytest.mark.parametrize("extra", [b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nz", b"\r\n"])
def test_kept_connection_with_bytes_that_belong_to_no_request_is_replaced(extra: bytes) -> None:
    with ScriptedServer(lambda peer: peer.answer(http(b"1") + extra), answer_twice) as server:
        connection = HttpConnection(Endpoint(server.url))
        assert exchange(connection) == b"1"
        assert exchange(connection) == b"1"
        assert server.connections == 2
        connection.close()


@pytest.mark.parametrize("clock", ["monotonic", "wall"])
def test_kept_connection_idle_for_a_minute_is_replaced(clocks: Clocks, clock: str) -> None:
    """Whichever of the clocks stood still while the container was frozen."""
    with ScriptedServer(*[answer_twice] * 3) as server:
        connection = HttpConnection(Endpoint(server.url))
        assert exchange(connection) == b"1"
        setattr(clocks, f"{clock}_ahead", MAX_IDLE - 1)
        assert (exchange(connection), server.connections) == (b"2", 1)
        connection.close()
        assert exchange(connection) == b"1"
        setattr(clocks, f"{clock}_ahead", 2 * MAX_IDLE)
        assert (exchange(connection), server.connections) == (b"1", 3)
        connection.close()


def test_kept_connection_survives_a_clock_that_is_set_back(clocks: Clocks) -> None:
    with ScriptedServer(answer_twice) as server:
        connection = HttpConnection(Endpoint(server.url))
        assert exchange(connection) == b"1"
        clocks.wall_ahead = -86_400
        assert (exchange(connection), server.connections) == (b"2", 1)
        connection.close()


def close_in_the_middle(peer: Peer) -> None:
    peer.send(http(b"never seen")[:-1])


def close_before_the_answer(peer: Peer) -> None:
    """Nothing more: the connection is closed after each script."""


@pytest.mark.parametrize("drop", [close_in_the_middle, close_before_the_answer, Peer.reset])
def test_exchange_that_was_left_alone_and_dropped_is_repeated_once(drop: Script) -> None:
    """AWS gives up a connection that a frozen container left in the middle of its work."""
    go_on = threading.Event()

    def script(peer: Peer) -> None:
        peer.request()
        assert go_on.wait(30)
        drop(peer)

    with ScriptedServer(script, answer_once) as server:
        connection = HttpConnection(Endpoint(server.url))
        begin(connection)
        assert connection.poll(soon(0.05)) is None
        go_on.set()
        assert poll_until_answered(connection) == b"1"
        assert server.connections == 2
        connection.close()


def test_exchange_that_is_dropped_twice_fails() -> None:
    go_on = threading.Event()

    def script(peer: Peer) -> None:
        peer.request()
        assert go_on.wait(30)

    with ScriptedServer(script, close_before_the_answer, answer_once) as server:
        connection = HttpConnection(Endpoint(server.url))
        begin(connection)
        assert connection.poll(soon(0.05)) is None
        go_on.set()
        with pytest.raises(ConnectionError):
            connection.poll(soon())
        assert server.connections == 2


@pytest.mark.parametrize("clock", ["monotonic", "wall"])
def test_exchange_frozen_without_answer_is_begun_again(clocks: Clocks, clock: str) -> None:
    with ScriptedServer(Peer.hang, answer_once) as server:
        connection = HttpConnection(Endpoint(server.url))
        begin(connection, patience=1.0)
        assert connection.poll(soon(0.05)) is None
        setattr(clocks, f"{clock}_ahead", 30.0)
        assert body(connection.poll(clocks.monotonic() + LONG)) == b"1"
        assert server.connections == 2
        connection.close()


def test_exchange_frozen_with_an_answer_reads_it(clocks: Clocks) -> None:
    go_on = threading.Event()

    def script(peer: Peer) -> None:
        peer.request()
        assert go_on.wait(30)
        peer.send(http(b"1"))

    with ScriptedServer(script) as server:
        connection = HttpConnection(Endpoint(server.url))
        begin(connection, patience=1.0)
        assert connection.poll(soon(0.05)) is None
        go_on.set()
        sock = connection._socket
        assert sock is not None
        wait_until(lambda: http1._wait_for(sock, False, 0), "the answer lies in the kernel")
        clocks.wall_ahead = 3600.0
        assert body(connection.poll(0)) == b"1"
        assert server.connections == 1
        connection.close()


def test_exchange_that_freezes_again_is_begun_again(clocks: Clocks) -> None:
    with ScriptedServer(Peer.hang, Peer.hang, answer_once) as server:
        connection = HttpConnection(Endpoint(server.url))
        begin(connection, patience=1.0)
        for ahead in (0.0, 30.0):
            clocks.wall_ahead = ahead
            assert connection.poll(soon(0.05)) is None
        clocks.wall_ahead = 60.0
        assert body(connection.poll(soon())) == b"1"
        assert server.connections == 3
        connection.close()


def test_exchange_that_proceeds_with_each_call_is_not_stalled(clocks: Clocks, authority: Authority) -> None:
    """Requests are so far apart that two of them take longer than the patience."""
    with ScriptedServer(answer_once, context=authority.server("127.0.0.1")) as server:
        connection = HttpConnection(Endpoint(server.url), str(authority.bundle))
        begin(connection, patience=1.0)
        response = None
        while response is None:
            response = connection.poll(0)
            clocks.wall_ahead += 0.6
            if response is None:
                assert connection._pending is not None
                wait = connection._pending[1]
                wait_until(lambda wait=wait: wait(0), "what the exchange waits for has come")  # type: ignore[misc]
        assert (body(response), server.connections) == (b"1", 1)
        connection.close()


def test_exchange_watched_without_answer_fails_after_its_patience() -> None:
    with ScriptedServer(Peer.hang) as server:
        connection = HttpConnection(Endpoint(server.url))
        begin(connection, patience=0.2)
        with pytest.raises(TimeoutError):
            connection.poll(soon())
        assert server.connections == 1


def test_exchange_that_drips_for_a_minute_fails(clocks: Clocks) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        peer.drip(b"x" * 1000, 0.01)

    with ScriptedServer(script, script) as server:
        connection = HttpConnection(Endpoint(server.url))
        begin(connection, patience=1000)
        assert connection.poll(soon(0.1)) is None
        clocks.wall_ahead = 2 * http1.MAX_EXCHANGE
        assert connection.poll(soon(0.1)) is None
        wait_until(lambda: connection.poll(0) is None and server.connections == 2, "it was begun again")
        clocks.wall_ahead = 4 * http1.MAX_EXCHANGE
        with pytest.raises(TimeoutError):
            connection.poll(soon(0.1))


# Measuring.


def test_round_trip_is_that_of_the_slowest_recent_wait() -> None:
    connection = HttpConnection(Endpoint("http://127.0.0.1:9"))
    seen = []
    for seconds, ready, resumed in [
        (0.0, False, False),  # nobody waited
        (0.1, True, False),
        (0.3, True, False),
        (0.1, True, False),
        (0.01, True, True),  # it began earlier
        (0.2, False, False),  # cut short, less than known
        (0.5, False, True),  # cut short, more than known
    ]:
        connection._measure(seconds, ready, resumed)
        seen.append(connection.round_trip)
    assert seen[0] is None
    assert seen[1:] == pytest.approx([0.1, 0.3, 0.25, 0.25, 0.25, 0.5])


def test_stopwatch_shows_the_clock_that_went_further(clocks: Clocks) -> None:
    stopwatch = Stopwatch()
    clocks.monotonic_ahead, clocks.wall_ahead = 5.0, -100.0
    assert 5 <= stopwatch.seconds < 6
    clocks.wall_ahead = 70.0
    assert 70 <= stopwatch.seconds < 71
    stopwatch.restart()
    assert stopwatch.seconds < 1


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


# Steps that the system usually takes in another order.


def test_open_of_an_open_connection_keeps_it() -> None:
    with ScriptedServer(lambda peer: peer.answer(http(b"x"))) as server:
        connection = HttpConnection(Endpoint(server.url))
        assert connection.open(soon())
        assert connection.open(soon())
        assert exchange(connection) == b"x"
        assert server.connections == 1
        connection.close()


def test_open_whose_time_is_over_is_continued_by_the_next_call(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    with ScriptedServer(lambda peer: peer.answer(http(b"x"))) as server:

        def look_up(host: bytes, port: int, **options: object) -> list[object]:
            assert go_on.wait(30)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        connection = HttpConnection(Endpoint("http://store.example"))
        assert not connection.open(0)
        go_on.set()
        assert connection.open(soon())
        assert exchange(connection) == b"x"
        connection.close()


def test_connect_that_completes_at_once_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect_at_once(sock: socket.socket, address: tuple[str, int]) -> int:
        sock.setblocking(True)
        sock.connect(address)
        sock.setblocking(False)
        return 0

    class QuickSocket(socket.socket):
        connect_ex = connect_at_once  # type: ignore[assignment]

    with ScriptedServer(lambda peer: peer.answer(http(b"x"))) as server:
        monkeypatch.setattr(socket, "socket", QuickSocket)
        connection = HttpConnection(Endpoint(server.url))
        assert exchange(connection) == b"x"
        connection.close()


def test_lookup_that_is_done_is_not_waited_for() -> None:
    lookup = http1.Lookup("127.0.0.1", 80)
    assert lookup.wait(LONG)
    assert lookup.wait(LONG)
    assert lookup.addresses()[0][4] == ("127.0.0.1", 80)


class RacingClocks(Clocks):
    """Time passes whenever somebody looks, until `step` is 0."""

    step = 1.0

    def monotonic(self) -> float:
        self.monotonic_ahead += self.step
        return super().monotonic()


def test_poll_whose_time_is_over_after_a_wait_goes_on_in_the_next_call(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks, go_on, answered = RacingClocks(), threading.Event(), threading.Event()

    def script(peer: Peer) -> None:
        peer.request()
        assert go_on.wait(30)
        peer.send(http(b"x"))
        answered.set()

    with ScriptedServer(script) as server:
        connection = HttpConnection(Endpoint(server.url))
        begin(connection)
        assert connection.poll(soon(0.05)) is None
        go_on.set()
        assert answered.wait(30)
        monkeypatch.setattr(http1, "time", clocks)
        assert connection.poll(0) is None
        clocks.step = 0.0
        assert poll_until_answered(connection) == b"x"
        assert server.connections == 1
        connection.close()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 2000, "interim"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 20_000, "chunks"),
    ],
)
def test_response_of_too_many_parts_is_refused(answer: bytes, message: str) -> None:
    with ScriptedServer(lambda peer: peer.answer(answer)) as server:
        connection = HttpConnection(Endpoint(server.url))
        with pytest.raises(ValueError, match=message):
            exchange(connection)
        connection.close()
