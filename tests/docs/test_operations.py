"""docs/operations.md against the template and the code: numbers, metrics, alarms, log lines, commands."""

from __future__ import annotations

import ast
import json
import math
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main
from edgecors import site_reader, store
from edgecors.aws.parameters import MAX_NAMES
from edgecors_cli.app import app

from tests.docs.markdown import blocks, by_first, read, section, spans, table
from tests.template.document import read as read_template

ROOT = Path(__file__).parents[2]
TEXT = read("operations.md")
TEMPLATE = read_template()
READS_A_SECOND = 40
"""Parameter Store's default for an account and Region."""


def about(title: str) -> str:
    return section(TEXT, title)


def calls(*directories: str) -> list[ast.Call]:
    """All calls in the sources of these directories."""
    sources = [source for name in directories for source in (ROOT / name).rglob("*.py")]
    assert sources
    trees = [ast.parse(source.read_text(encoding="utf-8")) for source in sources]
    return [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]


def method(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def constants(nodes: list[Any]) -> list[Any]:
    return [node.value for node in nodes if isinstance(node, ast.Constant)]


DATA_PATH = ("layers/edgecors/edgecors", "functions/gateway", "functions/edge")


# ---------------------------------------------------------------------------------------------------------- template


def test_alarms() -> None:
    rows = by_first(about("Alarms"))
    alarms = {
        name: resource["Properties"]
        for name, resource in TEMPLATE["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }
    assert list(rows) == list(alarms)
    for name, alarm in alarms.items():
        metrics = [item["MetricStat"]["Metric"] for item in alarm.get("Metrics", ()) if "MetricStat" in item] or [alarm]
        metric, when = rows[name]
        assert spans(metric) == [metrics[0]["Namespace"], *(item["MetricName"] for item in metrics)]
        if "Metrics" in alarm:
            condition = f"more than {alarm['Threshold']} % in 300 s"
        else:
            condition = f"{alarm['Statistic'].lower()} of {alarm['Period']} s is at least {alarm['Threshold']}"
        assert when == f"{condition}, {alarm['EvaluationPeriods']} in a row: {alarm['AlarmDescription']}"


def test_outputs_and_alarms_that_the_page_names_exist() -> None:
    named = set(re.findall(r"`([A-Z]\w+Alarm)`", TEXT))
    assert named <= set(TEMPLATE["Resources"])
    for name in ("TopicArn", "GuardDeadLettersUrl"):
        assert f"`{name}`" in TEXT
        assert name in TEMPLATE["Outputs"]


def test_error_caching() -> None:
    """Every code for which no-store does not count has a time of 0 in the template's distribution."""
    errors = TEMPLATE["Resources"]["Distribution"]["Properties"]["DistributionConfig"]["CustomErrorResponses"]
    assert {error["ErrorCachingMinTTL"] for error in errors} == {0}
    assert "only for 404, 410, 414 and 501" in TEXT


# ----------------------------------------------------------------------------------------------------------- numbers


def test_reads() -> None:
    text = about("Reads of Parameter Store")
    assert f"answers {READS_A_SECOND} reads a second" in text
    assert f"{1 - store.JITTER / 2:g} \u00d7 refresh_seconds" in text
    assert MAX_NAMES == 10
    assert site_reader.ABSENT_SECONDS == 3600  # "once an hour"
    rows = table(text)
    assert rows
    for label, reads, *containers in rows:
        # The first call has the site and its alias, too.
        lists = int(label.split()[-1]) - (MAX_NAMES - 2)
        assert int(reads) == 1 + math.ceil(lists / MAX_NAMES)
        for seconds, most in zip((10, 60, 300, 3600), containers, strict=True):
            share = int(reads) / (seconds * (1 - store.JITTER / 2))
            assert int(most.replace(",", "")) == math.floor(READS_A_SECOND / share), (label, seconds)


def test_deadlines_and_back_off() -> None:
    (_, *waits), (_, *overdue), (_, *first), (_, *longest) = table(about("When Parameter Store does not answer"))
    assert waits == [f"{store.WAIT:g} s", f"{site_reader.DEADLINE_COLD:g} s"]
    assert overdue == [f"{site_reader.DEADLINE_WARM:g} s", f"{site_reader.DEADLINE_COLD:g} s"]
    assert first == ["a quarter of the longest", f"{store.BACK_OFF_FIRST:g} s"]
    assert longest[0].startswith(f"{store.BACK_OFF_MOST:g} s, or `refresh_seconds`")
    assert longest[1] == f"{store.BACK_OFF_COLD:g} s"
    wait = store.wait_after_failure
    assert wait(3600, 0, 1.0) == store.BACK_OFF_MOST / 4
    assert wait(20, 0, 1.0) == 5
    assert wait(None, 0, 1.0) == 1.0
    assert [wait(None, 1, draw) for draw in (0.0, 1.0)] == [1.0, 2.0]  # up to half is taken off


# --------------------------------------------------------------------------------------------- metrics and log lines


def test_metrics_of_the_data_path() -> None:
    written: dict[str, str] = {}
    for source in (node for node in calls(*DATA_PATH) if method(node) in ("metrics", "_failed", "flush")):
        for argument in source.args[:1]:
            if isinstance(argument, ast.Dict):
                for key, value in zip(argument.keys, argument.values, strict=True):
                    assert isinstance(key, ast.Constant)
                    assert isinstance(value, ast.Tuple)
                    written[str(key.value)] = constants(value.elts)[-1]
    # The store puts its own together before it writes them.
    for name, unit in re.findall(r'"(\w+)": \(\w+, "(\w+)"\)', (ROOT / DATA_PATH[0] / "store.py").read_text()):
        written[name] = unit
    documented = by_first(section(TEXT, "Metrics"))
    assert {name: cells[0] for name, cells in documented.items()} == written
    for name, cells in documented.items():
        dimensions = {"Decisions": ["site", "reason"], "UpstreamErrors": ["site", "status"]}.get(name, ["site"])
        assert spans(cells[1]) == dimensions


def test_metrics_of_the_guard() -> None:
    written = set()
    for call in calls("functions/guard"):
        if method(call) in ("count", "measure"):
            written.update(constants(call.args[:1]))
        keywords = {word.arg: word.value for word in call.keywords}
        if method(call) in ("add_metric", "_part"):
            written.update(constants([keywords.get("name"), keywords.get("count")]))
    text = about("Metrics").partition("The guard's")[2]
    assert set(by_first(text)) == written


def test_log_lines_of_the_data_path() -> None:
    written: dict[str, str] = {}
    for call in calls(*DATA_PATH):
        words = constants(call.args)
        if method(call) == "log" and len(words) >= 2:
            written[words[1]] = words[0]
        elif method(call) == "log_error" and words:
            written[words[0]] = "ERROR"
    assert {message: cells[0] for message, cells in by_first(about("Log lines")).items()} == written


def test_log_lines_of_the_guard() -> None:
    written = {}
    for call in calls("functions/guard"):
        if method(call) in ("info", "warning", "error") and (words := constants(call.args[:1])):
            written[words[0]] = method(call).upper()
    documented = {
        message: cells[0] for message, cells in by_first(about("Log lines").partition("The guard's:")[2]).items()
    }
    assert documented.pop("findings") == "ERROR, WARNING or INFO"  # its level is that of what was found
    assert documented == written


# ---------------------------------------------------------------------------------------------------------- commands


def commands() -> list[str]:
    lines = [line for block in blocks(TEXT.replace("\n   ", "\n"), "sh") for line in block.splitlines()]
    candidates = [line.partition(" #")[0].strip() for line in lines] + re.findall(r"`(edgecors [a-z][^`]*)`", TEXT)
    return sorted({line for line in candidates if line.startswith("edgecors ")})


def test_there_are_commands() -> None:
    assert len(commands()) > 20


@pytest.mark.parametrize("line", commands())
def test_commands_can_be_parsed(line: str) -> None:
    """Names, arguments and options are known. What they do is for the command's own tests."""
    group = typer.main.get_command(app)
    name, *arguments = shlex.split(line)[1:]
    command = group.commands[name]  # type: ignore[attr-defined]
    if not arguments:
        return
    directory = name in ("plan", "apply")
    command.make_context(name, ["." if directory else argument for argument in arguments])


def test_json_examples() -> None:
    (statement,) = (json.loads(block) for block in blocks(TEXT, "json"))
    assert statement["Statement"][0]["Resource"].endswith(":parameter/edgecors/lists/partners")
    (put,) = re.findall(r"aws ssm put-parameter --cli-input-json '(\{.*?\})'", TEXT, re.DOTALL)
    assert json.loads(put)["Name"] == "/edgecors/sites/shop"


def test_links_lead_somewhere() -> None:
    for name in ("operations.md", "deploy.md", "policy.md", "architecture.md", "decisions.md"):
        text = read(name)
        headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            file, _, anchor = target.partition("#")
            if file:
                assert (ROOT / "docs" / file).exists() or not file.endswith(".md"), (name, target)
            elif anchor:
                assert anchor in anchors, (name, target)
