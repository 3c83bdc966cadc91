"""The matrix of owners: no owner's parameter changes what becomes of another owner's parameter.

Each row is a value that one owner may write. Before and after it, every other owner makes a good edit that removes an
origin. Whatever the row's value is, these edits stay, and reach every Region.
"""

import base64
import gzip
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from edgecors_admin.errors import AwsError
from edgecors_admin.parameter_store import Kind, Stored

from functions.guard.edgecors_guard.change import Change
from functions.guard.edgecors_guard.guard import Guard, Unfinished
from functions.guard.edgecors_guard.review import review
from tests.functions.guard.world import BAD, DISTRIBUTION, HOME, REPLICAS, ROOT, World

SITE = f"{ROOT}/sites/shop"
OTHER_SITE = f"{ROOT}/sites/{DISTRIBUTION}"
LIST = f"{ROOT}/lists/partners"
OTHER_LIST = f"{ROOT}/lists/others"
ALIAS = f"{ROOT}/aliases/{DISTRIBUTION}"


def with_credentials(*entries: str) -> str:
    """A policy whose only rule allows these entries with credentials."""
    return json.dumps({"version": 1, "rules": [{"allow_origins": entries, "allow_credentials": True}]})


def pack(text: str) -> str:
    """The text as ``gz:`` value."""
    return "gz:" + base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


EDITS = {
    SITE: (
        with_credentials("https://app.example.com", "https://removed.example.com", "@partners", "@others"),
        with_credentials("https://app.example.com", "@partners", "@others"),
    ),
    OTHER_SITE: ("https://app.example.com https://removed.example.com @partners", "https://app.example.com @partners"),
    LIST: ("https://a.example.com, https://removed.example.com", "https://a.example.com"),
    OTHER_LIST: ("https://b.example.com, https://removed.example.com", "https://b.example.com"),
    ALIAS: (DISTRIBUTION, "shop"),
}
"""Each owner's parameter: its value at first, and after a good edit."""


@dataclass(frozen=True)
class OwnersValue:
    """A row: what one owner writes, and whether the value is valid by itself.

    Attributes:
        name: the parameter.
        value: its value; None deletes it.
        valid: whether it is copied and stays.
        secure: whether it is a SecureString.
        locked: whether it is one under a key that the guard may not use.
    """

    name: str
    value: str | None
    valid: bool = True
    secure: bool = False
    locked: bool = False


NAMING_A_HUNDRED_LISTS = with_credentials(*(f"@{'partners' if n == 50 else f'list{n}'}" for n in range(100)))
ROWS = {
    # What a list's writer can do to sites, to other lists and to aliases.
    "list: a public suffix": OwnersValue(LIST, "https://*.github.io"),
    "list: an origin without encryption": OwnersValue(LIST, "http://app.example.com"),
    "list: a hundred and one origins without encryption": OwnersValue(
        LIST, " ".join(f"http://a{number}" for number in range(101))
    ),
    "list: null": OwnersValue(LIST, "null https://a.example.com"),
    "list: everyone": OwnersValue(LIST, "*", valid=False),
    "list: everyone and an origin": OwnersValue(LIST, "*, https://a.example.com"),
    "list: another list's name": OwnersValue(LIST, "@others https://a.example.com"),
    "list: a sentence": OwnersValue(LIST, "please allow our app", valid=False),
    "list: a document": OwnersValue(LIST, BAD, valid=False),
    "list: not gzip": OwnersValue(LIST, "gz:AAAA", valid=False),
    "list: three million invalid entries": OwnersValue(LIST, pack("x " * 3_100_000), valid=False),
    "list: many repeated entries": OwnersValue(LIST, pack("https://a.example.com " * 80_000)),
    "list: unpacks to 5 MB": OwnersValue(LIST, pack(" " * 5_000_000), valid=False),
    "list: a SecureString": OwnersValue(LIST, "https://*.github.io", secure=True),
    "list: under a key of its own": OwnersValue(LIST, "https://a.example.com", secure=True, locked=True),
    "list: deleted": OwnersValue(LIST, None),
    # What a site's writer can do to lists, to other sites and to aliases.
    "site: wildcard with credentials": OwnersValue(SITE, BAD, valid=False),
    "site: a public suffix with credentials": OwnersValue(SITE, with_credentials("https://*.github.io"), valid=False),
    "site: a hundred and one unsafe origins": OwnersValue(
        SITE, with_credentials("@partners", *(f"http://a{number}" for number in range(101))), valid=False
    ),
    "site: a sentence": OwnersValue(SITE, "please allow our app", valid=False),
    "site: deep JSON": OwnersValue(SITE, pack('{"a":' * 100_000), valid=False),
    "site: deep JSON that names the list": OwnersValue(SITE, pack('["@partners",' * 100_000), valid=False),
    "site: a huge rule": OwnersValue(SITE, pack('{"rules": [' + "{}," * 900_000 + "{}]}"), valid=False),
    "site: many invalid entries": OwnersValue(SITE, pack("@partners " + "x " * 400_000)),
    "site: a hundred lists": OwnersValue(SITE, NAMING_A_HUNDRED_LISTS),
    "site: a name that no list can have": OwnersValue(SITE, "@../sites/x @a/b https://app.example.com"),
    "site: a SecureString": OwnersValue(SITE, with_credentials("@partners"), secure=True),
    "site: under a key of its own": OwnersValue(SITE, with_credentials("@partners"), secure=True, locked=True),
    "site: deleted": OwnersValue(SITE, None),
    # What an alias's writer can do to sites and lists.
    "alias: an origin": OwnersValue(ALIAS, "https://app.example.com", valid=False),
    "alias: a path": OwnersValue(ALIAS, "../lists/partners", valid=False),
    "alias: a missing site": OwnersValue(ALIAS, "nowhere"),
    "alias: unpacks to 5 MB": OwnersValue(ALIAS, pack(" " * 5_000_000), valid=False),
    "alias: under a key of its own": OwnersValue(ALIAS, "shop", secure=True, locked=True),
    "alias: deleted": OwnersValue(ALIAS, None),
}


