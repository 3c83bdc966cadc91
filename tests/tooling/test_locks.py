"""What is installed is pinned, checked by hash, and the same everywhere."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
# Groups whose contents run beside each other: the artifacts carry what the tests ran with.
SHARED = ("guard", "runtime")

every_lock = pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)


def entries(lock: Path) -> dict[str, list[str]]:
    """Name -> versions (one project can have several, for different Pythons)."""
    versions: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", lock.read_text(), re.MULTILINE):
        versions.setdefault(name, []).append(version)
    return versions


@every_lock
def test_every_entry_has_a_hash(lock: Path) -> None:
    text = "".join(line for line in lock.read_text().splitlines(keepends=True) if not line.lstrip().startswith("#"))
    blocks = re.split(r"^(?=\S)", text, flags=re.MULTILINE)
    pinned = [block for block in blocks if block.strip()]
    assert pinned
    for block in pinned:
        assert re.match(r"[a-z0-9][a-z0-9._-]*==\S+", block), block
        assert "--hash=sha256:" in block, block


@every_lock
def test_no_index_is_named(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert not re.search(r"^\s*(--index-url|--extra-index-url|--find-links|-i|-f)\b", text, re.MULTILINE)


def test_each_dependency_group_has_a_lock() -> None:
    assert {lock.stem for lock in LOCKS} == PROJECT["dependency-groups"].keys()


@every_lock
def test_a_lock_pins_all_of_its_group(lock: Path) -> None:
    group = PROJECT["dependency-groups"][lock.stem]
    if lock.stem == "dev":
        extras = PROJECT["project"]["optional-dependencies"]
        group = [*group, *(line for extra in extras.values() for line in extra if not line.startswith("edgecors["))]
    names = {re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0].lower() for line in group}
    assert names <= entries(lock).keys()


@pytest.mark.parametrize("name", SHARED)
def test_artifacts_carry_what_was_tested(name: str) -> None:
    carried = entries(ROOT / "requirements" / f"{name}.lock")
    tested = entries(ROOT / "requirements" / "dev.lock")
    assert {name: tested.get(name) for name in carried} == carried
