"""The log: one line shape, one metric shape, and less than a line for each request."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from edgecors import telemetry
from edgecors.decision import REASONS, REFUSALS, Decision, Request, decide
from edgecors.document import load_policy
from edgecors.telemetry import INTERVAL, MAX_COUNTS, MAX_LOGGED, MAX_REFUSED, Telemetry
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

SITE = "E2EXAMPLE123ABC"

name = {"type": "string", "minLength": 1, "maxLength": 1024}
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
METRIC = {
    "type": "object",
    "required": ["Name"],
    "properties": {"Name": name, "Unit": {"enum": ["Count", "Seconds", "Milliseconds", "None"]}},
    "additionalProperties": False,
}
DIRECTIVE = {
    "type": "object",
    "required": ["Namespace", "Dimensions", "Metrics"],
    "properties": {
        "Namespace": name,
        "Dimensions": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "array", "maxItems": 30, "items": {"type": "string", "minLength": 1, "maxLength": 250}},
        },
        "Metrics": {"type": "array", "maxItems": 100, "items": METRIC},
    },
    "additionalProperties": False,
}
EMF = Draft202012Validator(
    {
        "type": "object",
        "required": ["_aws"],
        "properties": {
            "_aws": {
                "type": "object",
                "required": ["Timestamp", "CloudWatchMetrics"],
                "properties": {
                    "Timestamp": {"type": "integer", "minimum": 0},
                    "CloudWatchMetrics": {"type": "array", "items": DIRECTIVE},
                },
            }
        },
    }
)


def check_metrics(record: dict[str, Any]) -> None:
    """Also check that each name is a member of the record with a value of the right type, which the schema can't."""
    EMF.validate(record)
    for directive in record["_aws"]["CloudWatchMetrics"]:
        for dimension in (name for names in directive["Dimensions"] for name in names):
            assert isinstance(record[dimension], str)
            assert 0 < len(record[dimension]) <= 1024
        for metric in directive["Metrics"]:
            assert isinstance(record[metric["Name"]], int | float)


