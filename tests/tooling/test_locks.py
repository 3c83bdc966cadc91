"""What is installed is pinned, checked by hash, and the same everywhere."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
# Groups whose contents run beside each other: the artifacts carry what the tests ran with.
SHARED = ("guard", "runtime")

every_lock = pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)


def entries(lock: Path) -> dict[str, list[str]]:
    """Name -> versions (one project can have several, for different Pythons)."""
    matches: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", lock.read_text(), re.MULTILINE):
        matches.setdefault(name, []).append(version)
    return matches


@every_lock
def test_every_entry_has_a_hash(lock: Path) -> None:
    text = "".join(line for line in lock.read_text().splitlines(keepends=True) if not line.lstrip().startswith("#"))
    blocks = re.split(r"^(?=\S)", text, flags=re.MULTILINE)
    wanted = [block for block in blocks if block.strip()]
    assert wanted
    for block in wanted:
        assert re.match(r"[a-z0-9][a-z0-9._-]*==\S+", block), block
        assert "--hash=sha256:" in block, block


@every_lock
def test_no_index_is_named(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert not re.search(r"^\s*(--index-url|--extra-index-url|--find-links|-i|-f)\b", text, re.MULTILINE)


@every_lock
def test_sources_are_all_locked(lock: Path) -> None:
    lines = (ROOT / "requirements" / f"{lock.stem}.in").read_text().splitlines()
    wanted = [line for line in lines if line.strip() and not line.startswith("#")]
    if lock.stem == "dev":
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        extras = project["optional-dependencies"]
        wanted += [*project["dependencies"], *extras["local"], *extras["terraform"]]
        wanted = [line for line in wanted if not line.startswith("edgecors[")]
    names = {re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0].lower() for line in wanted}
    assert names <= entries(lock).keys()


@pytest.mark.parametrize("name", SHARED)
def test_artifacts_carry_what_was_tested(name: str) -> None:
    carried = entries(ROOT / "requirements" / f"{name}.lock")
    tested = entries(ROOT / "requirements" / "dev.lock")
    assert {name: tested.get(name) for name in carried} == carried
