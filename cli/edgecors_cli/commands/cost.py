"""``cost``: what the set-ups and their alternatives cost a month."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from edgecors_admin.cost import PRICES, Traffic, costs
from edgecors_admin.errors import UsageError

from edgecors_cli.render import as_json, console, line, table

_DEFAULT = Traffic()


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("cost")(cost)


def cost(
    requests: Annotated[
        float, typer.Option(metavar="N", help="Requests a month, preflights among them.")
    ] = _DEFAULT.requests,
    preflights: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of the requests that are preflights.")
    ] = _DEFAULT.preflights,
    cors: Annotated[
        float, typer.Option(metavar="SHARE", help="Share that carries an Origin and is no preflight.")
    ] = _DEFAULT.cors,
    hit_ratio: Annotated[
        float, typer.Option(metavar="SHARE", help="Share that CloudFront's cache answers.")
    ] = _DEFAULT.hit_ratio,
    assume: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=NUMBER", help="Another assumption; all are listed below the table."),
    ] = None,
    price: Annotated[
        list[str] | None, typer.Option(metavar="NAME=DOLLARS", help="Another price; all are listed below the table.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """What CORS costs a month in each set-up, and in CloudFront's own alternatives. Asks nobody: prices are inputs."""
    try:
        named = {"requests": requests, "preflights": preflights, "cors": cors, "hit_ratio": hit_ratio}
        traffic = _traffic(named | _pairs(assume or []))
        given = _pairs(price or [])
        found = costs(traffic, given)
    except (ValueError, UsageError) as error:
        line(console(error=True), ("error: ", "bold red"), str(error))
        raise typer.Exit(2) from None
    if json:
        prices = {name: asdict(known) | {"dollars": given.get(name, known.dollars)} for name, known in PRICES.items()}
        rows = [{"setup": c.setup, "dollars": round(c.dollars, 2), "items": c.items, "note": c.note} for c in found]
        as_json({"costs": rows, "assumptions": asdict(traffic), "prices": prices})
        return
    out = console()
    table(out, ["set-up", "$ a month", ""], [(c.setup, f"{c.dollars:,.2f}", c.note) for c in found])
    out.print()
    table(
        out, ["assumption", "", ""], [(n, f"{getattr(traffic, n):,g}", about) for n, about in traffic.about().items()]
    )
    out.print()
    rows_of_prices = [
        (
            name,
            f"{given.get(name, known.dollars):g}",
            known.unit,
            "given" if name in given else known.as_of,
            known.read_at,
        )
        for name, known in PRICES.items()
    ]
    table(out, ["price", "$", "for a", "as of", "read at"], rows_of_prices)
    line(out, "Not counted: CloudFront's and the upstream's own requests, data transfer, free tiers, discounts.")


def _traffic(named: dict[str, float]) -> Traffic:
    known = _DEFAULT.about()
    if unknown := sorted(named.keys() - known.keys()):
        raise UsageError(f"no assumption is called {', '.join(unknown)}; there are {', '.join(known)}")
    return Traffic(**named)


def _pairs(texts: list[str]) -> dict[str, float]:
    found = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            number = float(value)
        except ValueError:
            raise UsageError(f"{text!r} is not NAME=NUMBER") from None
        if not 0 <= number < float("inf"):
            raise UsageError(f"{text!r}: a number from 0 on is wanted")
        found[name.strip()] = number
    return found
