"""The built CloudFront Functions get into the template that is deployed, and into that one only."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import yaml

from tests.template.document import ROOT, TEMPLATE
from tests.template.document import read as read_template

SCRIPT = ROOT / "scripts" / "embed_functions.py"
CODE = {
    "viewer-request.js": "import cf from 'cloudfront';\nconst a = `${1}\\u0000`, b = /\\d+/;\nfunction handler() {}",
    "viewer-response.js": f"const long = '{'x ' * 5000}';\n",
}


def test_embedded_code_is_the_built_code_and_nothing_else_changes(tmp_path: Path) -> None:
    built = read_template(TEMPLATE)
    template = tmp_path / "template.yaml"
    template.write_text(yaml.safe_dump(built, sort_keys=False), encoding="utf-8")
    for name, code in CODE.items():
        (tmp_path / name).write_text(code, encoding="utf-8")
    subprocess.run([sys.executable, str(SCRIPT), str(template), str(tmp_path)], check=True)
    embedded = read_template(template)
    for resource, name in (
        ("ViewerRequestFunction", "viewer-request.js"),
        ("ViewerResponseFunction", "viewer-response.js"),
    ):
        assert embedded["Resources"][resource]["Properties"].pop("FunctionCode") == CODE[name]
        del built["Resources"][resource]["Properties"]["FunctionCode"]
    assert embedded == built


def test_code_in_the_repository_passes_everything_on() -> None:
    """`sam build` alone deploys this; a page then gets no CORS headers, but the site works."""
    resources = read_template(TEMPLATE)["Resources"]
    for resource, value in (("ViewerRequestFunction", "request"), ("ViewerResponseFunction", "response")):
        code = resources[resource]["Properties"]["FunctionCode"]
        assert re.fullmatch(rf"function handler\(event\) \{{ return event\.{value}; \}}", code)
