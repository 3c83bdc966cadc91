"""Every field of the field table reaches the CloudFront Functions, or there is a reason why not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from edgecors.decision import REFUSALS, RESOURCE_AMBIGUOUS
from edgecors.document import load_policy
from edgecors.fields import GRANT_FIELDS, RULE_FIELDS, Boolean
from edgecors_admin import key_value_store
from edgecors_admin.key_value_store import compile_policy

from tests.support.policy_fields import FIELDS, LISTS, documents

SOURCES = Path(__file__).resolve().parents[3] / "functions" / "viewer"
NOT_IN_THE_STORE = {
    "$schema": "is for editors",
    "version": "has one value, and the layout has a format of its own",
    "refresh_seconds": "the functions read nothing again: the guard writes each change",
    "tolerate": "accepts errors when a policy is read, which is before it is compiled",
}
FLAGS = {
    prefix + field.name.upper(): 1 << position
    for prefix, fields, first in (("RULE_", RULE_FIELDS, 1), ("GRANT_", GRANT_FIELDS, 0))
    for position, field in enumerate((field for field in fields if isinstance(field.reader, Boolean)), first)
}


@pytest.mark.parametrize("name", FIELDS)
def test_compile_policy_writes_every_field_that_the_functions_need(name: str) -> None:
    before, after = (compile_policy(load_policy(text, LISTS), "E1").content() for text in documents(FIELDS[name]))
    assert (before != after) == (name not in NOT_IN_THE_STORE)


@pytest.mark.parametrize("name", FLAGS)
def test_functions_know_every_true_or_false_field(name: str) -> None:
    assert f"const {name} = {FLAGS[name]};" in (SOURCES / "policy.js").read_text("utf-8")
    others = "".join(path.read_text("utf-8") for path in SOURCES.glob("*.js") if path.name != "policy.js")
    assert re.search(rf"\b{name}\b", others), f"no function uses {name}"


def test_refusals_with_a_text_are_those_of_one_resource() -> None:
    # Whether a resource is ambiguous is no question of one rule, and so not of its `debug`.
    assert set(key_value_store._REFUSALS) == REFUSALS - {RESOURCE_AMBIGUOUS}
