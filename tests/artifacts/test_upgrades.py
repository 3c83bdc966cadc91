"""Containers that run an older version than the policy was written for: unknown words never widen access."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

import pytest
from edgecors.decision import Request, decide
from edgecors.document import PolicyError, load_policy

from harness import faults, generate, peers

APP, EVIL = faults.APP, faults.EVIL


def objects(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Every object of a document."""
    rules = document["rules"]
    return [document, *rules, *(grant for rule in rules for grant in rule.get("grants", ()))]


@pytest.mark.parametrize("version", [0, 2, 1.5, "1", "2", True, None, [], -1, 10**30])
def test_document_with_an_unknown_version_is_rejected(version: Any) -> None:
    text = json.dumps({"version": version, "rules": [{"allow_origins": [APP]}]})
    with pytest.raises(PolicyError) as caught:
        load_policy(text)
    assert [error.code for error in caught.value.errors] == ["unknown-version"]


def test_document_with_an_unknown_field_in_any_object_is_rejected() -> None:
    # If a later version's field that narrows a rule ("except", "until") were ignored, the rule would be wide open.
    random = Random(1)
    for _ in range(300):
        document = generate.document(random)
        load_policy(json.dumps(document))
        for number in range(len(objects(document))):
            changed = copy.deepcopy(document)
            objects(changed)[number][random.choice(("except", "until", "Allow_Origins", "allow_origins ", ""))] = ["x"]
            with pytest.raises(PolicyError) as caught:
                load_policy(json.dumps(changed))
            assert "unknown-field" in [error.code for error in caught.value.errors]


def test_document_with_an_unknown_value_is_rejected() -> None:
    for field, value in {
        "mode": "audit",
        "on_refused": "redirect",
        "resource_policy": "all",
        "tolerate": ["everything"],
    }.items():
        rule: dict[str, Any] = {"allow_origins": [APP]}
        document: dict[str, Any] = {"rules": [rule]}
        (document if field == "mode" else rule)[field] = value
        with pytest.raises(PolicyError) as caught:
            load_policy(json.dumps(document))
        assert [error.code for error in caught.value.errors] == ["unknown-value"]


@pytest.mark.parametrize(
    "entry",
    [
        "https://app.example.com/*",
        "https://**.example.com",
        "~https://.*",
        "re:.*",
        "https://[a-z].example",
        "regex:https://.*",
    ],
)
def test_entry_of_an_unknown_kind_allows_nobody(entry: str) -> None:
    policy = load_policy(f"{entry} https://known.example")
    for origin in (APP, EVIL, "https://a.example", entry):
        assert decide(policy, Request("GET", "/", origin=origin)).reason != "allowed"
    assert decide(policy, Request("GET", "/", origin="https://known.example")).reason == "allowed"


NEWER = {
    "a newer version": {"version": 2, "rules": [{"allow_origins": "*"}]},
    "an unknown field": {"version": 1, "rules": [{"allow_origins": "*", "until": "2030-01-01"}]},
    "an unknown value": {"version": 1, "rules": [{"allow_origins": "*", "on_refused": "challenge"}]},
}


@pytest.mark.parametrize("name", NEWER)
@pytest.mark.parametrize("front", faults.FRONTS)
def test_newer_document_leaves_the_last_good_policy_in_use_and_is_logged(front: str, name: str) -> None:
    good = peers.WorkingStore()
    parameter = f"/edgecors/sites/{faults.SITE}"
    with peers.PeerServer(good) as server:
        good.values[parameter] = faults.policy(APP)
        bench = faults.FrontBench(front, server.url)
        assert bench.ask(APP) == ("204", APP)
        good.values[parameter] = json.dumps(NEWER[name])
        bench.now += 60
        bench.lines.clear()
        assert bench.ask(APP) == ("204", APP)
        assert bench.ask(EVIL) == ("403", None)
        (line,) = bench.failures()
        assert (line["code"], line["served"]) == ("invalid-policy", "last-good")
        assert "unknown-" in line["error"]
        # A container that starts now has no last good policy.
        fresh = faults.FrontBench(front, server.url)
        assert fresh.ask(EVIL) == ("503", None)
        bench.close()
        fresh.close()
