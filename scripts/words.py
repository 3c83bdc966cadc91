"""Keeps private idioms and vague names out of the repository: prints each, and exits with 1 if there is one.

The list grew out of a review of the language; CONTRIBUTING.md says under Style how to write instead. A line that quotes
somebody else's words, or is about this list, ends with ``words: ok``.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUFFIXES = {".py", ".md", ".yaml", ".yml", ".sh", ".html", ".js", ".css", ".toml"}

IDIOMS = {
    r"\b(that|which|what|and|who|it) (is|are|was|were) none\b": "invalid ..., or: is not a ...",
    r"\b(what|that) is no\b": "is not a ...",
    r"(?<![Tt]here )\bis no (JSON|name|origin|list|path|glob|URL|token|document|event|request)\b": "is not a ...",
    r"(?<![Tt]here )\bis no (object|string|number|field|trigger|base64)\b": "is not a ...",
    r"\b[Mm]end(s|ed|ing)?\b": "fix",
    r"\b(is|are|was|were|be|being) told\b|\btold (of|apart|beside|with|as)\b": "reported, logged, distinguished",
    r"_told(_|\b)": "reported, distinguished",
    r"\bhangs? on\b": "depends on",
    r"\bin (nobody|a request|the request|anybody)'s way\b|\bin the way of\b": "in (outside) the request path",
    r"\bas it came\b|\b[Ww]hat came\b|\bas they came\b": "unchanged, as received; the response, the result",
    r"\bbeside the\b.*\bway\b": "outside the request path",
    r"\blet go of\b|\blets go of\b": "release",
    r"\btaken? over and\b|\b[Tt]akes? away\b|\btaken away\b": "remove, uninstall",
    r"\bnone can\b": "a ... cannot",
    r"\b(the very|for whoever|whoever asks)\b": "the, for those who",
    r"\bstands? there already\b": "already listed",
    r"\bin a sentence of its own\b|\bhas no say\b": "plain words",
    r"\bill-behaved\b": "misbehaving",
    r"\bwounds?\b": "what the test shows",
}
ALLOWED = ("words: ok",)
VAGUE = frozenset({"found", "given", "kept", "made", "ours", "several", "told", "wrong"})
"""Names that don't say what they hold; a leading underscore changes nothing."""


def tracked_files() -> list[Path]:
    """The repository's own text files."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [ROOT / name for name in names if Path(name).suffix in SUFFIXES or Path(name).name == "Makefile"]


def vague_names(source: str) -> Iterator[tuple[int, str]]:
    """The line and name of each variable, attribute, parameter, function and class with a vague name."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()) | ast.arg(arg=name):
                pass
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                pass
            case _:
                continue
        if name.strip("_") in VAGUE:
            yield node.lineno, name


def main() -> int:
    """Search every file; the exit status."""
    hits = 0
    for path in tracked_files():
        if path == Path(__file__).resolve() or not path.exists():
            continue
        text = path.read_text(encoding="utf-8")
        for number, name in vague_names(text) if path.suffix == ".py" else ():
            print(f"{path.relative_to(ROOT)}:{number}: {name!r}: name it by what it holds")
            hits += 1
        for number, line in enumerate(text.splitlines(), 1):
            for idiom, instead in IDIOMS.items():
                match = re.search(idiom, line)
                if match and not line.rstrip().endswith(ALLOWED):
                    print(f"{path.relative_to(ROOT)}:{number}: {match[0]!r}: write {instead}")
                    hits += 1
    return 1 if hits else 0


if __name__ == "__main__":
    sys.exit(main())
