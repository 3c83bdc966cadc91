"""The readings of a path in JavaScript are those in Python, in njs itself."""

import json
import subprocess
from pathlib import Path
from random import Random

import pytest
from edgecors.paths import readings
from edgecors_local.javascript import Engine

from harness import generate
from harness.boundaries import composed_path

SOURCE = Path(__file__).resolve().parents[3] / "functions" / "viewer" / "paths.js"
EXAMPLES = (
    "/a/..",
    "/a/.",
    "/a/../",
    "/..",
    "/.",
    "/%u0000",
    "/%u002e.",
    "",
    "x",
    "/;" + "a" * 4093,
    "/;" + "a" * 4094,
)


def paths(seed: int) -> list[str]:
    random = Random(seed)
    composed = [composed_path(random) for _ in range(700)]
    return [*EXAMPLES, *composed, *(generate.path(random).replace("\ud800", "") for _ in range(300))]


@pytest.mark.parametrize("seed", [1, 2])
def test_readings_in_njs_are_those_in_python(njs: Engine, tmp_path: Path, seed: int) -> None:
    texts = paths(seed)
    (tmp_path / "paths.json").write_text(json.dumps(texts), "utf-8")
    script = tmp_path / "script.js"
    script.write_text(
        f"import fs from 'fs';\n{SOURCE.read_text('utf-8')}\n"
        f"const texts = JSON.parse(fs.readFileSync('{tmp_path}/paths.json').toString());\n"
        f"const all = texts.map((text) => readings(text) || null);\n"
        f"fs.writeFileSync('{tmp_path}/readings.json', JSON.stringify(all));\n",
        "utf-8",
    )
    subprocess.run([njs.command, str(script)], check=True, timeout=120)
    forms_of_texts = json.loads((tmp_path / "readings.json").read_text("utf-8"))
    for text, forms in zip(texts, forms_of_texts, strict=True):
        expected = readings(text)
        assert (forms and sorted(set(forms))) == (expected and sorted(set(expected))), text
