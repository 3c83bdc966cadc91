"""Puts the built CloudFront Functions into the built template: `python scripts/embed_functions.py TEMPLATE DIRECTORY`.

CloudFormation takes their code as text in the template, and `sam build` has no step for that. template.yaml holds code
that passes everything on; `make build` runs this script on the copy that `sam build` has written.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import yaml

FUNCTIONS: Final = {
    "ViewerRequestFunction": "viewer-request.js",
    "ViewerResponseFunction": "viewer-response.js",
}
"""The template's functions, and the files with their code."""


class _Block(str):
    """A text that is written as a block, which is how long code stays readable in YAML."""


def _represent_block(dumper: yaml.SafeDumper, text: _Block) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="|")


yaml.SafeDumper.add_representer(_Block, _represent_block)


def embed(template: Path, directory: Path) -> None:
    """Write the code of each function into the template. Its intrinsic functions are in their long form."""
    document = yaml.safe_load(template.read_text(encoding="utf-8"))
    for resource, name in FUNCTIONS.items():
        code = (directory / name).read_text(encoding="utf-8")
        document["Resources"][resource]["Properties"]["FunctionCode"] = _Block(code)
    template.write_text(yaml.safe_dump(document, sort_keys=False, width=1000), encoding="utf-8")


def main() -> int:
    """Run the script."""
    if len(sys.argv) != 3:
        print("usage: embed_functions.py TEMPLATE DIRECTORY", file=sys.stderr)
        return 2
    embed(Path(sys.argv[1]), Path(sys.argv[2]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
