"""Every reading of a path, and globs."""

from __future__ import annotations

import functools
from itertools import product

import pytest
from edgecors.paths import Globs, readings
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import generate
from harness.oracle import decision as oracle

# Paths that every server reads alike, with their one form.
PLAIN = {
    "": "/",
    "/": "/",
    "/a": "/a",
    "/a/": "/a/",
    "/A": "/A",
    "/a+b": "/a+b",
    "/a%2Bb": "/a+b",
    "/%61": "/a",
    "/%7e%2D%5f%2E%30": "/~-_.0",
    "/%40me/x": "/@me/x",
    "/%24meta": "/$meta",
    "/v1%3Ax": "/v1:x",
    "/a%28b%29": "/a(b)",
    "/%C3%A4": "/\u00e4",
    "/b%c3%bcro/x": "/b\u00fcro/x",
    "/\u00e4": "/\u00e4",
    "/%F0%9F%98%80": "/\U0001f600",
    "/%20": "/ ",
    "/%0A%7F": "/\n\x7f",
    "/.": "/",
    "/..": "/",
    "/./a": "/a",
    "/../../a": "/a",
    "/a/.": "/a/",
    "/a/..": "/",
    "/a/./b": "/a/b",
    "/a/../b": "/b",
    "/a/b/..": "/a/",
    "/a/b/../../c": "/c",
    "/%2e%2e/a": "/a",
    "/a/%2E./b": "/b",
    "/.a": "/.a",
    "/...": "/...",
    "/.well-known/x": "/.well-known/x",
    "/a=b,c:d@e&f!$'()*": "/a=b,c:d@e&f!$'()*",
}


@pytest.mark.parametrize("path", PLAIN)
def test_readings_of_a_plain_path_are_one(path: str) -> None:
    assert readings(path) == (PLAIN[path],)


# Paths that servers read differently, with every reading.
AMBIGUOUS = {
    "//x": {"//x", "/x"},
    "/a//b": {"/a//b", "/a/b"},
    "/x//../api/me": {"/x/api/me", "/api/me"},
    "/account%2Ftransfer": {"/account%2Ftransfer", "/account/transfer"},
    "/account%2ftransfer": {"/account%2Ftransfer", "/account/transfer"},
    "/..%2fadmin": {"/..%2Fadmin", "/admin"},
    "/transfer%5C": {"/transfer%5C", "/transfer/"},
    "/a\\..\\b": {"/a%5C..%5Cb", "/b"},
    "/fonts/..;/api/me": {"/fonts/..;/api/me", "/api/me"},
    "/api;x/me": {"/api;x/me", "/api/me"},
    "/a;v=1": {"/a;v=1", "/a"},
    "/a%3Bv=1": {"/a%3Bv=1", "/a;v=1", "/a"},
    "/a%00b": {"/a%00b", "/a", "/ab"},
    "/a\x00b": {"/a%00b", "/a", "/ab"},
    "/a%": {"/a%", "/a%25", "/a"},
    "/a%0": {"/a%0", "/a%250", "/a0"},
    "/a%zz": {"/a%zz", "/a%25zz", "/azz"},
    "/a%u0041": {"/a%u0041", "/a%25u0041", "/au0041", "/aA"},
    "/a%2541": {"/a%2541", "/aA"},
    "/a%252Fb": {"/a%252Fb", "/a%2Fb", "/a/b"},
    "/a%252e%252e/b": {"/a%252e%252e/b", "/a../b"},
    "/x/%252e%252e/b": {"/x/%252e%252e/b", "/b"},
    "/a%3Fb": {"/a%3Fb", "/a?b", "/a"},
    "/a%23b": {"/a%23b", "/a#b", "/a"},
    "/b%FCro": {"/b%FCro", "/b\ufffdro", "/b\xfcro"},
    "/a%C0%AFb": {"/a%C0%AFb", "/a\ufffd\ufffdb", "/a\xc0\xafb", "/a%2Fb", "/a/b"},
    "/a/%C0%AE%C0%AE/b": {"/a/%C0%AE%C0%AE/b", "/a/\ufffd\ufffd\ufffd\ufffd/b", "/a/\xc0\xae\xc0\xae/b", "/b"},
    "/a%E0%80%AFb": {"/a%E0%80%AFb", "/a\ufffd\ufffd\ufffdb", "/a\xe0\x80\xafb", "/a%2Fb", "/a/b"},
    "/%%32F": {"/%2F", "/%252F", "//", "/"},
    "/\u00fc/%FC": {"/\u00fc/%FC", "/\u00fc/\u00fc", "/\u00fc/\ufffd", "/\u00c3\u00bc/\u00fc"},
    "/a%E2%82b": {"/a%E2%82b", "/a\u00e2\x82b", "/a\ufffdb"},
    "//a//b": {"//a//b", "/a//b", "/a/b"},
    "/a/b/..;": {"/a/b/..;", "/a/", "/a"},
    "/..;": {"/..;", "/"},
    "/a?b": {"/a?b", "/a"},
    "/a#b": {"/a#b", "/a"},
    "/a\\%41": {"/a%5CA", "/a/A"},
    "/a;x/.": {"/a;x/", "/a;x", "/a/", "/a"},
    "//~a": {"//~a", "/~a"},
    "/a%C1%81": {"/a%C1%81", "/a\ufffd\ufffd", "/a\xc1\x81", "/aA"},
    "/%FF": {"/%FF", "/\ufffd", "/\xff"},
    "/\ud800\xe9%FF": {"/\ud800\xe9%FF", "/\ud800\xe9\ufffd", "/\xed\xa0\x80\xc3\xa9\xff", "/\ud800\xe9\xff"},
}


