"""``--watch``: look again and again, and print what changed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Annotated, Any

import typer
from edgecors_admin.errors import CommandError, UsageError
from edgecors_admin.remembering import remembering
from rich.console import Console

from edgecors_cli.context import Context, print_error
from edgecors_cli.render import line

Watch = Annotated[bool, typer.Option("--watch", "-w", help="Poll until Ctrl-C. With --json: a line for each change.")]
Interval = Annotated[
    int | None, typer.Option(metavar="SECONDS", min=1, max=86400, help="Seconds between polls with --watch.")
]

Say = Callable[[Console], None]
Look = Callable[[], tuple[Any, Say]]
"""Reads what there is now, and returns it for programs, with a function that prints it for people."""

_HOME, _ERASE_TO_END = "\x1b[H", "\x1b[J"
_ERASE_SCREEN = "\x1b[2J\x1b[3J"


def answer(context: Context, look: Look, watch: bool, interval: int | None, default: int) -> None:
    """Print the result once, or with ``watch`` until Ctrl-C, which is the usual end and no error.

    Args:
        context: the call of the command.
        look: reads the result.
        watch: whether ``--watch`` was chosen.
        interval: seconds between two looks, if they were chosen.
        default: seconds between two looks otherwise.

    Raises:
        UsageError: an interval without ``watch``.
        CommandError: the first look failed. Later errors are printed, and the next look may succeed.
    """
    if not watch:
        if interval is not None:
            raise UsageError("--interval is the time between polls: add --watch.")
        context.answer(*look())
        return
    screen = _Screen(context, interval or default)
    first = look()
    try:
        screen.show(*first)
        context.progress.pause(True)
        while True:
            time.sleep(screen.seconds)
            try:
                with remembering():
                    result = look()
            except CommandError as error:
                screen.show_error(str(error))
            else:
                screen.show(*result)
    except KeyboardInterrupt:
        return


class _Screen:
    """Where results go: drawn anew on a terminal, one below the other elsewhere, and there only when they differ."""

    def __init__(self, context: Context, seconds: int) -> None:
        self.seconds = seconds
        self._context = context
        self._last: str | None = None

    def show(self, data: Any, say: Say) -> None:
        """Print a result."""
        text = json.dumps(data, default=str)
        changed, first, self._last = text != self._last, self._last is None, text
        out = self._context.out
        if self._context.json:
            if changed:
                print(text, flush=True)
        elif out.is_terminal:
            self._draw(out, say, first)
        elif changed:
            if not first:
                line(out)
            line(out, _now())
            say(out)
            out.file.flush()

    def show_error(self, message: str) -> None:
        """Print why there is no new result."""
        print_error(message)

    def _draw(self, out: Console, say: Say, first: bool) -> None:
        with out.capture() as captured:
            line(out, (f"{_now()}, every {self.seconds} s; Ctrl-C to stop", "dim"))
            say(out)
        rows = captured.get().splitlines()
        if len(rows) >= out.height:
            rows = [
                *rows[: out.height - 2],
                f"... {len(rows) - out.height + 2} more lines; run without --watch to see all",
            ]
        # Drawn over what is there, each row erased to its end: the screen does not flicker.
        start = _ERASE_SCREEN + _HOME if first else _HOME
        out.file.write(start + "".join(f"{row}\x1b[K\n" for row in rows) + _ERASE_TO_END)
        out.file.flush()


def _now() -> str:
    return time.strftime("%H:%M:%S")
