"""The calculator: worked by hand, and invalid arguments."""

import json
import re
from collections import Counter

import pytest
from edgecors_admin.cost import (
    ALARMS_EDGE,
    ALARMS_FUNCTIONS,
    ALARMS_GATEWAY,
    ALARMS_GUARD,
    ALARMS_SITE,
    PRICES,
    Traffic,
    costs,
    markdown,
)
from edgecors_cli.app import app
from typer.testing import CliRunner

from tests.template.document import TEMPLATE, read

# Nothing but what each case is about.
BARE = {"cold_share": 0.0, "log_bytes": 0.0, "reasons": 0.0}


def of(setup: str, prices: dict[str, float] | None = None, /, **inputs: float) -> dict[str, float]:
    (estimate,) = [cost for cost in costs(Traffic(**BARE | inputs), prices) if cost.setup == setup]
    return {name: round(dollars, 4) for name, dollars in estimate.items.items()}


def test_the_viewer_setup_runs_twice_a_request_and_once_more_on_a_miss() -> None:
    # 10 million, one of them preflights, nine in ten of the others from the cache: 10 + 9 + 0.9 million invocations.
    items = of("edge, viewer", requests=10e6, preflights=0.1, cors=0.3, hit_ratio=0.9)
    assert items["requests"] == round(19.9 * 0.60, 4)
    assert items["time"] == round(19.9e6 * 0.001 * 128 / 1024 * 0.00005001, 4)
    assert items["logs"] == 0


def test_the_origin_setup_runs_on_misses_only() -> None:
    # Missing: 0.2 of 3 million with Origin, 0.1 of 6 million without, half of a million preflights.
    items = of(
        "edge, origin",
        requests=10e6,
        preflights=0.1,
        cors=0.3,
        hit_ratio=0.9,
        hit_ratio_by_origin=0.8,
        hit_ratio_preflights=0.5,
    )
    assert items["requests"] == round((2 * (0.6 + 0.6) + 0.5) * 0.60, 4)


def test_the_gateway_pays_for_the_time_it_waits() -> None:
    items = of("gateway behind a REST API", requests=1e6, preflights=0, cors=1, gateway_ms=100, gateway_mb=1024)
    assert items == {
        "requests": 0.2,
        "time": round(100_000 * 0.0000133334, 4),
        "logs": 0,
        "API Gateway": 3.5,
        "Parameter Store": 0,
        "metrics": 0,
        "alarms": 0.8,
    }


def test_cold_starts_logs_and_parameters_are_counted_where_they_are_paid() -> None:
    items = of(
        "edge, viewer", requests=1e6, preflights=0, cors=0, hit_ratio=1, cold_share=0.5, cold_ms=1000, log_bytes=500
    )
    assert items["time"] == round(2e6 * 0.501 * 0.125 * 0.00005001, 4)
    assert items["logs"] == round(2e6 * 500 / 1e9 * 0.5, 4)
    assert items["Parameter Store"] == 0
    items = of("layer", containers=70, refresh_seconds=60, higher_throughput=1, advanced_parameters=2)
    assert items["Parameter Store"] == round(70 * 2_592_000 / 52.5 / 10_000 * 0.05 + 0.1, 4)


def test_metrics_are_paid_in_every_region_that_runs_edge_functions() -> None:
    monitored = {"reasons": 4, "regions": 13, "containers": 10, "metric_bytes": 1000, "dashboards": 1}
    # Ten containers write a record a minute and reason; the guard reads and publishes three metrics.
    records = 10 * 43_200 * 4 * 1000 / 1e9 * 0.5
    items = of("edge, viewer", **monitored)
    assert items["metrics"] == round((4 * 13 + 3) * 0.30 + records + 2880 * 13 * 3 / 1000 * 0.01 + 3, 4)
    assert items["alarms"] == 1.2
    assert of("layer", **monitored)["metrics"] == round(4 * 0.30 + records + 3, 4)


def test_a_snapshot_is_paid_all_month_and_for_each_restore() -> None:
    inputs = {"requests": 1e6, "preflights": 0.1, "gateway_mb": 512, "cold_share": 0.01}
    assert "snapshots" not in of("gateway behind an HTTP API", **inputs)
    items = of("gateway behind an HTTP API", **inputs, snapshots=2)
    assert items["snapshots"] == round(2 * 0.5 * 2_592_000 * 0.0000015046 + 10_000 * 0.5 * 0.0001397998, 4)


