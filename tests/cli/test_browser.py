"""The model of a browser's two checks, from the Fetch standard's own conditions."""

import pytest
from edgecors_admin.browser import cors_check, needs_preflight, normalised, preflight_check

ORIGIN = "https://a.example"
ACAO, ACAC = "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials"
METHODS, HEADERS = "Access-Control-Allow-Methods", "Access-Control-Allow-Headers"


@pytest.mark.parametrize(
    ("headers", "without", "with_credentials"),
    [
        ([], False, False),
        ([(ACAO, ORIGIN)], True, False),
        ([(ACAO.lower(), ORIGIN), (ACAC, "true")], True, True),
        ([(ACAO, ORIGIN), (ACAC, "True")], True, False),
        ([(ACAO, "*")], True, False),
        ([(ACAO, "*"), (ACAC, "true")], True, False),
        ([(ACAO, "https://b.example")], False, False),
        ([(ACAO, ORIGIN + "/")], False, False),
        ([(ACAO, ORIGIN), (ACAO, ORIGIN)], False, False),
        ([(ACAO, f"{ORIGIN}, {ORIGIN}")], False, False),
        ([(ACAO, "null")], False, False),
    ],
)
def test_cors_check(headers: list[tuple[str, str]], without: bool, with_credentials: bool) -> None:
    assert cors_check(headers, ORIGIN, False).ok is without
    assert cors_check(headers, ORIGIN, True).ok is with_credentials


GOOD = [(ACAO, ORIGIN), (ACAC, "true")]


@pytest.mark.parametrize(
    ("status", "headers", "method", "names", "without", "with_credentials"),
    [
        (204, GOOD, "GET", [], True, True),
        (204, GOOD, "POST", [], True, True),
        (204, GOOD, "PUT", [], False, False),
        (204, [*GOOD, (METHODS, "GET, PUT")], "PUT", [], True, True),
        (204, [*GOOD, (METHODS, "put")], "PUT", [], False, False),
        (204, [*GOOD, (METHODS, "*")], "PUT", [], True, False),
        (204, [*GOOD, (HEADERS, "X-A")], "GET", ["x-a"], True, True),
        (204, [*GOOD, (HEADERS, "*")], "GET", ["x-a"], True, False),
        (204, [*GOOD, (HEADERS, "*")], "GET", ["authorization"], False, False),
        (204, [*GOOD, (HEADERS, "*, authorization")], "GET", ["authorization", "x-a"], True, False),
        (204, [*GOOD, (HEADERS, "x a")], "GET", [], False, False),
        (403, GOOD, "GET", [], False, False),
        (302, GOOD, "GET", [], False, False),
        (299, GOOD, "GET", [], True, True),
        (204, [], "GET", [], False, False),
    ],
)
def test_preflight_check(
    status: int, headers: list[tuple[str, str]], method: str, names: list[str], without: bool, with_credentials: bool
) -> None:
    assert preflight_check(status, headers, ORIGIN, method, names, False).ok is without
    assert preflight_check(status, headers, ORIGIN, method, names, True).ok is with_credentials


@pytest.mark.parametrize(
    ("method", "names", "preflight"),
    [
        ("GET", [], False),
        ("post", [], False),
        ("POST", ["content-type", "x-b"], True),
        ("put", [], True),
        ("patch", [], True),
    ],
)
def test_when_a_browser_asks_first(method: str, names: list[str], preflight: bool) -> None:
    assert needs_preflight(normalised(method), names) is preflight


def test_patch_is_sent_as_it_is_written() -> None:
    assert (normalised("put"), normalised("patch")) == ("PUT", "patch")
