"""`python -m harness NAME [--seed N] [--seconds N] ...` runs one harness and exits with 1 if a check failed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The library is imported from this tree, not from an installed package, so that mutants and other checkouts can be run.
sys.path[:0] = [str(ROOT), str(ROOT / "layers" / "edgecors"), *(str(ROOT / name) for name in ("admin", "cli", "local"))]


def main(arguments: list[str] | None = None) -> int:
    """Run the harness that the arguments name; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m harness", description=__doc__)
    commands = parser.add_subparsers(dest="name", required=True, metavar="NAME")

    def command(name: str, help: str, seconds: float) -> argparse.ArgumentParser:
        subparser = commands.add_parser(name, help=help, description=help)
        subparser.add_argument("--seed", type=int, default=1, help="the same seed gives the same cases (default: 1)")
        subparser.add_argument("--seconds", type=float, default=seconds, help=f"time limit (default: {seconds:g})")
        return subparser

    grants = command("grants", "compare decisions with the oracle's, on random policies and requests", 1200)
    grants.add_argument("--cases", type=int, default=1_000_000)
    paths = command("paths", "compare decisions with the rules of the resources that upstream servers see", 1200)
    paths.add_argument("--cases", type=int, default=1_000_000)
    bombs = command("bombs", "measure processor time and memory of the worst values and paths", 600)
    bombs.add_argument("--cases", type=int, default=40, help="random values besides the listed ones")
    mutants = command("mutants", "make small changes to the engine; the tests must notice each", 7200)
    mutants.add_argument("--modules", default="", help="modules, separated by commas (default: the whole engine)")
    mutants.add_argument("--sample", type=int, help="number of mutants, chosen by the seed (default: all)")
    mutants.add_argument("--part", default="0/1", help="for several processes: 0/2 and 1/2 are the two halves")
    events = command("events", "send mutated events of every source through every handler", 1200)
    events.add_argument("--cases", type=int, default=100_000)
    parsers = command("parsers", "coverage-guided fuzzing of the parsers (atheris; `make fuzz` installs it)", 120)
    parsers.add_argument("--target", default="", help="one parser (default: each in turn, an equal share of the time)")
    faults = command("faults", "a Parameter Store and an upstream that misbehave", 600)
    faults.add_argument("--rounds", type=int, default=5, help="five combine each fault with each front (default: 5)")
    framing = command("framing", "check that no framing of a response gives it to the wrong viewer", 600)
    framing.add_argument("--cases", type=int, default=50_000)
    load = command("load", "sustain load while the policy changes every second", 120)
    load.add_argument(
        "--emulator", action="store_true", help="the built edge function in Lambda's runtime emulator too"
    )
    command("latency", "how long a change takes at a distance, and how long requests wait for it", 600)
    functions = command("functions", "compare the CloudFront Functions, run in njs, with the edge function", 3600)
    functions.add_argument("--cases", type=int, default=1_000_000)
    function_mutants = command(
        "function-mutants", "make small changes to the CloudFront Functions; each must be noticed", 7200
    )
    function_mutants.add_argument("--sample", type=int, help="only so many, chosen by the seed")
    options = parser.parse_args(arguments)
    return RUNS[options.name](options)


def run_grants(options: argparse.Namespace) -> int:
    """Decisions compared with the oracle's."""
    from harness import grants

    return grants.run(options.seed, options.cases, options.seconds).finish()


def run_latency(options: argparse.Namespace) -> int:
    """Distance."""
    from harness import latency

    return latency.run(options.seed, options.seconds).finish()


def run_functions(options: argparse.Namespace) -> int:
    """The decision in JavaScript."""
    from harness import functions

    functions.build()
    return functions.run(options.seed, options.cases, options.seconds).finish()


def run_function_mutants(options: argparse.Namespace) -> int:
    """Small changes of the JavaScript."""
    from harness import function_mutants

    return function_mutants.run(options.seed, options.seconds, options.sample).finish()


def run_paths(options: argparse.Namespace) -> int:
    """Decisions compared with what servers read."""
    from harness import paths

    return paths.run(options.seed, options.cases, options.seconds).finish()


def run_bombs(options: argparse.Namespace) -> int:
    """Resource bombs."""
    from harness import bombs

    return bombs.run(options.seed, options.seconds, options.cases).finish()


def run_mutants(options: argparse.Namespace) -> int:
    """Small changes of the engine."""
    from harness import mutants

    modules = tuple(options.modules.split(",")) if options.modules else mutants.TARGETS
    number, _, of = options.part.partition("/")
    return mutants.run(options.seed, options.seconds, modules, options.sample, (int(number), int(of))).finish()


def run_events(options: argparse.Namespace) -> int:
    """Mutated events."""
    from harness import events

    return events.run(options.seed, options.cases, options.seconds, sam=True).finish()


def run_parsers(options: argparse.Namespace) -> int:
    """Coverage-guided fuzzing."""
    from harness import parsers

    return parsers.run(options.seed, options.seconds, options.target).finish()


def run_faults(options: argparse.Namespace) -> int:
    """Misbehaving peers."""
    from harness import faults

    return faults.run(options.seed, options.seconds, options.rounds).finish()


def run_framing(options: argparse.Namespace) -> int:
    """Framings of the gateway's upstream."""
    from harness import framing

    return framing.run(options.seed, options.cases, options.seconds).finish()


def run_load(options: argparse.Namespace) -> int:
    """Sustained load."""
    from harness import load

    return load.run(options.seed, options.seconds, emulator=options.emulator).finish()


RUNS = {
    "grants": run_grants,
    "paths": run_paths,
    "events": run_events,
    "functions": run_functions,
    "function-mutants": run_function_mutants,
    "parsers": run_parsers,
    "faults": run_faults,
    "framing": run_framing,
    "load": run_load,
    "latency": run_latency,
    "bombs": run_bombs,
    "mutants": run_mutants,
}

if __name__ == "__main__":
    sys.exit(main())
