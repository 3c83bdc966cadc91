"""No text exhausts memory or the stack, and every refusal is one sentence."""

from __future__ import annotations

import sys

import pytest
from edgecors_admin.errors import UsageError
from edgecors_admin.importing import import_text
from edgecors_admin.importing.documents import read_json, read_text, read_yaml

ALIASES = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
)
MERGES = "\n".join(["m0: &m0 {k: v}"] + [f"m{n}: &m{n} {{<<: [*m{n - 1}, *m{n - 1}], k{n}: v}}" for n in range(1, 40)])
ENTITIES = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    "<CORSConfiguration><CORSRule><AllowedOrigin>&b;</AllowedOrigin></CORSRule></CORSConfiguration>"
)
REFUSED = {
    "empty": ("", "empty"),
    "blank": (" \n\t\n", "empty"),
    "yaml aliases of aliases": (ALIASES, "aliases"),
    "yaml merges of merges": (MERGES, "aliases"),
    "yaml alias of itself": ("a: &a [*a]", "contains itself"),
    "yaml deep flow": ("a: " + "[" * 100_000, "64 levels"),
    "yaml deep blocks": ("".join(f"{' ' * n}a:\n" for n in range(500)), "64 levels"),
    "yaml twice the same key": ("service: a\nprovider: {name: aws}\nservice: b\n", "twice"),
    "yaml python object": ("service: !!python/object/apply:os.system ['true']\n", "not recognised"),
    "yaml several documents": ("a: 1\n---\nb: 2\n", "not valid YAML"),
    "json deep": ("[" * 100_000, "100 levels"),
    "json deep objects": ('{"a":' * 5000, "100 levels"),
    "json cut off": ('{"CORSRules": [', "line 1, column 16"),
    "json twice the same key": ('{"CORSRules": [], "CORSRules": []}', "twice"),
    "json long escapes": ('["' + '\\"' * 500_000, "not valid JSON"),
    "xml entities": (ENTITIES, "document type"),
    "xml external entity": ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><CORSConfiguration/>', "document type"),
    "xml deep": ("<a>" * 5000, "100 levels"),
    "xml cut off": ("<CORSConfiguration>", "not valid XML"),
    "xml something else": ("<a/>", "not recognised"),
    "xml without rules": ("<CORSConfiguration/>", "no CORS rules"),
    "hcl two arguments on a line": ('resource "a" "b" {\n  c { d = 1 e = 2 }\n}\n', "line 2, column 13"),
    "hcl cut off": ('resource "a" "b" {\n  c = [\n', "not valid HCL"),
    "hcl deep": ('resource "a" "b" {\n  c = ' + "[" * 1000, "60 levels"),
    "hcl block in a block of one line": ('resource "a" "b" { c { d = 1 } }\n', "line 1, column 1"),
    "words": ("just some words\n", "not recognised"),
    "a policy": ('{"rules": [{"allow_origins": []}]}', "already an edgecors policy"),
    "no settings": ("service: x\nprovider: {name: aws}\nfunctions: {}\n", "no CORS settings"),
    "s3 without rules": ("[]", "not recognised"),
    "s3 empty rules": ('{"CORSRules": []}', "no CORS rules"),
}


@pytest.mark.parametrize(("text", "words"), REFUSED.values(), ids=REFUSED)
def test_import_text_unreadable_text_is_refused_with_a_sentence(text: str, words: str) -> None:
    with pytest.raises(UsageError) as error:
        import_text(text)
    assert words in str(error.value)
    assert len(str(error.value)) < 600
    assert str(error.value).isprintable()


def test_import_text_line_with_many_unclosed_parts_is_read_in_linear_time() -> None:
    # Quadratic searches would take hours for these.
    for text in ("\n" * 2_000_000 + "x", "add_header " * 200_000, "a: b\n" * 1000 + "\t", '"' * 1_000_000):
        with pytest.raises(UsageError):
            import_text(text)


def test_read_text_byte_order_mark_is_skipped() -> None:
    assert read_text('\ufeff{"a": 1}').data == {"a": 1}


def test_read_json_repeated_keys_are_named_with_both_lines() -> None:
    text = '{"a": {"b": 1,\n "c": "}", "b": 2},\n "b": 3,\n "a": 4}'
    with pytest.raises(UsageError) as raised:
        read_json(text)
    assert str(raised.value).splitlines() == [
        "The input, line 2: the key 'b' is used twice in one object (first in line 1). Remove one of the two.",
        "The input, line 4: the key 'a' is used twice in one object (first in line 1). Remove one of the two.",
    ]


def test_read_json_surrogate_key_is_refused_with_an_encodable_sentence() -> None:
    with pytest.raises(UsageError) as error:
        read_json('{"\\ud800": 1, "\\ud800": 2}')
    str(error.value).encode()


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: !Ref B", {"a": "!Ref B"}),
        ("a: !Sub 'x${B}'", {"a": "!Sub x${B}"}),
        ("a: !If [x, y, z]", {"a": ["!If", "x", "y", "z"]}),
        ("on: yes\n1: 2", {"on": True, "1": 2}),
        ("Version: 2012-10-17", {"Version": "2012-10-17"}),
        ("a: &a {b: 1}\nc: {<<: *a, d: 2}", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
        ("a: &a {b: 1}\nc: {<<: *a, b: 2}", {"a": {"b": 1}, "c": {"b": 2}}),
        ("a: &a [1]\nb: *a\nc: *a", {"a": [1], "b": [1], "c": [1]}),
    ],
)
def test_read_yaml_tags_merges_and_aliases_become_plain_values(text: str, data: object) -> None:
    assert read_yaml(text) == data


def test_import_text_without_python_hcl2_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hcl2", None)
    with pytest.raises(UsageError, match=r"pip install '\.\[terraform\]' in a checkout.*terraform show -json"):
        import_text('resource "a" "b" {\n}\n')
