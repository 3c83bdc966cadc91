"""`probe` against a live server that does everything right, and against the mistakes that it has to explain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from edgecors.decision import Request, decide
from edgecors.document import load_policy

from harness.threaded_server import ThreadedServer
from tests.cli.conftest import Command

A, B = "https://a.example.com", "https://b.example.com"
POLICY = (
    '{"rules": [{"paths": ["/api/*"], "allow_origins": ["https://a.example.com", "https://b.example.com"],'
    ' "allow_headers": ["content-type"], "allow_methods": ["GET", "PUT"], "expose_headers": ["x-id"]}]}'
)

Headers = list[tuple[str, str]]
Mistake = Callable[[Request, int, Headers], tuple[int, Headers]]


class ProbedServer(ThreadedServer):
    """Answers as the policy says, and then makes a mistake."""

    def __init__(self) -> None:
        self.mistake: Mistake = lambda _, status, headers: (status, headers)
        self.seen: list[Request] = []
        policy = load_policy(POLICY)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                header = self.headers.get
                request = Request(
                    self.command,
                    self.path,
                    header("Host"),
                    "http",
                    header("Origin"),
                    header("Access-Control-Request-Method"),
                    header("Access-Control-Request-Headers"),
                )
                outer.seen.append(request)
                decision = decide(policy, request)
                headers = [*decision.headers, ("Vary", ", ".join(decision.vary))]
                status, headers = outer.mistake(request, decision.status or 200, headers)
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_OPTIONS = answer

            def log_message(self, format: str, *args: object) -> None:
                pass

        super().__init__(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        self.url += "/api/x"


@pytest.fixture
def server() -> Iterator[ProbedServer]:
    with ProbedServer() as running:
        yield running


@pytest.fixture
def site(edgecors: Command) -> Command:
    edgecors.put("sites/shop", POLICY)
    return edgecors


def test_everything_as_decided(server: ProbedServer, site: Command) -> None:
    ran = site("probe", server.url, "--site", "shop")
    assert ran.status == 0, ran.out
    assert "All 9 responses match the policy." in ran.out
    sent = [(r.method, r.origin, r.request_method) for r in server.seen]
    stranger = "https://edgecors-probe.invalid"
    assert sent == [
        ("GET", A, None),
        ("GET", B, None),
        ("GET", stranger, None),
        ("GET", None, None),
        ("GET", A, None),
        ("OPTIONS", A, "PUT"),
        ("OPTIONS", B, "PUT"),
        ("OPTIONS", stranger, "PUT"),
        ("OPTIONS", A, "EDGECORS-PROBE"),
    ]


def cache_without_origin() -> Mistake:
    stored: list[Headers] = []

    def mistake(request: Request, status: int, headers: Headers) -> tuple[int, Headers]:
        if request.method != "GET":
            return status, headers
        stored.append(headers)
        return status, [*stored[0], ("X-Cache", "Hit from cloudfront"), ("Age", "7")]

    return mistake


def second_header(request: Request, status: int, headers: Headers) -> tuple[int, Headers]:
    return status, [*headers, ("access-control-allow-origin", "*")] if request.method == "GET" else headers


def bare_errors(request: Request, status: int, headers: Headers) -> tuple[int, Headers]:
    return (status, headers) if request.method == "OPTIONS" else (404, [])


def reflected(request: Request, status: int, headers: Headers) -> tuple[int, Headers]:
    if request.method == "OPTIONS" or request.origin is None:
        return status, headers
    return status, [("Access-Control-Allow-Origin", request.origin), ("Vary", "Origin")]


def no_trigger(request: Request, status: int, headers: Headers) -> tuple[int, Headers]:
    return (status, headers) if request.method == "OPTIONS" else (200, [("X-Cache", "Miss from cloudfront")])


def options_not_allowed(request: Request, status: int, headers: Headers) -> tuple[int, Headers]:
    return (403, [("Vary", "Origin")]) if request.method == "OPTIONS" else (status, headers)


def preflights_at_the_upstream(request: Request, status: int, headers: Headers) -> tuple[int, Headers]:
    return (200, [("Access-Control-Allow-Origin", "*")]) if request.method == "OPTIONS" else (status, headers)


def function_failed(request: Request, status: int, headers: Headers) -> tuple[int, Headers]:
    return 503, [("X-Cache", "FunctionExecutionError from cloudfront")]


def function_throttled(request: Request, status: int, headers: Headers) -> tuple[int, Headers]:
    return 503, [("X-Cache", "FunctionThrottledError from cloudfront")]


def no_vary(request: Request, status: int, headers: Headers) -> tuple[int, Headers]:
    return status, [(name, value) for name, value in headers if name != "Vary"]


def older_policy(request: Request, status: int, headers: Headers) -> tuple[int, Headers]:
    return status, [(name, "60" if name == "Access-Control-Max-Age" else value) for name, value in headers]


@pytest.mark.parametrize(
    ("mistake", "explanation", "header"),
    [
        (
            cache_without_origin(),
            f"a cached copy that was made for {A}: Origin is not part of the cache's key",
            "X-Cache",
        ),
        (second_header, "two sources add it: switch off the CORS of the function URL", "https://a.example.com | *"),
        (
            bare_errors,
            "an error response (404) without headers: viewer-response does not run for 400 and above",
            "(none)",
        ),
        (reflected, "something allows any origin that asks", "https://edgecors-probe.invalid"),
        (no_trigger, "no response trigger runs here (X-Cache: Miss from cloudfront)", "(none)"),
        (options_not_allowed, "a CloudFront behaviour without OPTIONS", "expected 204"),
        (preflights_at_the_upstream, "something else answered the preflight", "expected 204"),
        (
            function_failed,
            "the CloudFront Function failed (X-Cache: FunctionExecutionError",
            "edgecors functions check",
        ),
        (function_throttled, "CloudFront throttles the function", "expected 204"),
        (no_vary, "a shared cache between here and the browser", "vary"),
        (older_policy, "an older version of the policy may still be in use", "access-control-max-age"),
    ],
)
def test_mistakes_are_explained(
    server: ProbedServer, site: Command, mistake: Mistake, explanation: str, header: str
) -> None:
    server.mistake = mistake
    ran = site("probe", server.url, "--site", "shop")
    assert ran.status == 1
    assert explanation in ran.out
    assert header in ran.out


def test_json_has_every_case_with_the_browsers_verdict(server: ProbedServer, site: Command) -> None:
    server.mistake = second_header
    cases = site.json("probe", server.url, "--site", "shop")
    assert len(cases) == 9
    assert cases[0]["differences"][0]["what"] == "access-control-allow-origin"
    assert cases[0]["verdict"] == {
        "ok": False,
        "why": "Access-Control-Allow-Origin has several values: https://a.example.com, *",
    }
    assert cases[5]["verdict"]["ok"] is True


def test_what_can_not_be_probed(server: ProbedServer, site: Command) -> None:
    other = server.url.replace("/api/x", "/other")
    assert "No rule matches" in site("probe", other, "--site", "shop").err
    assert "could not be reached" in site("probe", "http://127.0.0.1:9/api/x", "--site", "shop").err


def test_probe_of_a_policy_that_is_different_in_cloudfront_functions_says_so(
    server: ProbedServer, edgecors: Command
) -> None:
    edgecors.put("sites/shop", POLICY[:-1] + ', "refresh_seconds": 300}')
    ran = edgecors("probe", server.url, "--site", "shop")
    assert ran.status == 0
    assert "With EdgeSetup=functions:" in ran.out
    assert "refresh_seconds has no effect" in ran.out
