"""Terraform's HCL through python-hcl2, which is an optional package."""

from __future__ import annotations

from typing import Any

from edgecors_admin.errors import UsageError
from edgecors_admin.importing.report import line_of

MAX_HCL = 256 * 1024
"""Characters; the parser is slow, and its work grows with the nesting."""
MAX_NESTING = 60


def read_hcl(text: str) -> Any:
    """The blocks of a Terraform file: a block of one type is a list, labels are keys.

    Raises:
        UsageError: the package is missing, or the text is not valid HCL.
    """
    try:
        import hcl2
        from lark.exceptions import LarkError
    except ImportError:
        raise UsageError(
            "Terraform files need the package python-hcl2: pip install '.[terraform]' in a checkout of edgecors. "
            "Or run terraform show -json and import its output, which also has the values of variables."
        ) from None
    _check_size(text)
    try:
        tree = hcl2.parses_to_tree(text)
        _check_lines(tree, text)
        return _plain(hcl2.serialize(hcl2.transform(tree)))
    except LarkError as error:
        line, column = getattr(error, "line", None), getattr(error, "column", None)
        raise _syntax_error(text, line, column, "unexpected text") from None


def _check_size(text: str) -> None:
    """Both figures are far above real files; the parser's work is bounded by them."""
    if len(text) > MAX_HCL:
        raise UsageError(
            f"The Terraform file is larger than {MAX_HCL // 1024} KiB. Import terraform show -json instead."
        )
    depth = 0
    for character in text:
        depth += (character in "{[(") - (character in "}])")
        if depth > MAX_NESTING:
            raise UsageError(f"The Terraform file is nested more than {MAX_NESTING} levels deep.")


def _check_lines(tree: Any, text: str) -> None:
    """Terraform wants every argument and every block of a body on a line of its own; the parser does not."""
    for body in tree.find_data("body"):
        previous = None
        for child in body.children:
            kind = getattr(child, "data", None)
            if kind not in ("attribute", "block"):
                continue
            if previous is not None and child.meta.line == previous:
                message = "a second argument on one line"
                raise _syntax_error(text, child.meta.line, child.meta.column, message, _OWN_LINES)
            previous = child.meta.end_line
    for block in tree.find_data("block"):
        for child in block.children:
            parts = [c for c in getattr(child, "children", ()) if getattr(c, "data", None) in ("attribute", "block")]
            one_line = block.meta.line == block.meta.end_line
            if getattr(child, "data", None) == "body" and one_line and any(c.data == "block" for c in parts):
                message = "a block inside a block of one line"
                raise _syntax_error(text, block.meta.line, block.meta.column, message, _OWN_LINES)


_OWN_LINES = " Write each argument on a line of its own."


def _syntax_error(text: str, line: int | None, column: int | None, message: str, remedy: str = "") -> UsageError:
    where = f"line {line}, column {column}" if line and line > 0 else "its end"
    shown_line = f": {line_of(text, line)}" if line and line > 0 else ""
    return UsageError(f"The Terraform file is not valid HCL: {message} at {where}{shown_line}.{remedy}")


def _plain(value: Any) -> Any:
    """The parser's values without its marks: texts in quotes, and ``__is_block__``."""
    if isinstance(value, dict):
        return {_unquoted(key): _plain(item) for key, item in value.items() if not str(key).startswith("__")}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return _unquoted(value) if isinstance(value, str) else value


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return text
