"""What it costs."""

from __future__ import annotations

from dataclasses import replace

from edgecors_admin.cost import PRICES, Cost, Traffic, costs
from edgecors_admin.cost import markdown as cost_table

from bench import charts
from bench.goals import Part, table

CHART = "performance-bill.svg"


def money() -> Part:
    """The calculator's figures for its default traffic."""
    traffic = Traffic()
    about = [[f"`{name}`", f"{getattr(traffic, name):,.10g}", meaning] for name, meaning in traffic.about().items()]
    prices = [[name, f"{price.dollars:g}", price.unit, price.as_of, price.page] for name, price in PRICES.items()]
    results = costs(traffic)
    with_snapshot = {cost.setup: cost.items for cost in costs(replace(traffic, snapshots=1))}
    snapshot = with_snapshot["gateway behind an HTTP API"]["snapshots"]
    shares = f"{traffic.preflights:.0%} of them preflights, {traffic.cors:.0%} others with an Origin"
    text = f"""Dollars a month for what CORS adds, by `edgecors cost`, where every assumption and price can be replaced:
{traffic.requests / 1e6:,.0f} million requests, {shares}, {traffic.hit_ratio:.0%} answered by the cache.

{cost_table(results)}

A SnapStart snapshot of the gateway behind an HTTP API costs {snapshot:,.2f} a month: what one published version is
stored for, and a restore for each start of a container.

Assumed:

{table(["input", "", "meaning"], about)}

Prices for us-east-1 (N. Virginia). Check them against the pages that AWS publishes:

{table(["price", "$", "for a", "as of", "check at"], prices)}
"""
    data = {"costs": {cost.setup: round(cost.dollars, 2) for cost in results}}
    return Part("Money", text, [], data, _summary(traffic, results), {CHART: _chart(results)})


def _summary(traffic: Traffic, results: list[Cost]) -> str:
    dollars = {cost.setup: f"${cost.dollars:,.0f}" for cost in results}
    return (
        f"**The bill** for {traffic.requests / 1e6:,.0f} million requests a month (`edgecors cost`): at CloudFront "
        f"{dollars['edge, viewer']} in the viewer set-up, {dollars['edge, origin']} in the origin set-up, "
        f"{dollars['functions']} with CloudFront Functions, {dollars['functions alone']} without Lambda@Edge; "
        f"{dollars['layer']} in a function that you have; {dollars['gateway behind a function URL']} to "
        f"{dollars['gateway behind a REST API']} as a proxy for all traffic. CloudFront's response headers policies "
        "cost nothing and answer no preflight."
    )


def _chart(results: list[Cost]) -> str:
    bars = [
        charts.Bar(
            cost.setup,
            cost.dollars,
            f"${cost.dollars:,.0f}",
            charts.PEER if cost.setup.startswith("alternative") else charts.OWN,
        )
        for cost in results
    ]
    return charts.bars("Dollars a month for what CORS adds to 100 million requests", [("", bars)])
