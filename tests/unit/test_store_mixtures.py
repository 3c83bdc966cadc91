"""A policy is put together from a document and lists that change and fail on their own: what it may grant."""

import json
from typing import Any

from edgecors.aws import ReadError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.test_store import SITE, FakeRegion, StoreBench

LISTS = ("x", "y", "z")
ORIGINS = [f"https://{letter}.example" for letter in "abcdefgh"]
INVALID = '{"version": 1, "rules": 1}'
UNREADABLE = "gz:nonsense"

origins = st.lists(st.sampled_from(ORIGINS), max_size=3, unique=True)
documents = st.one_of(st.none(), st.just(INVALID), st.tuples(origins, st.lists(st.sampled_from(LISTS), unique=True)))
lists = st.one_of(st.none(), st.just(UNREADABLE), origins)
"""A stored value: None for no such parameter, a string for one that can't be used, else what it holds."""
changes = st.fixed_dictionaries(
    {},
    optional={
        "document": documents,
        "lists": st.dictionaries(st.sampled_from(LISTS), lists),
        "failing": st.booleans(),
        "slow": st.booleans(),
    },
)


class Model:
    """What the policy is made of, by the rules: last good document, last good value of each list that it names."""

    def __init__(self) -> None:
        self.document: tuple[list[str], list[str]] | None = None
        self.lists: dict[str, list[str]] = {}

    def read(self, document: object, stored: dict[str, Any]) -> None:
        """A read that was answered."""
        if document is None:
            self.document = ([], [])
        elif isinstance(document, tuple):
            self.document = document
        elif self.document is None:
            return
        values = {name: stored.get(name) for name in self.document[1]}
        last = self.lists
        self.lists = {}
        for name, value in values.items():
            if isinstance(value, list):
                self.lists[name] = value
            elif value == UNREADABLE and name in last:
                self.lists[name] = last[name]

    @property
    def granted(self) -> set[str] | None:
        """The origins that are allowed; None where there is no policy."""
        if self.document is None:
            return None
        return {*self.document[0], *(origin for values in self.lists.values() for origin in values)}


def write(region: FakeRegion, document: object, stored: dict[str, Any]) -> None:
    region.values.clear()
    if isinstance(document, str):
        region.values[f"sites/{SITE}"] = document
    elif isinstance(document, tuple):
        rule = {"allow_origins": [*document[0], *(f"@{name}" for name in document[1])]}
        region.values[f"sites/{SITE}"] = json.dumps({"version": 1, "rules": [rule]})
    for name, value in stored.items():
        if value is not None:
            region.values[f"lists/{name}"] = value if isinstance(value, str) else " ".join(value)


@settings(deadline=None, max_examples=150)
@given(st.lists(changes, min_size=1, max_size=8))
def test_mixture_grants_what_last_good_values_grant_and_no_more(steps: list[dict[str, Any]]) -> None:
    region = FakeRegion()
    bench = StoreBench(region)
    model = Model()
    document: object = None
    stored: dict[str, Any] = {}
    for step in steps:
        document = step.get("document", document)
        stored |= step.get("lists", {})
        write(region, document, stored)
        region.failing = {"": ReadError("timeout", "")} if step.get("failing") else {}
        region.slow = bool(step.get("slow"))
        # Longer than any back-off, and than two refresh times.
        policy = bench.get(after=3600)
        if not region.slow and not region.failing:
            model.read(document, stored)
        rules = policy.rules if policy is not None else ()
        granted = {origin for rule in rules for grant in rule.grants for origin in grant.allow_origins or ()}
        assert (None if policy is None else granted) == model.granted