def write(world: World, row: OwnersValue) -> Change:
    """Write a row's value; the event of it."""
    if row.value is None:
        return world.delete(row.name) if world.value(row.name) is not None else world.event(row.name)
    fields = {"Type": "SecureString"} if row.secure else {}
    event = world.put(row.name, row.value, Tier="Advanced", **fields)
    if row.locked:
        world.lock(row.name)
    return event


def handle(guard: Guard, row: OwnersValue, event: Change) -> None:
    """Handle a row's own event, which fails for a value that can't be decrypted."""
    if not row.locked:
        guard.handle_change(event)
        return
    with pytest.raises((AwsError, Unfinished)):
        guard.handle_change(event)


def start(world: World, row: OwnersValue) -> None:
    """Every owner's parameter as it is at first, at home and in the replicas."""
    for name, (before, _) in EDITS.items():
        # The type of a parameter can't be changed.
        type_ = "SecureString" if name == row.name and row.secure else "String"
        world.put(name, before, Type=type_)
        for region in REPLICAS:
            world.ssm(region).put_parameter(Name=name, Value=before, Type=type_)  # type: ignore[arg-type]


def own_result(row: OwnersValue) -> list[str | None]:
    """What becomes of a row's own parameter, at home and in the replicas, if the guard reverts."""
    before = EDITS[row.name][0]
    if row.locked:
        return [row.value, before, before]
    return [row.value if row.valid else before] * (1 + len(REPLICAS))


# Of valid values nothing could be reverted, so they are written under a guard that would.
RUNS = [
    pytest.param(row, auto_revert, id=f"{name}, {'auto-revert' if auto_revert else 'report only'}")
    for name, row in ROWS.items()
    for auto_revert in (True, False)
    if auto_revert or not row.valid
]


@pytest.mark.parametrize(("row", "auto_revert"), RUNS)
def test_owners_value_of_one_owner_changes_nothing_for_the_others(
    world: World, row: OwnersValue, auto_revert: bool
) -> None:
    guard = world.guard(auto_revert=auto_revert, distributions=(DISTRIBUTION,), invalidates=True)
    start(world, row)
    others = {name: edits for name, edits in EDITS.items() if name != row.name}
    # The row's value is there before the other owners' edits, and is written once more after them.
    write(world, row)
    events = [world.put(name, after) for name, (_, after) in others.items()]
    event = write(world, row)
    for other in events:
        guard.handle_change(other)
    handle(guard, row, event)
    for other in reversed(events):
        guard.handle_change(other)
    for name, (before, after) in others.items():
        for region in (HOME, *REPLICAS):
            assert world.history(name, region) == [(1, before), (2, after)], (name, region)
    if auto_revert:
        assert world.everywhere(row.name) == own_result(row), "as without the other owners' parameters"


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_owners_value_is_judged_by_itself(world: World, row: OwnersValue) -> None:
    """Its result is the same without the other owners' parameters."""
    guard = world.guard(auto_revert=True)
    start(world, row)
    for name in EDITS:
        if name != row.name:
            world.delete(name)
    handle(guard, row, write(world, row))
    assert world.everywhere(row.name) == own_result(row)


def review_all() -> None:
    """Review the value of each row; print the most memory that the process took, in KB."""
    for row in ROWS.values():
        kind = cast("Kind", row.name.split("/")[2])
        if row.value is not None:
            assert review(kind, Stored(row.name, row.value, "String", 1)).valid == row.valid, row
    [peak] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    print(peak.split()[1])


def test_review_hostile_values_stay_within_the_guards_memory() -> None:
    """The guard has 256 MB; importing this module, with boto3 and moto, is most of what is measured here."""
    code = "from tests.functions.guard.test_owners import review_all; review_all()"
    root = Path(__file__).resolve().parents[3]
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False, timeout=300
    )
    assert process.returncode == 0, process.stderr
    assert int(process.stdout) < 160 * 1024
