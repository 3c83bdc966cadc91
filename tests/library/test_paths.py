"""Paths in their one spelling, and globs."""

from __future__ import annotations

import functools

import pytest
from edgecors.paths import Globs, decode_unreserved, normalise_path
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.oracle import decision as oracle
from harness.oracle import strategies

NORMAL = {
    "": "/",
    "/": "/",
    "/a": "/a",
    "/a/": "/a/",
    "/a//b": "/a//b",
    "//": "//",
    "/A": "/A",
    "/a+b": "/a+b",
    "/a%2Bb": "/a%2Bb",
    "/a%2bb": "/a%2Bb",
    "/%61": "/a",
    "/%41": "/A",
    "/%7e%2D%5f%2E%30": "/~-_.0",
    "/%e4": "/%E4",
    "/%C3%A4": "/%C3%A4",
    "/\u00e4": "/\u00e4",
    "/%20": "/%20",
    "/%25": "/%25",
    "/%252f": "/%252f",
    "/%252e%252e/a": "/%252e%252e/a",
    "/%3f%23": "/%3F%23",
    "/.": "/",
    "/..": "/",
    "/./a": "/a",
    "/../a": "/a",
    "/../../a": "/a",
    "/a/.": "/a/",
    "/a/..": "/",
    "/a/./b": "/a/b",
    "/a/../b": "/b",
    "/a/b/..": "/a/",
    "/a/b/../": "/a/",
    "/a/b/../../c": "/c",
    "/a//../b": "/a/b",
    "//..": "/",
    "/%2e%2e/a": "/a",
    "/a/%2E./b": "/b",
    "/a/.%2e": "/",
    "/.a": "/.a",
    "/..a": "/..a",
    "/...": "/...",
    "/a./b.": "/a./b.",
    "/.well-known/x": "/.well-known/x",
    "/a;b=c,d:e@f&g=h!$'()*": "/a;b=c,d:e@f&g=h!$'()*",
}


@pytest.mark.parametrize("path", NORMAL)
def test_one_spelling(path: str) -> None:
    assert normalise_path(path) == NORMAL[path]


AMBIGUOUS = [
    *("a", "*", "http://a/b", "?", "\\", " /a", "%2fa", "./a", "../a"),
    *("/a%2fb", "/a%2Fb", "/%2f", "/a%5cb", "/a%5Cb", "/a%00", "/%00/a", "/..%2fa", "/%2e%2e%2fa", "/..%5ca"),
    *("/a\\b", "/..\\a", "/a\0", "/a b", "/a\tb", "/a\nb", "/a\r", "/a\x7f", "/a\x1f", "/ "),
    *(
        "/%",
        "/a%",
        "/a%2",
        "/%g0",
        "/%0g",
        "/%-1",
        "/%+1",
        "/% 1",
        "/%1 ",
        "/%u0041",
        "/%\u0661\u0661",
        "/%%41",
        "/%2%66",
    ),
]


@pytest.mark.parametrize("path", AMBIGUOUS)
def test_what_servers_read_differently_has_no_spelling(path: str) -> None:
    assert normalise_path(path) is None


def test_an_escape_is_decoded_exactly_once_and_only_where_it_means_nothing() -> None:
    for code in range(1, 256):
        character = chr(code)
        decoded = decode_unreserved(f"%{code:02x}")
        if character in "/\\":
            assert decoded is None
        elif character.isascii() and (character.isalnum() or character in "-._~"):
            assert decoded == character
        else:
            assert decoded == f"%{code:02X}"


segments = st.sampled_from(
    [
        "a",
        "B",
        ".",
        "..",
        "%2e",
        "%2E.",
        "",
        "%61",
        "%2f",
        "%5c",
        "%25",
        "%252e",
        "%e4",
        "+",
        " ",
        "\\",
        "%",
        "%2",
        "\u00e4",
        "\x85",
        "a.b",
        ".a",
    ]
)
paths = st.one_of(
    st.lists(segments, max_size=7).map(lambda s: "/" + "/".join(s)), st.text("/.%2ef5c0a\\ +", max_size=12)
)


@settings(max_examples=300, deadline=None)
@given(paths)
def test_normalising_is_what_the_oracle_says_and_once_is_enough(path: str) -> None:
    normal = normalise_path(path)
    assert normal == oracle.normal_path(path)
    if normal is not None:
        assert normalise_path(normal) == normal
        assert not {".", ".."} & set(normal.split("/"))
        assert normal.startswith("/")


