"""Adding and removing entries leaves the rest of a text as it is."""

import json

import pytest
from edgecors_admin.edit import add_to_grant, add_to_plain, remove_from_grants, remove_from_plain
from hypothesis import given
from hypothesis import strategies as st

A, B, C = "https://a.example", "https://b.example", "https://c.example"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", C),
        (",", C),
        (A, f"{A},{C}"),
        (f"{A},{B}", f"{A},{B},{C}"),
        (f"{A}, {B}", f"{A}, {B}, {C}"),
        (f"{A}\n{B}\n", f"{A}\n{B}\n{C}\n"),
        (f"{A},\n  {B},\n", f"{A},\n  {B},\n  {C},\n"),
        (f"{A} HTTPS://C.example/", f"{A} HTTPS://C.example/"),
    ],
)
def test_adding_to_a_plain_list(text: str, expected: str) -> None:
    assert add_to_plain(text, [C, C]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (B, ","),
        (f"{B}\n", ","),
        (f"{A},{B}", A),
        (f"{B},{A}", A),
        (f"{A},{B},{C}", f"{A},{C}"),
        (f"{A}\n{B}\n{C}\n", f"{A}\n{C}\n"),
        (f"{A} HTTPS://B.example:443/ {C}", f"{A} {C}"),
        (f"{A},{C}", f"{A},{C}"),
        ("", ""),
    ],
)
def test_removing_from_a_plain_list(text: str, expected: str) -> None:
    assert remove_from_plain(text, [B]) == expected


DOCUMENT = """{
  "version": 1,
  "rules": [
    {"paths": ["/x"], "allow_origins": "*"},
    {
      "allow_origins": [
        "https://a.example",
        "https://B.example/"
      ],
      "max_age": 5
    }
  ]
}
"""


def test_a_document_keeps_its_layout() -> None:
    added = add_to_grant(DOCUMENT, (1, 0), [C, B])
    assert added == DOCUMENT.replace('B.example/"\n', f'B.example/",\n        "{C}"\n')
    assert remove_from_grants(added, {(1, 0)}, [C]) == DOCUMENT
    assert remove_from_grants(DOCUMENT, {(1, 0)}, [B]) == DOCUMENT.replace(',\n        "https://B.example/"', "")
    assert json.loads(remove_from_grants(DOCUMENT, {(1, 0)}, [A, B]))["rules"][1] == {"allow_origins": [], "max_age": 5}


lists = st.lists(st.sampled_from([A, B, C, "@p", "null"]), unique=True)


@given(lists, lists, st.sampled_from([None, 2, 0]), st.sampled_from([",", ", ", "\n", " "]))
def test_adding_and_removing_does_what_a_list_would(
    there: list[str], more: list[str], indent: int | None, separator: str
) -> None:
    text = json.dumps({"rules": [{"allow_origins": there, "debug": True}]}, indent=indent)
    wanted = there + [entry for entry in more if entry not in there]
    left = [entry for entry in there if entry not in more]
    rule = {"debug": True}
    assert json.loads(add_to_grant(text, (0, 0), more)) == {"rules": [{"allow_origins": wanted, **rule}]}
    assert json.loads(remove_from_grants(text, {(0, 0)}, more)) == {"rules": [{"allow_origins": left, **rule}]}
    plain = separator.join(there)
    assert add_to_plain(plain, more).replace(",", " ").split() == wanted
    assert remove_from_plain(plain, more).replace(",", " ").split() == left
