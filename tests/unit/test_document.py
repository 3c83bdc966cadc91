"""Documents at their limits, and where a message says an error is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from edgecors.document import PolicyError, load_policy
from edgecors.findings import Finding

ORIGIN = "https://a.example"
RULES = f'"rules": [{{"allow_origins": ["{ORIGIN}"]}}]}}'


def errors(text: str) -> list[Finding]:
    """The errors of a document; none where it can be used."""
    try:
        load_policy(text)
    except PolicyError as error:
        return list(error.errors)
    return []


def messages(text: str) -> list[str]:
    """Location and message of each error."""
    return [f"{error.location}: {error.message}" for error in errors(text)]


def with_rule(**fields: Any) -> str:
    """A document of one rule."""
    return json.dumps({"rules": [{"allow_origins": [ORIGIN], **fields}]})


def of_marks(count: int) -> str:
    """A document of so many brackets, braces, commas and colons, and one character more."""
    start = '{"$schema": "~'
    marks = sum(map((start + '", ' + RULES).count, "[{,:"))
    return f'{start}{"," * (count - marks)}", {RULES}'


AT_THE_LIMIT = {
    "characters": (" " * (4_194_304 - len(ORIGIN)) + ORIGIN, " " * (4_194_305 - len(ORIGIN)) + ORIGIN),
    "marks": (of_marks(250_000), of_marks(250_001)),
    "globs": tuple(
        json.dumps({"rules": [{"allow_origins": "*", "paths": [f"/{n}" for n in range(size)]} for size in sizes]})
        for sizes in ((1000, 1000), (1000, 1001))
    ),
    "rules": tuple(json.dumps({"rules": [{"allow_origins": "*"}] * count}) for count in (1000, 1001)),
    "globs of one rule": tuple(with_rule(paths=[f"/{number}" for number in range(count)]) for count in (2000, 2001)),
    "question marks": (with_rule(paths=["/" + "?" * 100]), with_rule(paths=["/" + "?" * 101])),
    "lists": tuple(with_rule(allow_origins=[f"@{number}" for number in range(count)]) for count in (100, 101)),
}


@pytest.mark.parametrize("limit", AT_THE_LIMIT)
def test_document_at_a_limit_is_read_and_one_beyond_it_is_too_large(limit: str) -> None:
    within, beyond = AT_THE_LIMIT[limit]
    assert errors(within) == []
    assert [error.code for error in errors(beyond)] == ["too-large"]


@pytest.mark.parametrize(
    ("text", "is_yaml"),
    [
        (f"---\n- {ORIGIN}", True),
        (f"--\n- {ORIGIN}", False),
        (f"rules:\n- allow_origins: [{ORIGIN}]", True),
        (" " * 4090 + f"rules: {ORIGIN}", True),
        (" " * 4091 + f"rules: {ORIGIN}", False),
        (f"// {ORIGIN}", False),
        (f"{ORIGIN} {{", False),
    ],
)
def test_yaml_is_recognised_by_its_first_4096_characters(text: str, is_yaml: bool) -> None:
    assert [error.code for error in errors(text)] == (["yaml-not-json"] if is_yaml else [])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{version: 1}", "yaml-not-json"),
        ("[{rules: []}]", "yaml-not-json"),
        ("{x: 1,rules: []}", "yaml-not-json"),
        ('{"rules": [],, "x": 1}', "invalid-json"),
        ("{" + " " * 4089 + "rules: []}", "yaml-not-json"),
        ("{" + " " * 4090 + "rules: []}", "invalid-json"),
    ],
)
def test_flow_yaml_is_recognised_by_a_name_without_quotes(text: str, code: str) -> None:
    assert [error.code for error in errors(text)] == [code]


NUMBERS = ",".join(map(str, range(10, 50)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{x", 'line 1 column 2: PREFIX Expecting property name enclosed in double quotes in "{x"'),
        ("[1,\n2 3,\n4,\n5]", "line 2 column 3: PREFIX Expecting ',' delimiter in \"2 3,\""),
        ("[1 2,\n3,\n4,\n5]", "line 1 column 4: PREFIX Expecting ',' delimiter in \"[1 2,\""),
        ("[1", "line 1 column 3: PREFIX Expecting ',' delimiter in \"[1\""),
        (
            f"[1 {NUMBERS}]",
            "line 1 column 4: PREFIX Expecting ',' delimiter in \"[1 10,11,12,13,14,15,16,17,18,19,20,21,22,2\"",
        ),
        (
            f"[{NUMBERS} 5]",
            "line 1 column 122: PREFIX Expecting ',' delimiter in \",37,38,39,40,41,42,43,44,45,46,47,48,49 5]\"",
        ),
        ("[" * 200_000, ": the document is nested too deeply"),
        ('{"version": NaN}', ": a number is NaN or Infinity, or has more digits than can be read"),
    ],
    ids=[
        "one line",
        "second line",
        "first line",
        "end",
        "start of a long line",
        "end of a long line",
        "nesting",
        "constant",
    ],
)
def test_invalid_json_is_shown_where_the_parser_stopped(text: str, message: str) -> None:
    assert messages(text) == [message.replace("PREFIX", "the document starts like JSON but is not valid JSON:")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"rules": []}', "rules: the list of rules is empty"),
        ('{"rules": [{"grants": []}]}', "rules[0].grants: the list of grants is empty"),
        ('{"rules": 1}', "rules: 1 is not a list of rules"),
    ],
)
def test_missing_objects_are_named(text: str, message: str) -> None:
    assert messages(text) == [message]


def test_comma_too_many_is_invalid_json() -> None:
    """Newer versions of Python stop at the comma, older ones behind it."""
    [error] = errors('{"rules": [],}')
    assert error.code == "invalid-json"
    assert error.location in ("line 1 column 13", "line 1 column 14")


def test_unknown_fields_beyond_a_hundred_are_counted() -> None:
    fields = "".join(f'"x{number}": 0, ' for number in range(150))
    first, *others = reversed(messages("{" + fields + RULES))
    assert first == ": 50 more findings of severity 'error' are not listed"
    assert others[-1] == 'x0: there is no field "x0"'
    assert len(others) == 100


def test_each_unsafe_entry_has_its_own_finding() -> None:
    text = with_rule(allow_origins=["null", "http://b.example", "moz-extension://*", ORIGIN], allow_credentials=True)
    assert [(error.code, error.location) for error in errors(text)] == [
        ("null-with-credentials", "rules[0].allow_origins[0]"),
        ("insecure-origin", "rules[0].allow_origins[1]"),
        ("extension-wildcard-with-credentials", "rules[0].allow_origins[2]"),
    ]


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        (
            "allow_credentials",
            1,
            "rules[0].allow_credentials: 1 is not true or false (wrong-type). Write true or false.",
        ),
        (
            "on_refused",
            "deny",
            'rules[0].on_refused: "deny" is not a valid value of on_refused (unknown-value). '
            "Write one of: omit, block.",
        ),
        (
            "allow_methods",
            "GET",
            'rules[0].allow_methods: "GET" is not a list (wrong-type). Write a list of strings: [...].',
        ),
        ("allow_methods", [1], "rules[0].allow_methods[0]: 1 is not a string (wrong-type). Write a string."),
        (
            "allow_methods",
            ["*", "GET"],
            'rules[0].allow_methods[0]: "*" is combined with other entries (wildcard-not-alone). '
            'Write "allow_methods": "*", or leave "*" out.',
        ),
        (
            "hosts",
            ["https://a.example"],
            'rules[0].hosts[0]: "https://a.example" is not a host name (without scheme and port) (bad-glob). '
            "Write a glob with * and ? as wildcards.",
        ),
        (
            "paths",
            ["/a/../b"],
            'rules[0].paths[0]: "/a/../b" has a dot segment, which is removed from paths before they are compared '
            "(bad-glob). Write a glob with * and ? as wildcards.",
        ),
        (
            "max_age",
            86401,
            "rules[0].max_age: 86401 is out of range (out-of-range). Write a whole number of seconds from 0 to 86400.",
        ),
        (
            "allow_origins",
            [""],
            "rules[0].allow_origins[0]: '' has no scheme (origin-no-scheme). Write scheme://host, such as "
            "https://app.example.com.",
        ),
    ],
)
def test_invalid_value_is_shown_with_what_to_write(field: str, value: object, text: str) -> None:
    assert [str(error) for error in errors(with_rule(**{field: value}))] == [text]


@pytest.mark.parametrize("field", ["hosts", "paths"])
def test_glob_of_1024_characters_is_read_and_a_longer_one_is_not(field: str) -> None:
    start = "/" if field == "paths" else ""
    assert errors(with_rule(**{field: [start + "a" * (1024 - len(start))]})) == []
    [error] = errors(with_rule(**{field: [start + "a" * (1025 - len(start))]}))
    assert error.message.endswith("is longer than 1,024 characters")


def test_star_beside_other_entries_of_a_grant_is_shown_with_what_to_write() -> None:
    [error] = errors('{"rules": [{"grants": [{"allow_origins": ["*", "https://a.example"]}]}]}')
    assert error.remedy == 'Write "allow_origins": "*", or leave "*" out.'


@pytest.mark.parametrize("path", ["/%2a5", "/%2A5", "/a%2a", "/a%2A"])
def test_glob_with_an_encoded_star_is_refused(path: str) -> None:
    [error] = errors(with_rule(paths=[path]))
    assert error.message == f'"{path}" has a bad escape, or an encoded slash, backslash, star or NUL'


def test_glob_with_escapes_that_stay_escapes_is_read() -> None:
    assert errors(with_rule(paths=["/a%25b", "/a%3Bb", "/a%3Fb", "/a%23b"])) == []
