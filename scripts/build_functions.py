"""Builds the CloudFront Functions: `python scripts/build_functions.py DIRECTORY` writes one minified file for each.

The sources in functions/viewer are plain scripts without imports of each other, and are joined in the order of
`FUNCTIONS`. They run in njs, CloudFront's JavaScript runtime 2.0, which knows ES 5.1 and parts of later editions.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[1] / "functions" / "viewer"
FUNCTIONS = {
    "viewer-request": ("origin", "paths", "headers", "policy", "decision", "actual", "preflight", "viewer-request"),
    "viewer-response": ("origin", "paths", "headers", "policy", "decision", "actual", "vary", "viewer-response"),
}
MAX_BYTES = 10_240
"""https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html (not adjustable)"""
ECMASCRIPT = 2015
"""What the minifier may write: njs has no optional catch binding, `??` or `?.`."""

_IMPORT = "import cf from 'cloudfront';\n"
_STRING = re.compile(r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"|`(?:[^`\\]|\\.)*`")
_REGEX = re.compile(r"(?<=[=(,\[!&|?:{};])\s*(/(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*)")


def build(directory: Path) -> list[Path]:
    """Write the functions into a directory.

    Raises:
        ValueError: an artifact is too large, or holds what CloudFront's runtime refuses or reads differently.
    """
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, modules in FUNCTIONS.items():
        text = minify(join(modules))
        faults = find_faults(text)
        if faults:
            raise ValueError(f"{name}.js {'; '.join(faults)}")
        path = directory / f"{name}.js"
        path.write_text(text, "utf-8")
        paths.append(path)
    return paths


def join(modules: tuple[str, ...]) -> str:
    """The sources of the modules as one script."""
    return "".join((SOURCES / f"{module}.js").read_text("utf-8") for module in modules)


def minify(source: str) -> str:
    """The script with short names, and with the import and the handler that CloudFront expects around it.

    The minifier leaves names of the top level alone, so the script is put into a function and taken out again.
    """
    text = _run_minifier(f"(function(){{{source}\nreturn main}})()")
    match = re.fullmatch(r"\(function\(\)\{(.*?);?return (\w+)\}\)\(\);?", text, re.DOTALL)
    if match is None:
        raise ValueError("the minifier changed the function around the script")
    body, main = match.groups()
    return f"{_IMPORT}{body}\nasync function handler(event){{return {main}(event)}}\n"


def _run_minifier(source: str) -> str:
    try:
        import minify  # type: ignore[import-untyped]
    except ImportError:
        # There is no wheel for macOS, but Homebrew has the command.
        program = shutil.which("minify")
        if program is None:
            raise SystemExit(
                "The minifier is missing: run `make setup`, on macOS `brew install tdewolff-minify`."
            ) from None
        arguments = [program, "--type=js", f"--js-version={ECMASCRIPT}"]
        return subprocess.run(arguments, input=source, capture_output=True, text=True, check=True).stdout
    minify.config({"js-version": ECMASCRIPT})
    return str(minify.string("application/javascript", source))


def find_faults(text: str) -> list[str]:
    """What CloudFront refuses, or njs reads differently from other engines."""
    faults = []
    size = len(text.encode())
    if size > MAX_BYTES:
        faults.append(f"has {size:,} bytes, more than {MAX_BYTES:,}")
    if not text.isascii():
        faults.append("is not ASCII")
    code = _STRING.sub("''", text)
    if any("$" in match[1] for match in _REGEX.finditer(code)):
        faults.append("has a $ in a regular expression, which njs also matches before a trailing newline")
    if re.search(r"\beval\b|new Function|\bsetTimeout\b|\brequire\b", code):
        faults.append("has eval, new Function, setTimeout or require")
    if re.search(r"\bcatch\s*\{", code):
        faults.append("has a catch without a binding")
    if re.search(r"\?\?|\?\.(?!\d)", code):
        faults.append("has ?. or ??")
    if re.search(r"[(,]\s*await\b", re.sub(r"\b(?:if|while|switch|return)\s*\(\s*await\b", "", code)):
        faults.append("has await in arguments")
    return faults


if __name__ == "__main__":
    for path in build(Path(sys.argv[1])):
        print(f"{path}: {path.stat().st_size:,} bytes")
