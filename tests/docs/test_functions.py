"""docs/functions.md: the table of sizes is what the benchmark prints."""

from pathlib import Path

from bench.functions import size_rows

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "functions.md").read_text("utf-8")


def test_sizes_and_reads_of_policies_are_those_that_the_benchmark_prints() -> None:
    assert "\n".join(size_rows()) in PAGE
