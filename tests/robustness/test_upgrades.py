"""Old containers and new policies: what is not known never widens access, and it is said."""

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


def places(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Every object of a document."""
    return [document, *document["rules"]]


@pytest.mark.parametrize("version", [0, 2, 1.5, "1", "2", True, None, [], -1, 10**30])
def test_another_version_is_rejected_whole(version: Any) -> None:
    text = json.dumps({"version": version, "rules": [{"allow_origins": [APP]}]})
    with pytest.raises(PolicyError) as caught:
        load_policy(text)
    assert [error.code for error in caught.value.errors] == ["unknown-version"]


def test_an_unknown_field_is_rejected_wherever_it_stands() -> None:
    # Ignored, a field of tomorrow that narrows a rule ("except", "until") would leave it wide open.
    random = Random(1)
    for _ in range(300):
        document = generate.document(random)
        load_policy(json.dumps(document))
        for number in range(len(places(document))):
            made = copy.deepcopy(document)
            places(made)[number][random.choice(("except", "until", "Allow_Origins", "allow_origins ", ""))] = ["x"]
            with pytest.raises(PolicyError) as caught:
                load_policy(json.dumps(made))
            assert "unknown-field" in [error.code for error in caught.value.errors]


def test_an_unknown_value_is_rejected() -> None:
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
def test_an_entry_of_a_kind_that_is_not_known_allows_nobody(entry: str) -> None:
    policy = load_policy(f"{entry} https://known.example")
    for origin in (APP, EVIL, "https://a.example", entry):
        assert decide(policy, Request("GET", "/", origin=origin)).reason != "allowed"
    assert decide(policy, Request("GET", "/", origin="https://known.example")).reason == "allowed"


NEWER = {
    "a newer version": {"version": 2, "rules": [{"allow_origins": "*"}]},
    "a field of tomorrow": {"version": 1, "rules": [{"allow_origins": "*", "until": "2030-01-01"}]},
    "a value of tomorrow": {"version": 1, "rules": [{"allow_origins": "*", "on_refused": "challenge"}]},
}


@pytest.mark.parametrize("name", NEWER)
@pytest.mark.parametrize("front", faults.FRONTS)
def test_an_old_container_keeps_its_last_good_policy_and_says_so(front: str, name: str) -> None:
    good = peers.Parameters()
    parameter = f"/edgecors/sites/{faults.SITE}"
    with peers.Server(good) as server:
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
        # A container that starts now has nothing to keep: closed for CORS, open for the site.
        fresh = faults.FrontBench(front, server.url)
        assert fresh.ask(EVIL) == ("503", None)
        bench.close()
        fresh.close()
