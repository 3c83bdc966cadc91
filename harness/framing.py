"""Upstream responses of every framing before the gateway: whose response does the next viewer get?

Each case is one viewer's request, a response that is framed well, unusually or wrongly, bytes that follow it at some
time, and another viewer's request. Checked: the second viewer gets the second response, whatever the first one was;
the first viewer gets exactly the body that RFC 9112 defines, or a 502; a well-framed response is never refused.

Bytes that follow a well-framed response only after the next request is on its way are a response to that request for
every HTTP/1.1 client. Such cases are counted (``late_taken``) and are no failures.
"""

from __future__ import annotations

import threading
from random import Random
from typing import Any

from edgecors.decorator import cors
from edgecors.telemetry import Telemetry

from harness import peers
from harness.faults import APP, SITE, Remaining, api_event
from harness.gateway import Proxy, read_upstreams
from harness.summary import Summary

LEAK = b"HTTP/1.1 200 OK\r\nX-Leak: 1\r\nContent-Length: 4\r\n\r\nleak"
SECOND = peers.answer(b"second", kind="text/plain")
BODIES = (b"", b"a", b"body", b"0\r\n\r\n", LEAK, b"\xff" * 3000)

EXACT, UNUSUAL, WRONG = "exact", "unusual", "wrong"
TIMES = ("same segment", "at once", "before the next request", "with the next request")
"""When the bytes that follow a response are sent."""


class FramedResponse:
    """A response, what RFC 9112 says of it, and the bytes that follow it."""

    def __init__(self, random: Random) -> None:
        self.method = random.choice(("GET", "GET", "GET", "POST", "HEAD"))
        self.status = random.choice((200, 200, 200, 206, 404, 204, 205, 304))
        self.body = random.choice(BODIES)
        self.kind = EXACT
        self.closes = False
        self.framing = random.choice(list(FRAMINGS))
        head, content = FRAMINGS[self.framing](self, random)
        self._judge_status(content)
        interim = b""
        if random.random() < 0.15:
            interim = b"".join(random.choices(INTERIM, k=random.randrange(1, 4)))
        self.data = interim + f"HTTP/1.1 {self.status} X\r\n".encode() + head + b"\r\n" + content
        self.after = random.choice((b"", b"", LEAK, LEAK, b"\r\n", b"0\r\n\r\n", b"HTTP/1.1 "))
        self.time = random.choice(TIMES)

    def _judge_status(self, content: bytes) -> None:
        """What changes where a response can't have a body: 205 says so with a length of zero, the others with none."""
        no_length = self.framing == "no length"
        if self.method == "HEAD" or self.status in (204, 304):
            exact = self.kind == EXACT and no_length and not content and self.method != "HEAD"
            self.kind = EXACT if exact else UNUSUAL
            self.body = b""
        elif self.status == 205:
            if self.kind == EXACT and (no_length or self.body):
                self.kind = UNUSUAL
            self.body = b""
        elif no_length:
            self.kind, self.closes = UNUSUAL, True

    def describe(self) -> str:
        """The case in one line."""
        return f"{self.method} {self.data[:120]!r}, then {self.after[:40]!r} {self.time}"


def _length(case: FramedResponse, random: Random) -> tuple[bytes, bytes]:
    return b"Content-Length: %d\r\n" % len(case.body), case.body


def _no_length(case: FramedResponse, random: Random) -> tuple[bytes, bytes]:
    bodiless = case.method == "HEAD" or case.status in (204, 205, 304)
    return b"", random.choice((b"", case.body)) if bodiless else case.body


def _chunks(case: FramedResponse, random: Random) -> tuple[bytes, bytes]:
    return b"Transfer-Encoding: chunked\r\n", _chunked(case.body, random)


def _chunked(body: bytes, random: Random, end: bytes = b"\r\n", extension: bytes = b"") -> bytes:
    pieces, rest = b"", body
    while rest:
        size = random.randrange(1, len(rest) + 1)
        pieces += b"%x%s%s%s%s" % (size, extension, end, rest[:size], end)
        rest = rest[size:]
    return pieces + b"0%s%s%s" % (extension, end, end)


def _unusual(*heads: bytes) -> Any:
    def build(case: FramedResponse, random: Random) -> tuple[bytes, bytes]:
        case.kind = UNUSUAL
        return random.choice(heads).replace(b"N", b"%d" % len(case.body)), case.body

    return build


def _misframed(*heads: bytes) -> Any:
    def build(case: FramedResponse, random: Random) -> tuple[bytes, bytes]:
        case.kind = WRONG
        return random.choice(heads).replace(b"N", b"%d" % len(case.body)), _chunked(case.body, random)

    return build


def _both(case: FramedResponse, random: Random) -> tuple[bytes, bytes]:
    case.kind = UNUSUAL
    length = random.choice((len(case.body), 0, 5, 500))
    return b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n" % length, _chunked(case.body, random)


def _extended(case: FramedResponse, random: Random) -> tuple[bytes, bytes]:
    case.kind = UNUSUAL
    extension = random.choice((b";x", b";x=y", b' ;a="b"', b" ", b"; \t"))
    return b"Transfer-Encoding: chunked\r\n", _chunked(case.body, random, extension=extension)


