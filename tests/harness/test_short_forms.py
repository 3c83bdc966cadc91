"""The harnesses in short form: a few seconds each, with fixed seeds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness import events, faults, framing, grants, mutants, parsers, peers

ROOT = Path(__file__).resolve().parents[2]
# A limit for broken runs; normally the number of cases decides how long a run takes.
SECONDS = 300


def test_decisions_on_random_policies_are_those_of_the_oracle() -> None:
    summary = grants.run(20261122, 20_000, SECONDS)
    assert summary.failures == []
    assert summary.counts["cases"] == 20_000
    # Cases that are all refused for the same reason would prove nothing.
    assert summary.counts["grants"] > 2000
    assert summary.counts["echoes"] > 1000


def test_answers_to_mutated_events_follow_the_rules_of_their_front() -> None:
    summary = events.run(20261122, 1500, SECONDS)
    assert summary.failures == []
    for front in ("edge", "rest", "http", "alb"):
        assert summary.counts[f"{front}_answers"] > 150
    assert summary.counts["grants"] > 100


def test_fronts_survive_every_fault_of_store_and_upstream() -> None:
    summary = faults.run(20261122, SECONDS, rounds=1)
    assert summary.failures == []
    assert summary.counts["scenes"] == 2 * len(peers.STORE_FAULTS) + len(faults.OTHERS) + len(peers.UPSTREAM_FAULTS)


@pytest.mark.parametrize("name", parsers.TARGETS)
def test_parser_accepts_the_corpus_of_the_fuzzer(name: str) -> None:
    inputs = parsers.corpus_inputs(name)
    assert inputs
    for data in inputs:
        parsers.TARGETS[name](data)


def test_framing_of_upstream_responses_never_reaches_the_next_viewer() -> None:
    summary = framing.run(20261122, 600, SECONDS)
    assert summary.failures == []
    assert summary.counts["cases"] == 600
    assert min(summary.counts[f"cases_{kind}"] for kind in (framing.EXACT, framing.UNUSUAL, framing.WRONG)) > 40


def test_mutants_of_the_decision_are_noticed() -> None:
    # In a process of its own: here the library is loaded already.
    command = [sys.executable, "-m", "harness", "mutants", "--modules", "decision", "--sample", "4", "--seed", "3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "mutants=4 " in done.stdout


def test_surviving_mutants_are_explained_and_still_exist() -> None:
    explained = mutants.explained()
    assert [key for key, why in explained.items() if not why] == []
    # Explanations of code that was removed must go.
    assert set(explained) <= {mutant.key for module in mutants.TARGETS for mutant in mutants.mutants(module)}
