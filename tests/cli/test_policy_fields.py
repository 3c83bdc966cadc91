"""Every field of the field table is shown and compared: a new one can't be forgotten."""

from __future__ import annotations

from typing import Any

import pytest
from edgecors.fields import GRANT_FIELDS, SITE_FIELDS, Field
from edgecors_admin.access import compare

from tests.cli.conftest import Command
from tests.support.policy_fields import EFFECTIVE, FIELDS, LISTS, documents

NOT_ACCESS = ("debug", "tolerate")
"""What a refused preflight says, and which errors are accepted: both change nothing of what anybody may read."""
SITE_KEYS = {"rules": "rule_list"}
"""Where the data of `show` have another name than the document: ``rules`` is their number."""


@pytest.fixture
def store(edgecors: Command) -> Command:
    for name, value in LISTS.items():
        edgecors.put(f"lists/{name}", value or "")
    return edgecors


@pytest.mark.parametrize("name", EFFECTIVE)
def test_show_prints_every_field(store: Command, name: str) -> None:
    shown = []
    for text in documents(FIELDS[name]):
        store.put("sites/shop", text)
        # Without the first lines: the parameter's version and size differ in any case.
        lines = store("show", "shop").out.splitlines()
        shown.append([line for line in lines if "version" not in line and "bytes" not in line])
    assert shown[0] != shown[1]


@pytest.mark.parametrize("name", EFFECTIVE)
def test_show_json_has_every_field(store: Command, name: str) -> None:
    field = FIELDS[name]
    values = []
    for text in documents(field):
        store.put("sites/shop", text)
        values.append(value_in(store.json("show", "shop"), field))
    assert values[0] != values[1]


def value_in(data: dict[str, Any], field: Field) -> object:
    """The value of a field in the data of `show`."""
    if field in SITE_FIELDS:
        return data[SITE_KEYS.get(field.name, field.name)]
    (rule,) = data["rule_list"]
    return rule["grants"][0][field.name] if field in GRANT_FIELDS else rule[field.name]


@pytest.mark.parametrize("name", EFFECTIVE)
def test_compare_reports_every_field_that_is_about_access(name: str) -> None:
    before, after = documents(FIELDS[name])
    assert bool(compare(before, after, LISTS, LISTS)) == (name not in NOT_ACCESS)