# A glob, what it matches, and what it must not match.
GLOBS = {
    "/*": (["/", "/a", "/a/b", "/\n"], ["", "a"]),
    "*": (["", "/", "a/b", "\n"], []),
    "/api/*": (["/api/", "/api/v1/x"], ["/api", "/apix", "/API/v1", "/x/api/v1", "//api/"]),
    "/api": (["/api"], ["/api/", "/ap", "/apis", "/api\n"]),
    "*.css": ([".css", "/a.css", "/a/b.css"], ["/a.cssx", "/acss", "/a.CSS", "/a.css\n"]),
    "/a?c": (["/abc", "/a/c", "/a?c", "/a\nc"], ["/ac", "/abbc"]),
    "/?": (["/a", "/?"], ["/", "/ab"]),
    "/a*c": (["/ac", "/abc", "/a/b/c", "/acc"], ["/a", "/acd", "/c"]),
    "/*/b": (["//b", "/a/b", "/a/c/b"], ["/b", "/a/b/"]),
    "/a**b": (["/ab", "/axb"], ["/a"]),
    "/a*~": (["/a~", "/ab~"], ["/a", "/ab"]),
    "/*a*a": (["/aa", "/bab/a"], ["/a", "/ab"]),
    "*a?": (["ab", "aab", "aa"], ["a", "ba"]),
    "a*?*b": (["axb", "axxb"], ["ab"]),
    "*aab*": (["aaab", "xaaby"], ["aaxb"]),
    "*ab*ab": (["abab", "ababab", "xabxab"], ["ab", "aba", "abba"]),
    "/[a-z]+(.|x)$^{1}\\d": (["/[a-z]+(.|x)$^{1}\\d"], ["/a", "/[a-z]+(x|x)$^{1}\\d"]),
    "/.*": (["/.", "/.git"], ["/a", "/"]),
    "/a|/b?": (["/a|/bx"], ["/a", "/bx"]),
    "": ([""], ["/", "a"]),
}


@pytest.mark.parametrize("glob", GLOBS)
def test_globs(glob: str) -> None:
    matched, others = GLOBS[glob]
    globs = Globs([glob])
    assert globs.texts == (glob,)
    assert [text for text in matched if not globs.match(text)] == []
    assert [text for text in others if globs.match(text)] == []


def test_several_globs_match_what_any_of_them_does() -> None:
    globs = Globs(["/a", "/b/*", "*.css", "/c?d", "/x*y"])
    assert all(globs.match(text) for text in ("/a", "/b/1", "/z.css", "/ccd", "/xy"))
    assert not any(globs.match(text) for text in ("/a/", "/b", "/z.css/", "/cd", "/x", ""))
    assert not Globs([]).match("")


@functools.cache
def naively(glob: str, text: str) -> bool:
    if not glob:
        return not text
    if glob[0] == "*":
        return naively(glob[1:], text) or (text != "" and naively(glob, text[1:]))
    return text != "" and glob[0] in ("?", text[0]) and naively(glob[1:], text[1:])


small = st.text("ab*?./", max_size=8)


@settings(max_examples=400, deadline=None)
@given(st.lists(small, max_size=3), st.text("ab./\n", max_size=10))
def test_globs_match_as_the_naive_matcher_does(globs: list[str], text: str) -> None:
    assert Globs(globs).match(text) == any(naively(glob, text) for glob in globs)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(strategies.PATH_GLOBS), st.sampled_from(strategies.PATHS))
def test_globs_match_as_the_oracle_s_table_does(glob: str, path: str) -> None:
    assert Globs([glob]).match(path) == oracle.glob_matches(glob, path)


@pytest.mark.parametrize(
    ("glob", "text"),
    [
        ("*a" * 40 + "b", "a" * 8000),
        ("*a?" * 30 + "*b", "a" * 8000),
        ("*" * 500 + "b", "a" * 8000),
        ("/" + "*/" * 50 + "x", "/" * 8000),
        ("*ab" * 40 + "*c*", "ab" * 4000),
    ],
)
def test_a_glob_of_many_stars_does_not_hang(glob: str, text: str) -> None:
    """With backtracking any one of these would outlast the universe; what is shown is that it ends."""
    assert not Globs([glob]).match(text)
    assert not Globs(["*a" * 30 + "x", glob, "*b" * 30 + "y"]).match(text)