@pytest.mark.parametrize("path", AMBIGUOUS)
def test_readings_of_an_ambiguous_path_are_all_that_servers_have(path: str) -> None:
    forms = readings(path)
    assert forms is not None
    assert set(forms) == AMBIGUOUS[path]


@pytest.mark.parametrize(
    "path",
    [
        *("a", "*", "http://a/b", "?", "\\", "%2fa", "../a"),
        "/%2F;%5C//%25%3B%00",
        "/%25;//",  # 13 forms
        "/;" + "a" * 2046,
        "/" + "%41" * 385,
        "/" + "%" * 65,
        "/%41" + "%E9" * 65,
    ],
)
def test_readings_of_a_path_that_may_be_about_anything_are_unknown(path: str) -> None:
    assert readings(path) is None


def test_readings_as_many_or_as_long_as_may_be_are_known() -> None:
    assert readings("/%2F;//") is not None, "it has 12 forms"
    assert readings("/;" + "a" * 2045) is not None, "the forms are the path itself and a slash"
    assert readings("/%41" + "%E9" * 64) is not None, "64 escapes stay"


def test_readings_of_a_long_plain_path_are_one() -> None:
    path = "/" + "a/./" * 5000 + "%41" * 384
    assert readings(path) == ("/" + "a/" * 5000 + "A" * 384,)


segments = st.sampled_from(
    [
        *(
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
        ),
        *("\u00e4", "\x85", "a.b", ".a", ";", "..;x", "%3b", "%00", "%C0%AF", "%E0%80%AE", "%3f", "#", "%c3%a4", "%c3"),
    ]
)
paths = st.one_of(
    st.lists(segments, max_size=7).map(lambda s: "/" + "/".join(s)),
    st.lists(segments, max_size=7).map(lambda s: "/" + "".join(s)),
    st.text("/.%2ef5c0a\\ +;", max_size=12),
)


@settings(max_examples=300, deadline=None)
@given(paths)
def test_readings_are_those_of_the_oracle_and_have_no_dot_segments(path: str) -> None:
    forms, expected = readings(path), oracle.all_readings(path)
    assert (forms is None) == (expected is None)
    for form in forms or ():
        assert form in (expected or ())
        assert not {".", ".."} & set(form.split("/"))
        assert form.startswith("/")
    assert set(forms or ()) == set(expected or ())


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
@given(st.sampled_from(generate.PATH_GLOBS), st.sampled_from(generate.PATHS))
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


@pytest.mark.parametrize(
    ("glob", "text", "matched"),
    [
        ("/*a?b*", "/xa1b", True),
        ("/*a?b*", "/aaab", True),
        ("/*a?b*", "/aab", True),
        ("/*a?b*", "/ab", False),
        ("/*a?b*c", "/a.ac.b.c", False),
        ("/*a?c*b", "/aac.ab.abc-b", True),
        ("/*a?c?d*", "/a1c2x-a1c2d", True),
        ("/*??*", "/12", True),
        ("/*??*", "/1", False),
        ("/?", "/1", True),
        ("/?", "/", False),
    ],
)
def test_globs_with_question_marks_inside_runs(glob: str, text: str, matched: bool) -> None:
    assert Globs([glob]).match(text) is matched
    assert oracle.glob_matches(glob, text) is matched


@pytest.mark.parametrize(
    ("glob", "text", "matched"),
    [
        ("/a**", "/ab", True),
        ("/a**", "/a", True),
        ("/a*b*c*d", "/a1b2c3d", True),
        ("/a*b*c*d", "/abcd", True),
        ("/a*b*c*d", "/a~b~c~d", True),
        ("/a*b*c*d", "/abc~", False),
        ("/a?*", "/ab", True),
        ("/a?*", "/a", False),
    ],
)
def test_globs_with_several_stars(glob: str, text: str, matched: bool) -> None:
    assert Globs([glob]).match(text) is matched


@pytest.mark.parametrize("length", range(6))
def test_every_short_glob_matches_what_it_says(length: int) -> None:
    texts = ["".join(letters) for size in range(6) for letters in product("ab", repeat=size)]
    for letters in product("ab*?", repeat=length):
        glob = "".join(letters)
        globs = Globs([glob])
        assert [text for text in texts if globs.match(text)] == [
            text for text in texts if oracle.glob_matches(glob, text)
        ]
