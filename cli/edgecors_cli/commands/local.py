"""``edgecors local``: the local edge."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated

import typer
from edgecors.allowlist import is_name
from edgecors_local.front_names import FrontName

from edgecors_cli.render import console, line


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = ["edgecors local", "edgecors local --policy policy.json --front http-api --port 9000"]
    epilog = "\n\n".join(("Examples:", *examples))
    app.command("local", rich_help_panel="Try and plan", epilog=epilog)(local)


def local(
    call: typer.Context,
    front: Annotated[FrontName, typer.Option(help="The AWS service to emulate.")] = FrontName.cloudfront_viewer,
    upstream: Annotated[
        str | None, typer.Option(metavar="URL", help="The upstream. Default: a demo upstream that misbehaves.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A policy file; it is reloaded when it changes.")
    ] = None,
    site: Annotated[
        str | None,
        typer.Option(metavar="SITE", help="A site in Parameter Store, read with your own AWS settings."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 picks a free port.")] = 8080,
    unkeyed: Annotated[
        list[str] | None,
        typer.Option(metavar="HEADER", help="Leave a header out of the cache key, to see the effect of that mistake."),
    ] = None,
    stage: Annotated[
        str | None, typer.Option(metavar="NAME", help="The API's stage: $default for an HTTP API, live for a REST API.")
    ] = None,
    runtime: Annotated[
        bool, typer.Option("--runtime", help="Run the built artifacts in Lambda's runtime emulator (make build).")
    ] = False,
    page_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port of the playground. Default: 8081, or a free port."),
    ] = None,
    sam: Annotated[
        bool,
        typer.Option(
            "--sam", help="Prepare `sam local`: a Parameter Store for its containers, templates, commands to paste."
        ),
    ] = False,
    differences: Annotated[bool, typer.Option("--differences", help="List the differences from AWS and exit.")] = False,
) -> None:
    """Try CORS and caching on this machine: real HTTP in, the real events, the real handler, real HTTP to an upstream.

    Prints one line per request. Press Ctrl-C to stop.
    """
    require_extra()
    from edgecors_local.errors import LocalError
    from edgecors_local.plan import LocalPlan
    from edgecors_local.server import run

    if differences:
        _refuse_others(call, "--differences")
        _say_differences()
        return
    if sam:
        _refuse_others(call, "--sam", "--upstream")
        _sam(upstream)
        return
    if policy is not None and site is not None:
        raise typer.BadParameter("use either --policy or --site, not both")
    if site is not None and not is_name(site):
        raise typer.BadParameter(f"{site!r} is not a valid site name: use letters, digits, '_', '.' and '-'")
    try:
        plan = LocalPlan(front.value, port, upstream, policy, site, tuple(unkeyed or ()), stage, runtime, page_port)
        run(plan, say)
    except LocalError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(error.status) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _refuse_others(call: typer.Context, option: str, *allowed: str) -> None:
    """Raise `BadParameter` for options that have no effect beside this one."""
    for parameter in call.command.params:
        source = call.get_parameter_source(parameter.name or "")
        name = parameter.opts[0]
        if source is not None and source.name == "COMMANDLINE" and name not in (option, *allowed):
            beside = f"{' and '.join(allowed)} only" if allowed else "no other option"
            raise typer.BadParameter(f"{option} takes {beside}, not {name}")


def _sam(upstream: str | None) -> None:
    from edgecors_local import sam_local
    from edgecors_local.errors import LocalError

    try:
        sam_local.run(upstream, say)
    except LocalError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(error.status) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def say(text: str) -> None:
    """Prints a line at once, also into a pipe."""
    print(text, flush=True)


def require_extra() -> None:
    """Say what to install, and end, where packages of the extra ``local`` are missing."""
    missing = [name for name in ("httpx", "moto", "starlette", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        typer.echo(
            f"This command needs packages that are not installed ({', '.join(missing)}).\n"
            "Install edgecors with its extra `local`: pip install '.[local]' in a checkout of edgecors.",
            err=True,
        )
        raise typer.Exit(2)


def _say_differences() -> None:
    from edgecors_local import cloudfront, gateway

    out = console()
    for name, source in (("CloudFront", cloudfront), ("The fronts of the gateway", gateway)):
        for title, sentences in (
            (f"{name}, not emulated:", source.NOT_EMULATED),
            ("Assumptions where the AWS documentation is silent:", source.ASSUMED),
        ):
            line(out, (title, "bold"))
            for sentence in sentences:
                line(out, "- ", sentence)
            line(out)
