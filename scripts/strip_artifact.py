"""strip_artifact.py DIRECTORY: takes docstrings, comments and annotations out of an artifact's sources.

A cold start loads the artifact, and half of its bytes are explanations and types that nothing reads at run time. The
repository keeps them. Run by the Python of Lambda, so that the syntax it writes is that of the runtime.
"""

import ast
import sys
from pathlib import Path


class Stripper(ast.NodeTransformer):
    """Removes what has no effect when a module runs."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Strip a node's children, then its lists of statements and its annotations."""
        super().generic_visit(node)
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(node, name, None)
            if isinstance(statements, list) and statements and isinstance(statements[0], ast.stmt):
                remaining = [statement for statement in map(without_annotation, statements) if has_effect(statement)]
                setattr(
                    node,
                    name,
                    remaining or ([ast.Pass()] if name == "body" and not isinstance(node, ast.Module) else []),
                )
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
        return node


def without_annotation(statement: ast.stmt) -> ast.stmt:
    """An annotated assignment as a plain one."""
    if isinstance(statement, ast.AnnAssign) and statement.value is not None:
        return ast.copy_location(ast.Assign([statement.target], statement.value), statement)
    return statement


def has_effect(statement: ast.stmt) -> bool:
    """False for docstrings, bare annotations, and what only type checkers see."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return False
    if isinstance(statement, ast.If) and isinstance(statement.test, ast.Name):
        return statement.test.id != "TYPE_CHECKING"
    return not isinstance(statement, ast.AnnAssign)


def main(directory: str) -> None:
    """Rewrite every module below ``directory``."""
    for path in Path(directory).rglob("*.py"):
        tree = ast.fix_missing_locations(Stripper().visit(ast.parse(path.read_text(encoding="utf-8"))))
        path.write_text(ast.unparse(tree) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
