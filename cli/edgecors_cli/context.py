"""What every command that speaks with AWS shares: its options, and how it ends."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, get_type_hints

import typer
from edgecors.store import DEFAULT_ROOT
from edgecors_admin.account import Account
from edgecors_admin.errors import CommandError, UsageError
from edgecors_admin.parameter_store import Parameters
from rich.console import Console

from edgecors_cli.render import as_json, console, line

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Profile = Annotated[str | None, typer.Option(metavar="NAME", help="Profile of the AWS configuration.")]
Region = Annotated[
    str | None, typer.Option(metavar="REGION", help="Where the policies are. Default: the environment's, or us-east-1.")
]
EndpointUrl = Annotated[str | None, typer.Option(metavar="URL", help="Where AWS is, if not at AWS.")]
Root = Annotated[str, typer.Option(metavar="PATH", envvar="EDGECORS_ROOT", help="What parameters' names start with.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")]

_COMMON: dict[str, tuple[Any, Any]] = {
    "json": (Json, False),
    "profile": (Profile, None),
    "region": (Region, None),
    "endpoint_url": (EndpointUrl, None),
    "root": (Root, DEFAULT_ROOT),
}


@dataclass
class Context:
    """One call of a command: the account, and where its words go.

    With ``json`` nothing but the JSON goes to standard output; words for people then go to standard error.
    """

    json: bool = False
    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    root: str = DEFAULT_ROOT
    status: int = field(default=0)

    @cached_property
    def account(self) -> Account:
        """The AWS account."""
        return Account(self.profile, self.region, self.endpoint_url)

    @cached_property
    def parameters(self) -> Parameters:
        """Its Parameter Store. Raises `UsageError` for a root that can't be one."""
        if not self.root.startswith("/") or self.root.rstrip("/") == "":
            raise UsageError(f"--root has to be a path such as {DEFAULT_ROOT}, not {self.root!r}.")
        return Parameters(self.account.ssm, self.root.rstrip("/"))

    @cached_property
    def out(self) -> Console:
        """For people."""
        return console(error=self.json)

    def answer(self, data: Any, say: Callable[[Console], None]) -> None:
        """Print the outcome in the form that was asked for."""
        if self.json:
            as_json(data)
        else:
            say(self.out)

    def found(self, anything: object) -> None:
        """End with status 1 if there was anything to find."""
        if anything:
            self.status = 1

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask, unless told not to. Raises `CommandError` for a no, `UsageError` where nobody can be asked."""
        if yes:
            return
        if not sys.stdin.isatty():
            raise UsageError("Nothing was written: this wants a yes, and there is no terminal to ask at. Use --yes.")
        if not typer.confirm(question, err=True):
            raise CommandError("Nothing was written.")


def command(app: typer.Typer, name: str, **settings: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a function that takes a `Context` first a command, with the common options behind its own."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(function, include_extras=True)
        own = list(inspect.signature(function).parameters.values())[1:]

        @functools.wraps(function)
        def run(**arguments: Any) -> None:
            context = Context(**{key: arguments.pop(key) for key in _COMMON})
            try:
                function(context, **arguments)
            except CommandError as error:
                line(console(error=True), ("error: ", "bold red"), str(error))
                raise typer.Exit(error.status) from None
            except KeyboardInterrupt:
                raise typer.Exit(130) from None
            if context.status:
                raise typer.Exit(context.status)

        keyword = inspect.Parameter.KEYWORD_ONLY
        parameters = [p.replace(kind=keyword, annotation=hints[p.name]) for p in own]
        parameters += [
            inspect.Parameter(key, keyword, default=default, annotation=kind)
            for key, (kind, default) in _COMMON.items()
        ]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        app.command(name, **settings)(run)
        return function

    return decorate
