"""`make bench`: see --help."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from bench.report import PARTS, markdown, run, write


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about a minute, less exact; docs are not written")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the figures to FILE (-: only print them)")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        choices=PARTS,
        help="a part, may be repeated; docs are left alone",
    )
    options = parser.parse_args()
    parts, figures = run(
        quick=options.quick, only=options.only, say=lambda words: print(words, file=sys.stderr, flush=True)
    )
    if not options.quick and not options.only:
        write(figures, parts)
    if options.json == Path("-"):
        print(json.dumps(figures, indent=1))
        return
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1), "utf-8")
    print(markdown(figures, parts))


if __name__ == "__main__":
    main()
