"""``edgecors cost``: what the set-ups and their alternatives cost a month."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from edgecors_admin.cost import PRICES, Traffic, costs
from edgecors_admin.errors import UsageError
from rich.console import Console

from edgecors_cli.context import Context, command
from edgecors_cli.render import line, table

_DEFAULT = Traffic()


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = ["edgecors cost --requests 50000000 --hit-ratio 0.95", "edgecors cost --price http-api-request=1.29"]
    command(app, "cost", aws=False, rich_help_panel="Try and plan", examples=examples)(cost)


def cost(
    context: Context,
    requests: Annotated[
        float, typer.Option(metavar="N", help="Requests a month, preflights among them.")
    ] = _DEFAULT.requests,
    preflights: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of the requests that are preflights.")
    ] = _DEFAULT.preflights,
    cors: Annotated[
        float, typer.Option(metavar="SHARE", help="Share that has an Origin and is not a preflight.")
    ] = _DEFAULT.cors,
    hit_ratio: Annotated[
        float, typer.Option(metavar="SHARE", help="Share that CloudFront's cache answers.")
    ] = _DEFAULT.hit_ratio,
    assume: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=NUMBER", help="Override an assumption; all are listed below the table."),
    ] = None,
    price: Annotated[
        list[str] | None, typer.Option(metavar="NAME=DOLLARS", help="Override a price; all are listed below the table.")
    ] = None,
) -> None:
    """Estimate what CORS costs a month in each set-up, and in CloudFront's own alternatives. Prices can be set."""
    named = {"requests": requests, "preflights": preflights, "cors": cors, "hit_ratio": hit_ratio}
    try:
        traffic = _traffic(named | _pairs(assume or []))
        changed = _pairs(price or [])
        results = costs(traffic, changed)
    except ValueError as error:
        raise UsageError(f"{error}.") from None
    prices = {name: asdict(known) | {"dollars": changed.get(name, known.dollars)} for name, known in PRICES.items()}
    rows = [{"setup": c.setup, "dollars": round(c.dollars, 2), "items": c.items, "note": c.note} for c in results]

    def say(out: Console) -> None:
        table(out, ["SET-UP", "$ A MONTH", "NOTE"], [(c.setup, f"{c.dollars:,.2f}", c.note) for c in results])
        line(out)
        about = traffic.about().items()
        table(
            out, ["ASSUMPTION", "VALUE", "MEANING"], [(n, f"{getattr(traffic, n):,g}", meaning) for n, meaning in about]
        )
        line(out)
        cells = [
            (
                name,
                f"{row['dollars']:g}",
                row["unit"],
                "yours" if name in changed else row["as_of"],
                row["page"],
            )
            for name, row in prices.items()
        ]
        table(out, ["PRICE", "$", "FOR A", "AS OF", "CHECK AT"], cells)
        line(
            out, "Prices are for us-east-1 and may have changed: check them at the pages above (--price NAME=DOLLARS)."
        )
        line(out, "Not included: CloudFront's and the upstream's own requests, data transfer, free tiers, discounts.")

    context.answer({"costs": rows, "assumptions": asdict(traffic), "prices": prices}, say)


def _traffic(named: dict[str, float]) -> Traffic:
    known = _DEFAULT.about()
    if unknown := sorted(named.keys() - known.keys()):
        raise UsageError(f"There is no assumption {', '.join(unknown)}. The assumptions are {', '.join(known)}.")
    return Traffic(**named)


def _pairs(texts: list[str]) -> dict[str, float]:
    numbers = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            number = float(value)
        except ValueError:
            raise UsageError(f"{text!r} is not NAME=NUMBER.") from None
        if not 0 <= number < float("inf"):
            raise UsageError(f"{text!r}: the number has to be 0 or more.")
        numbers[name.strip()] = number
    return numbers
