"""bundle_edge.py DIRECTORY PLACE: puts the library's modules of the edge artifact into two files.

- The bytecode of ``edgecors/__init__.py`` holds that of all modules (see `edge_package.py`). One file compresses better
  than 24, and is read in less time.
- ``edgecors/sources.zip`` holds the sources, for every other version of Python and for tracebacks. They are not
  compressed in it: the artifact's own zip compresses them together. Comments, docstrings and annotations are cut out of
  the text and nothing else is changed, so it stays valid for every version that the repository is for, with its lines.

Run by the Python of Lambda (see compile_artifact.sh). PLACE is where the directory lies in Lambda, for tracebacks.
"""

import ast
import importlib.util
import io
import marshal
import shutil
import sys
import tokenize
import zipfile
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from types import CodeType

PACKAGE = "edgecors"
TIME = (2000, 1, 1, 0, 0, 0)

Cut = tuple[int, int, bytes]
"""Start, end and replacement of a piece of text."""


class Stripper:
    """Removes from a module's text what has no effect when it runs."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._lines = [0, *accumulate(map(len, source.splitlines(keepends=True)))]

    def strip(self) -> bytes:
        """The text without it, line by line where it was."""
        cuts = sorted([*self._comments(), *self._nodes(ast.parse(self._source))])
        pieces: list[bytes] = []
        position = 0
        for start, end, replacement in cuts:
            if start < position:
                continue  # inside of a piece that is cut out already
            lines = self._source.count(b"\n", start, end)
            pieces += (self._source[position:start], replacement, b"\n" * lines)
            position = end
        text = b"".join([*pieces, self._source[position:]])
        return b"".join(line.rstrip() + b"\n" for line in text.splitlines())

    def _offset(self, line: int, column: int) -> int:
        return self._lines[line - 1] + column

    def _start(self, node: ast.expr | ast.stmt | ast.arg) -> int:
        return self._offset(node.lineno, node.col_offset)

    def _end(self, node: ast.expr | ast.stmt | ast.arg) -> int:
        return self._offset(node.end_lineno or node.lineno, node.end_col_offset or 0)

    def _comments(self) -> Iterator[Cut]:
        for token in tokenize.tokenize(io.BytesIO(self._source).readline):
            if token.type == tokenize.COMMENT:
                # Columns of tokens are characters, not bytes.
                end = self._lines[token.start[0]] - len(token.line[token.start[1] :].encode())
                yield end, end + len(token.string.encode()), b""

    def _nodes(self, tree: ast.AST) -> Iterator[Cut]:
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list):
                useless = [statement for statement in body if not has_effect(statement)]
                for statement in useless:
                    is_all = len(useless) == len(body) and statement is body[0]
                    yield self._start(statement), self._end(statement), b"pass" if is_all else b""
            if isinstance(node, ast.arg) and node.annotation is not None:
                yield self._start(node) + len(node.arg.encode()), self._end(node.annotation), b""
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
                arrow = self._source.rindex(b"->", 0, self._start(node.returns))
                yield arrow, self._end(node.returns), b""
            elif isinstance(node, ast.AnnAssign) and node.value is not None:
                yield self._end(node.target), self._end(node.annotation), b""


def has_effect(statement: ast.stmt) -> bool:
    """False for docstrings, bare annotations, and what only type checkers see."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return False
    if isinstance(statement, ast.If) and isinstance(statement.test, ast.Name):
        return statement.test.id != "TYPE_CHECKING"
    return not isinstance(statement, ast.AnnAssign) or statement.value is not None


def compile_code(source: bytes | ast.Module, name: str) -> CodeType:
    """Bytecode as ``python -OO`` makes it."""
    code = compile(source, name, "exec", dont_inherit=True, optimize=2)
    assert isinstance(code, CodeType)
    return code


def with_modules(source: bytes, modules: dict[str, tuple[str, bytes]]) -> ast.Module:
    """The tree of `edge_package.py` with a value for ``MODULES``."""
    tree = ast.parse(source)
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "MODULES":
            statement.value = ast.copy_location(ast.Constant(marshal.dumps(modules)), statement.value)
            return tree
    raise ValueError("edge_package.py does not assign MODULES")


def write_bytecode(code: CodeType, source: Path) -> None:
    """Write bytecode that is not compared with its source (PEP 552): magic number, flags, hash, code."""
    flags, digest = (1).to_bytes(4, "little"), importlib.util.source_hash(source.read_bytes())
    target = Path(importlib.util.cache_from_source(str(source), optimization=""))
    target.parent.mkdir()
    target.write_bytes(importlib.util.MAGIC_NUMBER + flags + digest + marshal.dumps(code))


def main(directory: str, place: str) -> None:
    """Bundle the package in ``directory``."""
    root = Path(directory)
    package = root / PACKAGE
    start = package / "__init__.py"
    start.unlink()
    modules: dict[str, tuple[str, bytes]] = {}
    with zipfile.ZipFile(package / "sources.zip", "w") as archive:
        for path in sorted(package.rglob("*.py")):
            source = Stripper(path.read_bytes()).strip()
            archive.writestr(zipfile.ZipInfo(path.relative_to(package).as_posix(), TIME), source)
            name = path.relative_to(root).as_posix()
            module = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            file = f"{place}/{name}"
            modules[module] = file, marshal.dumps(compile_code(source, file))
            path.unlink()
    for path in package.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
    source = Stripper(Path(__file__).with_name("edge_package.py").read_bytes()).strip()
    start.write_bytes(source)
    name = f"{place}/{start.relative_to(root).as_posix()}"
    write_bytecode(compile_code(with_modules(source, modules), name), start)


if __name__ == "__main__":
    main(*sys.argv[1:])