class Log:
    """A telemetry with a clock set by hand, and the lines it wrote."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now
        self.raw: list[str] = []
        self.telemetry = Telemetry(self.raw.append, clock=lambda: self.now)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.raw]

    @property
    def refused(self) -> list[dict[str, Any]]:
        return [line for line in self.lines if line.get("message") == "refused"]

    def counts(self) -> list[tuple[str, str, int]]:
        """Site, reason and count of each record so far; clears the lines."""
        records = [line for line in self.lines if "Decisions" in line]
        self.raw.clear()
        return [(record["site"], record["reason"], record["Decisions"]) for record in records]

    def record_decision(
        self, reason: str = "allowed", site: str = SITE, origin: str | None = "https://a.example"
    ) -> None:
        self.telemetry.record_decision(site, Request("GET", "/", origin=origin), Decision(reason))


@pytest.fixture
def log() -> Log:
    return Log()


# Lines.


def test_log_has_fields_of_powertools_logger(log: Log) -> None:
    log.now = 1_700_000_000.0625
    log.telemetry.log("INFO", "policy loaded", site=SITE, version=3, findings=[])
    assert log.lines == [
        {
            "level": "INFO",
            "message": "policy loaded",
            "timestamp": "2023-11-14T22:13:20.062Z",
            "service": "edgecors",
            "site": SITE,
            "version": 3,
            "findings": [],
        }
    ]


@pytest.mark.parametrize(("now", "end"), [(0.0, "00.000Z"), (59.9999, "59.999Z"), (1.001, "01.001Z")])
def test_log_milliseconds_are_cut(log: Log, now: float, end: str) -> None:
    log.now = 1_699_999_980.0 + now + 1e-6
    log.telemetry.log("INFO", "x")
    assert log.lines[0]["timestamp"].endswith(f":{end}")


def test_log_unknown_types_are_written_as_text(log: Log) -> None:
    log.telemetry.log("INFO", "x", error=ValueError("why"), names={"a"})
    assert (log.lines[0]["error"], log.lines[0]["names"]) == ("why", "{'a'}")


def test_log_writes_each_line_in_one_piece(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[str] = []
    original = sys.stdout.write

    def write(text: str) -> int:
        pieces.append(text)
        return original(text)

    monkeypatch.setattr(sys.stdout, "write", write)
    Telemetry().log("INFO", "x")
    assert json.loads(capsys.readouterr().out)["message"] == "x"
    assert len(pieces) == 1
    assert pieces[0].endswith("}\n")


# Any text, with what could end a line or a JSON value in front of the rest.
nasty = st.one_of(
    st.sampled_from(["\n", "\r\n", '"}\n{"level":"ERROR"', "\u2028", "\u0085", "\x00", "\ud800", "\x1b[2J"]), st.text()
)


@settings(deadline=None)
@given(texts=st.tuples(*[nasty] * 5))
def test_log_no_value_can_forge_a_line(texts: tuple[str, str, str, str, str]) -> None:
    log = Log()
    site, origin, method, wanted, headers = texts
    for request in (Request(method, "/", origin=origin), Request("OPTIONS", "/", None, None, origin, wanted, headers)):
        for reason in REASONS:
            log.telemetry.record_decision(site, request, Decision(reason))
    for line in log.raw:
        assert line.isascii()
        assert line.isprintable()
        assert line.splitlines() == [line]
        assert set(json.loads(line)) >= {"service"}


# Metrics.


def test_metrics_record_has_embedded_metric_format(log: Log) -> None:
    log.now = 1_700_000_000.0625
    log.telemetry.metrics({"RefreshFailures": (1, "Count"), "PolicyAge": (61.5, "Seconds")}, site=SITE)
    assert log.lines == [
        {
            "_aws": {
                "Timestamp": 1_700_000_000_062,
                "CloudWatchMetrics": [
                    {
                        "Namespace": "edgecors",
                        "Dimensions": [["site"]],
                        "Metrics": [
                            {"Name": "RefreshFailures", "Unit": "Count"},
                            {"Name": "PolicyAge", "Unit": "Seconds"},
                        ],
                    }
                ],
            },
            "service": "edgecors",
            "site": SITE,
            "RefreshFailures": 1,
            "PolicyAge": 61.5,
        }
    ]
    check_metrics(log.lines[0])


@pytest.mark.parametrize("site", [SITE, "", "x" * 256])
def test_metrics_records_are_valid_for_cloudwatch(log: Log, site: str) -> None:
    """An event without a distribution id has an empty site, which CloudWatch would take for no dimension."""
    for reason in REASONS:
        log.record_decision(reason, site=site)
    log.telemetry.flush()
    records = [line for line in log.lines if "_aws" in line]
    assert {record["reason"] for record in records} == set(REASONS)
    assert {record["site"] for record in records} == {site or "unknown"}
    for record in records:
        check_metrics(record)


# Counting.


def test_metrics_of_the_library_are_listed_in_the_module() -> None:
    sources = "".join(path.read_text("utf-8") for path in Path(telemetry.__file__).parent.rglob("*.py"))
    written = re.findall(r'"([A-Z][A-Za-z]+)": \([^"]*"(?:Count|Seconds)"\)', sources)
    assert set(written) == set(re.findall(r"^- ``(\w+)`` \(site", telemetry.__doc__ or "", re.MULTILINE))


def test_counts_are_written_at_once_then_once_an_interval(log: Log) -> None:
    log.record_decision()
    assert log.counts() == [(SITE, "allowed", 1)]
    for _ in range(5):
        log.record_decision()
    log.record_decision("not-cors", origin=None)
    log.record_decision(site="other")
    log.now += INTERVAL - 0.01
    log.record_decision()
    assert log.counts() == []
    log.now += 0.01
    log.record_decision("not-managed")
    expected = [(SITE, "allowed", 6), (SITE, "not-cors", 1), (SITE, "not-managed", 1), ("other", "allowed", 1)]
    assert sorted(log.counts()) == expected
    # All that were counted are written, and none twice.
    log.now += INTERVAL
    log.record_decision()
    assert log.counts() == [(SITE, "allowed", 1)]


def test_flush_writes_counts_so_far(log: Log) -> None:
    log.record_decision()
    log.record_decision()
    log.counts()
    log.record_decision()
    log.telemetry.flush()
    assert log.counts() == [(SITE, "allowed", 2)]
    log.telemetry.flush()
    assert log.counts() == []


def test_counts_clock_set_back_are_written(log: Log) -> None:
    log.record_decision()
    log.counts()
    log.now -= 3600
    log.record_decision()
    assert log.counts() == [(SITE, "allowed", 1)]
    log.record_decision()
    assert log.counts() == []


def test_counts_number_is_bounded(log: Log) -> None:
    log.record_decision()
    log.counts()
    for number in range(MAX_COUNTS):
        log.record_decision(site=f"site{number}")
    assert log.counts() == []
    log.record_decision(site="one more")
    assert len(log.counts()) == MAX_COUNTS + 1


# Refusals.

POLICY = load_policy(
    json.dumps(
        {"version": 1, "rules": [{"paths": ["/x"], "allow_origins": "*"}, {"allow_origins": ["https://a.example"]}]}
    )
)
EVIL = "https://evil.example"


def refuse(log: Log, request: Request) -> None:
    log.telemetry.record_decision(SITE, request, decide(POLICY, request))


def test_refusal_of_request_is_logged(log: Log) -> None:
    refuse(log, Request("GET", "/", origin=EVIL))
    (line,) = log.refused
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("timestamp"))
    assert line == {
        "level": "INFO",
        "message": "refused",
        "service": "edgecors",
        "site": SITE,
        "reason": "origin-not-allowed",
        "origin": EVIL,
        "method": "GET",
        "rule": 1,
    }


def test_refusal_of_preflight_logs_requested_method_and_headers(log: Log) -> None:
    refuse(log, Request("OPTIONS", "/", None, None, "https://a.example", "PURGE", "x-a,x-b"))
    (line,) = log.refused
    assert (line["reason"], line["request_method"], line["request_headers"]) == (
        "method-not-allowed",
        "PURGE",
        "x-a,x-b",
    )
    refuse(log, Request("OPTIONS", "/", None, None, EVIL, "GET"))
    assert log.refused[1]["request_headers"] == ""


def test_refusal_by_another_rule_is_logged_as_well(log: Log) -> None:
    policy = load_policy('{"rules": [{"paths": ["/a/*"], "allow_origins": []}, {"allow_origins": []}]}')
    for path in ("/a/1", "/b", "/a/2", "/c"):
        request = Request("GET", path, origin=EVIL)
        log.telemetry.record_decision(SITE, request, decide(policy, request))
    assert [line["rule"] for line in log.refused] == [0, 1]


def test_refusal_long_values_are_cut(log: Log) -> None:
    refuse(log, Request("OPTIONS", "/", None, None, "https://" + "x" * 9000, "M" * 9000, "h" * 9000))
    (line,) = log.refused
    assert [len(line[field]) for field in ("origin", "request_method", "request_headers")] == [
        MAX_LOGGED,
        32,
        MAX_LOGGED,
    ]
    refuse(log, Request("M" * 9000, "/", origin="https://y.example"))
    assert len(log.refused[1]["method"]) == 32
    assert max(map(len, log.raw)) < 2000


OTHER_REASONS = {"allowed", "not-cors", "not-managed", "same-origin", "policy-unavailable"}


@pytest.mark.parametrize("reason", REASONS)
def test_refusals_are_the_only_decisions_logged(log: Log, reason: str) -> None:
    log.record_decision(reason)
    assert [line["reason"] for line in log.refused] == ([] if reason in OTHER_REASONS else [reason])
    assert REASONS.keys() == REFUSALS | OTHER_REASONS


def test_refusal_repeated_is_logged_once_an_interval(log: Log) -> None:
    for _ in range(5):
        refuse(log, Request("GET", "/", origin=EVIL))
        log.now += INTERVAL / 6
    assert len(log.refused) == 1
    log.now += INTERVAL / 6
    refuse(log, Request("GET", "/", origin=EVIL))
    assert len(log.refused) == 2
    refuse(log, Request("GET", "/", origin=EVIL))
    assert len(log.refused) == 2


def test_refusals_differ_by_origin_site_and_reason(log: Log) -> None:
    for site in ("one", "two"):
        for origin in (EVIL, "https://other.example"):
            for reason in ("origin-not-allowed", "method-not-allowed"):
                for _ in range(2):
                    log.record_decision(reason, site=site, origin=origin)
    assert len(log.refused) == 8


def test_refusals_number_of_origins_is_bounded(log: Log) -> None:
    for number in range(MAX_REFUSED + 500):
        refuse(log, Request("GET", "/", origin=f"https://x{number}.example"))
    assert len(log.refused) == MAX_REFUSED
    # All of them are counted.
    log.counts()
    log.telemetry.flush()
    assert log.counts() == [(SITE, "origin-not-allowed", MAX_REFUSED + 499)]


def test_log_has_less_than_a_line_a_request(log: Log) -> None:
    for _ in range(1000):
        log.record_decision()
        log.record_decision("not-cors", origin=None)
        refuse(log, Request("GET", "/", origin=EVIL))
    assert len(log.raw) <= 4
