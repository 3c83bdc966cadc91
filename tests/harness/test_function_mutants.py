"""The mutants of the CloudFront Functions' sources."""

from harness.function_mutants import mutants

SOURCE = "// a === b\nif (a === b && c < 2) {\n  return !d;\n}\n"


def test_mutants_change_one_place_of_the_code_each() -> None:
    texts = {mutant.text.split("\n", 1)[1] for mutant in mutants({"m": SOURCE})}
    assert "if (a !== b && c < 2) {\n  return !d;\n}\n" in texts
    assert "if (a === b || c < 2) {\n  return !d;\n}\n" in texts
    assert "if (a === b && c <= 2) {\n  return !d;\n}\n" in texts
    assert "if (a === b && c < 3) {\n  return !d;\n}\n" in texts
    assert "if (a === b && c < 2) {\n  return d;\n}\n" in texts


def test_mutants_leave_comments_alone_and_name_the_line() -> None:
    changes = list(mutants({"m": SOURCE}))
    assert all(mutant.text.startswith("// a === b\n") for mutant in changes)
    assert {mutant.line for mutant in changes} == {2, 3}
