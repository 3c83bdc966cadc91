"""Lists: how many entries one value may have, and what is said of repeated ones."""

from __future__ import annotations

import pytest
from edgecors.allowlist import read_list
from edgecors.document import load_policy
from edgecors.packing import TooLargeError

REPAIRED = 10


def entries(count: int) -> str:
    """So many different entries, some of which have to be repaired, and each of those twice."""
    repaired = [f"HTTPS://R{number}.example" for number in range(REPAIRED)]
    exact = [f"https://a{number}.example" for number in range(count - REPAIRED)]
    return " ".join([*repaired, *exact, *repaired])


def test_list_at_the_limit_of_entries_is_read_and_one_beyond_it_is_too_large() -> None:
    assert len(read_list("partners", entries(100_000)).index) == 100_000
    with pytest.raises(TooLargeError, match="the value has more than 100,000 different entries"):
        read_list("partners", entries(100_001))


@pytest.mark.parametrize("entry", ["*", "@others", "x", "HTTPS://A.example"])
def test_repeated_entry_is_reported_once(entry: str) -> None:
    assert len(list(read_list("partners", f"{entry} https://b.example {entry} {entry}").findings)) == 1


def test_repeated_name_that_no_list_can_have_is_reported_once() -> None:
    findings = load_policy("@a/b https://b.example @a/b @a/b").findings
    assert [finding.code for finding in findings] == ["bad-list-name"]
