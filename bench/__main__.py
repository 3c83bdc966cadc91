"""`make bench`: see --help."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from bench.report import DOCS, run


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="within a minute, less exact, docs are left alone")
    parser.add_argument("--json", metavar="FILE", type=Path, help="the figures, too (-: print them alone)")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        choices=["request", "cold", "memory", "policies", "fleet", "cost"],
        help="a part, may be repeated; docs are left alone",
    )
    options = parser.parse_args()
    write = not options.quick and not options.only
    text, figures = run(
        quick=options.quick,
        write=write,
        only=options.only,
        say=lambda words: print(words, file=sys.stderr, flush=True),
    )
    if write:
        (DOCS / "performance.md").write_text(text, "utf-8")
    if options.json == Path("-"):
        print(json.dumps(figures, indent=1))
        return
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1), "utf-8")
    print(text)


if __name__ == "__main__":
    main()