def _bad_chunks(case: FramedResponse, random: Random) -> tuple[bytes, bytes]:
    case.kind = WRONG
    content = random.choice(
        (
            _chunked(case.body or b"x", random, end=b"\n"),
            b"+1\r\nx\r\n0\r\n\r\n",
            b"-1\r\nx\r\n0\r\n\r\n",
            b"0x1\r\nx\r\n0\r\n\r\n",
            b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n",
            b"1\r\nxx\r\n0\r\n\r\n",
            b"zz\r\nx\r\n0\r\n\r\n",
            b"1;\n\r\nx\r\n0\r\n\r\n",
        )
    )
    return b"Transfer-Encoding: chunked\r\n", content


FRAMINGS: dict[str, Any] = {
    "length": _length,
    "no length": _no_length,
    "chunks": _chunks,
    "chunk extensions": _extended,
    "length and chunks": _both,
    "lengths": _unusual(
        b"Content-Length: N\r\nContent-Length: N\r\n", b"Content-Length: N, N\r\n", b"Content-Length: 0N\r\n"
    ),
    "bare LF": _unusual(b"X: y\nContent-Length: N\r\n", b"Content-Length: N\n"),
    "close": _unusual(b"Connection: close\r\nContent-Length: N\r\n", b"Content-Length: N\r\nconnection: x, CLOSE\r\n"),
    "bad length": _misframed(
        b"Content-Length: +N\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: N_0\r\n",
        b"Content-Length: 0xN\r\n",
        b"Content-Length: N, 77\r\n",
        b"Content-Length: N\r\nContent-Length: 77\r\n",
        b"Content-Length: \r\n",
        b"Content-Length: N;\r\n",
    ),
    "bad coding": _misframed(
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: x\r\n",
        b"Transfer-Encoding: chunked;a\r\n",
        b"Transfer-Encoding : chunked\r\n",
    ),
    "bad chunks": _bad_chunks,
}
INTERIM = (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")


class _Upstream:
    """Answers the first request of a case with its response, and the second with `SECOND`."""

    def __init__(self, case: FramedResponse) -> None:
        self._case = case
        self._first: peers.PeerConnection | None = None
        self.sent = threading.Event()
        self.late = False

    def __call__(self, line: peers.PeerConnection, request: bytes) -> None:
        case = self._case
        if self._first is None:
            self._first = line
            try:
                self._respond(line)
            finally:
                self.sent.set()
            return
        if line is self._first and case.after and case.time == TIMES[3]:
            self.late = True
            line.send(case.after)
        line.send(SECOND)

    def _respond(self, line: peers.PeerConnection) -> None:
        case = self._case
        if case.time == TIMES[0]:
            line.send(case.data + case.after)
        else:
            line.send(case.data)
            if case.time in TIMES[1:3]:
                line.send(case.after)
        if case.closes:
            raise ConnectionError


def run(seed: int, cases: int, seconds: float) -> Summary:
    """Send each case's two requests through the gateway and compare both responses."""
    summary = Summary("framing", seconds, seed=seed)
    telemetry = Telemetry(lambda line: None)
    random = Random(seed)
    with peers.PeerServer(peers.always(SECOND)) as server:
        gateway = Proxy(read_upstreams(server.url), telemetry, site=SITE)
        handler = cors(policy=f"{APP}\n", telemetry=telemetry)(gateway)
        for _ in range(cases):
            if summary.over:
                break
            case = FramedResponse(random)
            upstream = _Upstream(case)
            server.behave = upstream
            first = handler(api_event("http-api", case.method, APP), Remaining())
            upstream.sent.wait(5)
            second = handler(api_event("http-api", "GET", APP), Remaining())
            gateway.reset_after_restore()
            summary.counts["cases"] += 1
            summary.counts[f"cases_{case.kind}"] += 1
            _check(summary, case, upstream, first, second)
    return summary


def _check(
    summary: Summary, case: FramedResponse, upstream: _Upstream, first: dict[str, Any], second: dict[str, Any]
) -> None:
    body, status = case.body, case.status
    if case.closes and case.time != TIMES[3]:
        # A body that ends with the connection has no end before it.
        body += case.after
    exact = (first["statusCode"], first.get("body", "").encode()) == (status, _as_sent(body))
    if case.kind == WRONG and first["statusCode"] != 502:
        summary.fail(f"the first viewer got {first['statusCode']}, not 502: {case.describe()}")
    elif case.kind != WRONG and not exact and (case.kind == EXACT or first["statusCode"] != 502):
        summary.fail(f"the first viewer got {first}: {case.describe()}")
    summary.counts["refused"] += first["statusCode"] == 502
    if (second["statusCode"], second.get("body")) != (200, "second"):
        if upstream.late and case.kind == EXACT:
            summary.counts["late_taken"] += 1
        else:
            summary.fail(f"the second viewer got {second}: {case.describe()}")
    if upstream.late and case.kind != EXACT:
        summary.fail(f"the connection was used again: {case.describe()}")


def _as_sent(body: bytes) -> bytes:
    """A body as the front's JSON has it."""
    from base64 import b64encode

    try:
        body.decode()
    except UnicodeDecodeError:
        return b64encode(body)
    return body
