"""What all commands share: the common options, questions, errors and exit statuses."""

from __future__ import annotations

import errno
import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, get_type_hints

import typer
from edgecors.store import DEFAULT_ROOT
from edgecors_admin.account import Account
from edgecors_admin.errors import CommandError, UsageError
from edgecors_admin.parameter_store import Parameters
from edgecors_admin.remembering import remembering
from edgecors_admin.replica_warning import ReplicaWarning
from rich.console import Console

from edgecors_cli.progress import Progress
from edgecors_cli.render import as_json, console, line

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Profile = Annotated[
    str | None, typer.Option(metavar="NAME", help="Profile of the AWS configuration. Default: AWS_PROFILE.")
]
Region = Annotated[
    str | None,
    typer.Option(metavar="REGION", help="Region of the policies. Default: AWS_REGION, the profile's, or us-east-1."),
]
EndpointUrl = Annotated[str | None, typer.Option(metavar="URL", help="Endpoint to use instead of AWS's own.")]
Root = Annotated[
    str, typer.Option(metavar="PATH", envvar="EDGECORS_ROOT", help="Path that the names of the parameters start with.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Answer every question with yes.")]

COMMON_OPTIONS: dict[str, tuple[Any, Any]] = {
    "json": (Json, False),
    "profile": (Profile, None),
    "region": (Region, None),
    "endpoint_url": (EndpointUrl, None),
    "root": (Root, DEFAULT_ROOT),
}
"""By name: the type with its help, and the default."""

AWS_FAILED = 3
"""Exit status when AWS did not do something: here, when a parameter can't be read, so that the result is incomplete."""
CHANGES = 4
"""Exit status of `plan` when there is something to apply."""
INTERNAL_ERROR = 70
"""Exit status of an error in edgecors itself (EX_SOFTWARE of sysexits.h)."""


INTERRUPTED = 130
"""Exit status after Ctrl-C, as of a shell: 128 and the number of the signal."""
CLOSED_PIPE = 141
"""Exit status when the reader of the output has closed the pipe, likewise for SIGPIPE."""
UNWRITABLE = 2
"""Exit status when the output can't be written, as for a file that can't be written."""
_DISK_ERRORS = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO))
"""Errors of a full or broken disk behind standard output."""


@dataclass
class Context:
    """One call of a command: the account, and where its output goes.

    With ``json`` only the JSON goes to standard output; text for people then goes to standard error.
    """

    json: bool = False
    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    root: str = DEFAULT_ROOT
    status: int = 0
    progress: Progress = field(default_factory=Progress)

    @cached_property
    def account(self) -> Account:
        """The AWS account."""
        return Account(self.profile, self.region, self.endpoint_url)

    @cached_property
    def parameters(self) -> Parameters:
        """The account's Parameter Store. Raises `UsageError` for an invalid root."""
        if not self.root.startswith("/") or self.root.rstrip("/") == "":
            raise UsageError(f"--root has to be a path such as {DEFAULT_ROOT}, not {self.root!r}.")
        self.progress.step("reading Parameter Store")
        account = self.account
        warning = ReplicaWarning(account.region, account.home_ssm, self.warn)
        return Parameters(account.ssm, self.root.rstrip("/"), account.name, before_write=warning)

    @property
    def out(self) -> Console:
        """The console for people, with the line of the progress erased."""
        self.progress.erase()
        return self._console

    @cached_property
    def _console(self) -> Console:
        return console(error=self.json)

    def answer(self, data: Any, say: Callable[[Console], None]) -> None:
        """Print the result in the form that was asked for."""
        self.progress.pause(True)
        if self.json:
            as_json(data)
        else:
            say(self.out)

    def warn(self, text: str) -> None:
        """Print a warning on standard error."""
        self.progress.erase()
        line(console(error=True), ("warning: ", "bold yellow"), text)

    def report_unreadable(self, reasons: Iterable[str]) -> None:
        """Print on standard error why parameters can't be read, and end with status 3 if there are any."""
        for reason in reasons:
            self.warn(reason)
            self.status = AWS_FAILED

    def fail_if(self, anything: object) -> None:
        """End with status 1 if there is anything to report."""
        if anything:
            self.status = 1

    def confirm(self, question: str, *, yes: bool, flag: str = "--yes") -> None:
        """Ask, unless ``yes``. Raises `CommandError` for a no, `UsageError` where there is no terminal to ask at."""
        if yes:
            return
        if sys.stdin is None or not sys.stdin.isatty():
            raise UsageError(
                f"{question} There is no terminal for the answer, so nothing was written. Add {flag} to confirm."
            )
        self.progress.pause(True)
        if not typer.confirm(question, err=True):
            raise CommandError("Nothing was written.")
        self.progress.pause(False)


def command(
    app: typer.Typer,
    name: str,
    *,
    examples: Sequence[str] = (),
    aws: bool = True,
    **settings: Any,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a function that takes a `Context` first a command, with the common options after its own.

    Args:
        app: The application or group that gets the command.
        name: The command's name.
        examples: Command lines for the end of its help.
        aws: Whether it takes the options that choose an AWS account; otherwise only ``--json``.
        settings: Passed on to typer.
    """
    common = COMMON_OPTIONS if aws else {"json": COMMON_OPTIONS["json"]}

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(function, include_extras=True)
        own = list(inspect.signature(function).parameters.values())[1:]

        @functools.wraps(function)
        def run(**arguments: Any) -> None:
            context = Context(**{key: arguments.pop(key) for key in common})
            status = _run(context, lambda: function(context, **arguments))
            if status:
                raise typer.Exit(status)

        keyword = inspect.Parameter.KEYWORD_ONLY
        parameters = [p.replace(kind=keyword, annotation=hints[p.name]) for p in own]
        parameters += [
            inspect.Parameter(key, keyword, default=default, annotation=kind) for key, (kind, default) in common.items()
        ]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        epilog = "\n\n".join(("Examples:", *examples)) if examples else None
        app.command(name, epilog=epilog, **settings)(run)
        return function

    return decorate


def _run(context: Context, function: Callable[[], None]) -> int:
    """Run a command and return its exit status. Whatever goes wrong becomes a sentence on standard error."""
    try:
        with context.progress, remembering():
            function()
            if sys.stdout is not None:
                # Python flushes it at exit as well, but reports errors there with words of its own.
                sys.stdout.flush()
    except CommandError as error:
        print_error(str(error))
        try:
            if sys.stdout is not None:
                sys.stdout.flush()
        except OSError:
            _discard_output()
        return error.status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        return CLOSED_PIPE
    except typer.Abort:
        # Ctrl-C or Ctrl-D at a question. The cursor is still behind the question.
        print(file=sys.stderr)
        print_error("There was no answer, so nothing was written.")
        return INTERRUPTED
    except typer.Exit:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
            _discard_output()
            print_error(f"The output can't be written: {error.strerror}.")
            return UNWRITABLE
        if os.environ.get("EDGECORS_DEBUG"):
            raise
        print_error(
            f"edgecors failed with an internal error ({type(error).__name__}). Please report it with the command line"
            " and the traceback that EDGECORS_DEBUG=1 shows."
        )
        return INTERNAL_ERROR
    return context.status


def _discard_output() -> None:
    """Let go of output that can't be written, so that Python does not fail again when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_error(message: str) -> None:
    """Print an error on standard error, each sentence of several on a line of its own."""
    out = console(error=True)
    for text in message.splitlines() or [""]:
        line(out, ("error: ", "bold red"), text)
