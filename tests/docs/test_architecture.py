"""docs/architecture.md against the tree: its modules, its tests, and two of its rules."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import edgecors
import pytest
from edgecors.decision import MAX_REMEMBERED, MAX_REMEMBERED_LENGTH

from tests.artifacts.test_edge import MAX_SOURCES, MAX_ZIP
from tests.docs.markdown import blocks, by_first, read, section, spans, table
from tests.library.test_purity import ENGINE

ROOT = Path(__file__).parents[2]
LIBRARY = Path(edgecors.__file__).parent
TEXT = read("architecture.md")


def test_every_module_of_the_library_is_described() -> None:
    there = {source.relative_to(LIBRARY).with_suffix("").as_posix() for source in LIBRARY.rglob("*.py")}
    said = by_first(section(TEXT, "The library"))
    assert set(said) == there
    assert {name for name, cells in said.items() if cells[1] == "pure"} == set(ENGINE)


def test_what_lies_where() -> None:
    block = blocks(section(TEXT, "What lies where"), "text")[0]
    named = [line.split()[0] for line in block.splitlines()]
    assert all((ROOT / name).exists() for name in named)
    tracked = {"tests", "harness", "bench", "docs", "scripts", "events", "functions", "requirements"}
    assert tracked <= {name.strip("/") for name in named}


@pytest.mark.parametrize("row", table(section(TEXT, "Never")), ids=lambda row: row[0])
def test_what_holds_a_rule_exists(row: list[str]) -> None:
    for name in spans(row[1]):
        if name.startswith("tests/"):
            file, _, test = name.partition("::")
            assert (ROOT / file).exists(), name
            assert not test or f"\ndef {test}(" in (ROOT / file).read_text(encoding="utf-8"), name
        elif name.startswith("python -m harness "):
            assert (ROOT / "harness" / f"{name.split()[-1]}.py").exists(), name


def constants(source: Path) -> set[str]:
    """The texts in a source that are no docstrings."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in prose)
    return {node.value for node in nodes if isinstance(node.value, str)}


SOURCES = [
    source for name in ("layers", "functions/edge", "functions/gateway") for source in (ROOT / name).rglob("*.py")
]
EVENT_KEYS = {
    *("Records", "cf", "requestContext", "httpMethod", "rawPath", "rawQueryString", "multiValueHeaders"),
    *("queryStringParameters", "isBase64Encoded", "distributionId", "eventType"),
}


def test_events_are_looked_into_in_their_package_alone() -> None:
    found = {source: constants(source) & EVENT_KEYS for source in SOURCES}
    assert {source.parent.name for source, keys in found.items() if keys} == {"events"}
    assert set().union(*found.values()) == EVENT_KEYS  # no key that no adapter knows would be looked for in vain


def test_one_place_grants() -> None:
    """The name of the header that grants stands in one module of all that answers requests."""
    granting = {source.name for source in SOURCES if "Access-Control-Allow-Origin" in constants(source)}
    assert granting == {"decision.py"}


def test_paths_named_in_backticks_exist() -> None:
    for name in re.findall(r"`((?:layers|functions|cli|tests|docs)/[\w/.]+)`", TEXT):
        assert (ROOT / name).exists(), name


def test_numbers_in_the_decisions() -> None:
    text = read("decisions.md")
    assert f"## {MAX_REMEMBERED} decisions are remembered" in text
    assert f"more than {MAX_REMEMBERED_LENGTH:,} characters" in " ".join(text.split())
    assert f"below {MAX_ZIP // 1024}, and its sources below {MAX_SOURCES // 1024}" in text


def test_every_decision_has_its_parts() -> None:
    records = re.split(r"^## ", read("decisions.md"), flags=re.MULTILINE)[1:]
    assert records
    for record in records:
        assert re.findall(r"^\*\*(\w+)\.\*\*", record, re.MULTILINE) == ["Context", "Decision", "Consequence"]