def test_the_alarms_are_those_of_the_template() -> None:
    watched: Counter[str] = Counter()
    for resource in read(TEMPLATE)["Resources"].values():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            metrics = [metric for metric in resource["Properties"].get("Metrics", []) if "MetricStat" in metric]
            watched[resource["Condition"]] += len(metrics) or 1
    assert watched == {
        "AlarmsForSite": ALARMS_SITE,
        "AlarmsForEdge": ALARMS_EDGE - 2,
        "AlarmsForRegions": 2,
        "AlarmsForViewerFunctions": ALARMS_FUNCTIONS - 2,
        "AlarmsForStore": 2,
        "AlarmsForGateway": ALARMS_GATEWAY,
        "AlarmsForGuard": ALARMS_GUARD,
    }


def test_an_invocation_is_billed_in_whole_milliseconds() -> None:
    assert of("edge, viewer", edge_ms=0.02) == of("edge, viewer", edge_ms=1.0)


def test_the_page_about_functions_has_the_calculators_dollars() -> None:
    dollars = {cost.setup: cost.dollars for cost in costs(Traffic())}
    page = (TEMPLATE.parent / "docs" / "functions.md").read_text("utf-8")
    for divisor in (1, 100):
        viewer, origin, functions, alone = (
            f"{dollars[setup] / divisor:.2f}"
            for setup in ("edge, viewer", "edge, origin", "functions", "functions alone")
        )
        row = rf"\| {viewer} \| {origin}\b.*\| {functions}; {alone} without Lambda@Edge \|"
        assert re.search(row, page), row


def test_any_price_can_be_given() -> None:
    assert of("functions alone", {"function-request": 1.0}, requests=1e6, preflights=0, cors=0, key_reads=0) == {
        "requests": 2.0,
        "key-value reads": 0.0,
        "alarms": 1.4,
    }


def test_every_price_says_where_and_when_it_was_read() -> None:
    for name, price in PRICES.items():
        assert price.dollars > 0, name
        assert price.page.startswith("https://aws.amazon.com/"), name
        assert price.unit, name
        assert re.fullmatch(r"20[2-9]\d-(0[1-9]|1[0-2])", price.as_of), name


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"preflights": 0.6, "cors": 0.5}, "together are more"),
        ({"hit_ratio": 1.5}, "hit_ratio can't be 1.5"),
        ({"requests": -1.0}, "requests can't be -1"),
        ({"cold_ms": float("nan")}, "cold_ms can't be nan"),
        ({"refresh_seconds": 0.0}, "refresh_seconds"),
    ],
)
def test_impossible_traffic_is_refused(inputs: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Traffic(**inputs)


def test_an_unknown_price_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no price edge; the prices are edge-request"):
        costs(Traffic(), {"edge": 1})


def test_the_table_for_the_docs_has_a_row_for_each() -> None:
    rows = costs(Traffic())
    assert len(markdown(rows).splitlines()) == len(rows) + 2


def test_the_command_prints_assumptions_and_sources() -> None:
    ran = CliRunner().invoke(app, ["cost", "--requests", "1e6"])
    assert ran.exit_code == 0
    for word in ("edge, viewer", "hit_ratio_by_origin", "edge-gb-second", "CHECK AT", "2026-11"):
        assert word in ran.stdout


def test_the_command_takes_other_prices_and_assumptions() -> None:
    options = [
        "--json",
        "--requests",
        "1e6",
        "--preflights",
        "0",
        "--assume",
        "log_bytes=0",
        "--price",
        "edge-request=6",
    ]
    ran = CliRunner().invoke(app, ["cost", *options])
    data = json.loads(ran.stdout)
    assert data["costs"][0]["items"]["requests"] == pytest.approx(2.1 * 6)
    assert data["costs"][0]["items"]["logs"] == 0
    assert data["prices"]["edge-request"]["dollars"] == 6
    assert data["assumptions"]["log_bytes"] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--price", "edge-request"], "is not NAME=NUMBER"),
        (["--price", "edge=1"], "there is no price edge"),
        (["--assume", "traffic=1"], "no assumption traffic"),
        (["--assume", "cold_ms=-1"], "has to be 0 or more"),
        (["--preflights", "2"], "preflights can't be 2"),
    ],
)
def test_the_command_says_what_is_wrong(options: list[str], message: str) -> None:
    ran = CliRunner().invoke(app, ["cost", *options])
    assert ran.exit_code == 2
    assert message in ran.stderr.replace("\n", " ")
