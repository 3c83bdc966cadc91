"""What a terminal gets: nothing wider than it is, progress, `--watch`, the manual page and completion."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.rich_utils  # noqa: F401 - reads the terminal's width when it is imported
from edgecors_admin.account import Account
from edgecors_admin.function_check import CheckResult
from edgecors_cli import progress
from edgecors_cli.app import app
from edgecors_cli.commands.man import page
from edgecors_cli.progress import shortened
from edgecors_cli.render import console, line, table
from typer.main import get_command

from harness.wait import wait_until
from tests.cli import test_attach, test_denied, test_probe
from tests.cli.conftest import Command, Ran
from tests.support.require import require

A, B, C = "https://a.example.com", "https://b.example.org", "https://c.example.net"
LONG = "https://checkout-of-a-long-name.eu-central-1.preview.shop.example.com"
POLICY = json.dumps(
    {
        "version": 1,
        "rules": [
            {"paths": ["/api/*"], "allow_origins": [A, LONG, "@partners"], "allow_methods": ["GET", "PUT", "DELETE"]},
            {"paths": ["/fonts/*"], "allow_origins": "*"},
        ],
    }
)
WARNED = json.dumps({"rules": [{"allow_origins": ["https://*.github.io", "@gone", LONG], "alow_headers": ["x-a"]}]})
WARNED_SITE = "a-site-with-a-rather-long-name"
CLOUDFRONT = test_attach.ID

COMMANDS: dict[str, tuple[str, ...]] = {
    "sites": ("sites",),
    "lists": ("lists",),
    "show": ("show", "shop"),
    "show, list": ("show", "@partners"),
    "alias": ("alias", "list"),
    "allow": ("allow", "shop", "shop.example.com/checkout", LONG, B, "--path", "/api/x"),
    "revoke": ("revoke", "shop", LONG, B, "--yes"),
    "split": ("split", "@partners", "--yes"),
    "delete": ("delete", "@partners", "--dry-run"),
    "explain": ("explain", "shop", "--origin", LONG, "--method", "PUT", "--path", "/api/cart"),
    "explain, refused": ("explain", "shop", "--origin", "https://a.example.co", "--path", "/api/cart"),
    "lint": ("lint",),
    "denied": ("denied", "shop", "--in-region", "us-east-1"),
    "shadow": ("shadow", "trial", "--in-region", "us-east-1"),
    "mode": ("mode", "shop", "shadow", "--yes"),
    "probe": ("probe", "URL", "--site", "shop"),
    "doctor": ("doctor", CLOUDFRONT),
    "functions": ("functions", "check", "shop", "--request", "a", "--response", "b"),
    "attach": ("attach", CLOUDFRONT, "--function", test_attach.EDGE, "--setup", "origin", "--dry-run"),
    "detach": ("detach", CLOUDFRONT, "--yes"),
    "plan": ("plan", "policies"),
    "apply": ("apply", "policies", "--yes"),
    "export": ("export", "exported"),
    "import": ("import", "cors.json"),
    "compile": ("compile", "shop", "--id", CLOUDFRONT),
    "history": ("history", "shop"),
    "diff": ("diff", "shop", "1"),
    "rollback": ("rollback", "shop", "1", "--yes"),
    "cost": ("cost",),
    "local": ("local", "--differences"),
    "mistake": ("show", "shp"),
    "usage": ("attach", "a-name-that-is-no-distribution", "and-another"),
}
"""By the name of the command and the case."""
NOT_LOOKED_AT = {"schema", "man", "ui"}
"""Commands whose output is a document, and the one that serves a page until Ctrl-C."""


@pytest.fixture
def account(edgecors: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., Ran]]:
    """The command in an account that has something to print for each of `COMMANDS`."""
    monkeypatch.chdir(tmp_path)
    edgecors.put("lists/partners", f"{B} {C}")
    edgecors.put("sites/shop", f"{A} {C}")
    edgecors.put("sites/shop", POLICY)
    edgecors.put(f"sites/{WARNED_SITE}", WARNED)
    edgecors.put("sites/trial", json.dumps({"mode": "shadow", "rules": [{"allow_origins": [A]}]}))
    edgecors.put(f"aliases/{CLOUDFRONT}", "shop")
    (tmp_path / "policies" / "sites").mkdir(parents=True)
    (tmp_path / "policies" / "sites" / "shop.json").write_text(POLICY.replace(A, B))
    (tmp_path / "policies" / "sites" / "other.txt").write_text(LONG)
    rule = {"AllowedOrigins": [LONG, "https://*.github.io"], "AllowedMethods": ["GET"], "MaxAgeSeconds": 1}
    (tmp_path / "cors.json").write_text(json.dumps({"CORSRules": [rule]}))
    logs = test_denied.Logs([test_denied.EDGE], [test_denied.row(LONG, 3)])
    monkeypatch.setattr("edgecors_admin.account.Account.logs", lambda *_: logs)
    monkeypatch.setattr("edgecors_admin.denied.POLL_SECONDS", 0)
    result = CheckResult("preflight of an origin that is not allowed", "viewer-request", f"it answers {LONG}", 12)
    monkeypatch.setattr("edgecors_cli.commands.functions.check_functions", lambda *_: iter([result]))
    lambdas = dict.fromkeys(("viewer-request", "viewer-response", "origin-response"), test_attach.EDGE)
    cloudfront = test_attach.PlayedServices(
        test_attach.configuration(
            test_attach.behavior(methods=["GET", "HEAD"], ResponseHeadersPolicyId="response-cors", lambdas=lambdas)
        )
    )
    client = Account.client
    monkeypatch.setattr(
        "edgecors_admin.account.Account.client",
        lambda account, service, region=None: (
            cloudfront.client(service) if service in test_attach.PLAYED else client(account, service, region)
        ),
    )
    with test_probe.ProbedServer() as server:
        server.mistake = test_probe.reflected
        yield lambda *arguments: edgecors(*(server.url if part == "URL" else part for part in arguments))


@pytest.mark.parametrize("width", [60, 100])
@pytest.mark.parametrize("case", COMMANDS)
def test_command_at_a_width_prints_no_wider_line(
    account: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, case: str, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    ran = account(*COMMANDS[case])
    lines = (ran.out + ran.err).splitlines()
    if case == "import":  # the policy on standard output is a file for other commands
        lines = ran.err.splitlines()
    assert lines
    assert ran.status in (0, 1, 2, 4), ran
    assert [line for line in lines if len(line) > width] == []


def test_the_table_of_commands_has_every_command() -> None:
    group: Any = get_command(app)
    assert {arguments[0] for arguments in COMMANDS.values()} | NOT_LOOKED_AT == set(group.commands)


@pytest.mark.parametrize("width", [60, 100])
def test_help_of_every_command_prints_no_wider_line(
    edgecors: Command, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", width)
    group: Any = get_command(app)
    for name in group.commands:
        assert [line for line in edgecors(name, "--help").out.splitlines() if len(line) > width] == [], name


ROWS = [("shop", 2, "4 of 5", "a note with more words than fit beside it"), ("blog", 1, "", "short")]


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (
            80,
            [
                "SITE  RULES  ENTRIES  NOTE",
                "shop  2      4 of 5   a note with more words than fit beside it",
                "blog  1               short",
            ],
        ),
        (
            42,
            [
                "SITE  RULES  ENTRIES  NOTE",
                "shop  2      4 of 5   a note with more",
                "                      words than fit",
                "                      beside it",
                "blog  1               short",
            ],
        ),
        (
            24,
            [
                "shop",
                "  RULES    2",
                "  ENTRIES  4 of 5",
                "  NOTE     a note with",
                "           more words",
                "           than fit",
                "           beside it",
                "blog",
                "  RULES  1",
                "  NOTE   short",
            ],
        ),
    ],
)
def test_table_folds_between_words_and_becomes_blocks_where_it_is_too_narrow(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int, expected: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    table(console(), ("SITE", "RULES", "ENTRIES", "NOTE"), ROWS)
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == expected


# -- progress ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "step"),
    [
        (("denied", "shop", "--in-region", "us-east-1"), "reading logs, 1 of 1 Regions answered"),
        (("apply", "policies", "--yes"), ", 2 of 2"),
        (("probe", "URL", "--site", "shop"), "a method that is not allowed"),
    ],
)
def test_progress_names_the_step_and_how_far_it_is(
    account: Callable[..., Ran],
    edgecors: Command,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    step: str,
) -> None:
    edgecors.put(f"sites/{WARNED_SITE}", A)
    steps: list[str] = []
    monkeypatch.setattr(progress.Progress, "step", lambda _, text: steps.append(text))
    account(*arguments)
    assert [text for text in steps if step in text] != []


@pytest.mark.parametrize(
    ("width", "expected"),
    [(40, "... reading logs, 3 of 17 (4 s)"), (20, "... readin… 17 (4 s)"), (1, "…"), (0, "…")],
)
def test_progress_line_is_no_wider_than_the_terminal(width: int, expected: str) -> None:
    assert shortened("... reading logs, 3 of 17 (4 s)", width) == expected


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("short", ["short"]),
        ("words that are folded here", ["words that are", "  folded here"]),
        ("+ https://a.example.com x", ["+ https://a.exa", "  mple.com x"]),
        ('+    "https://a.example"', ['+    "https://a', '  .example"']),
        ("   three spaces first", ["   three spaces", "  first"]),
    ],
)
def test_line_is_folded_between_words_and_a_sign_stays_beside_its_origin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, rows: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "15")
    line(console(), text)
    assert capsys.readouterr().out.splitlines() == rows


class Screen(io.StringIO):
    """Standard error of a terminal."""

    def isatty(self) -> bool:
        return True


def test_progress_on_a_terminal_is_one_line_that_is_erased(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(progress, "DELAY_SECONDS", 0.001)
    monkeypatch.setattr(progress, "REDRAW_SECONDS", 0.001)
    monkeypatch.setattr(sys, "stderr", screen)
    with progress.Progress() as running:
        running.step("reading logs")
        wait_until(lambda: "... reading logs (0 s)" in screen.getvalue(), "the line is drawn", 30)
        running.pause(True)
        drawn = screen.getvalue()
        assert drawn.endswith("\r\x1b[K"), "erased while a question is open"
        time.sleep(0.02)
        assert screen.getvalue() == drawn
    assert "\n" not in screen.getvalue()


# Ctrl-C is a signal for the processes of the session that controls the terminal.
_ON_ITS_TERMINAL = (
    "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); from edgecors_cli.main import main; main()"
)


class Terminal:
    """The command in a process of its own, on a terminal of 60 columns and 30 rows."""

    def __init__(self, *arguments: str) -> None:
        self.leader, follower = pty.openpty()
        environment = {**os.environ, "COLUMNS": "60", "LINES": "30", "TERM": "xterm"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _ON_ITS_TERMINAL, *arguments],
            stdin=follower,
            stdout=follower,
            stderr=follower,
            env=environment,
            start_new_session=True,
        )
        os.close(follower)
        self.output = ""

    def wait_for(self, text: str) -> None:
        """Read until a text has been printed."""
        deadline = time.monotonic() + 60
        while text not in self.output:
            assert time.monotonic() < deadline, self.output
            if select.select([self.leader], [], [], 0.1)[0]:
                try:
                    self.output += os.read(self.leader, 65536).decode()
                except OSError:  # Linux's way to say that the other end is closed
                    break
        assert text in self.output, self.output

    def press(self, key: str) -> None:
        """Press a key at a question, again after a second, until the command has ended.

        Once may not be enough for Ctrl-C: between Python's last look for signals and the moment it sleeps in
        ``read`` lie a few instructions, in which a signal is only noted.
        """
        for _ in range(60):
            os.write(self.leader, key.encode())
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(1)
                return
        raise AssertionError(self.output)

    def interrupt(self) -> int:
        """Press Ctrl-C; the exit status."""
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(timeout=60)
        os.close(self.leader)
        return status


def test_watch_on_a_terminal_draws_over_the_last_result_and_ends_with_ctrl_c(edgecors: Command) -> None:
    edgecors.put("sites/shop", A)
    terminal = Terminal("show", "shop", "--watch", "--interval", "1")
    terminal.wait_for(A)
    edgecors.put("sites/shop", B)
    terminal.wait_for(B)
    assert terminal.interrupt() == 0
    assert "every 1 s; Ctrl-C to stop" in terminal.output
    assert terminal.output.count("\x1b[2J") == 1, "the screen is erased once, and then drawn over"
    assert "Traceback" not in terminal.output


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["Ctrl-C", "Ctrl-D"])
@pytest.mark.parametrize("arguments", [("delete", "shop"), ("revoke", "shop", A)], ids=["delete", "revoke"])
def test_a_question_that_gets_no_answer_ends_the_command_with_a_sentence(
    edgecors: Command, arguments: tuple[str, ...], key: str
) -> None:
    edgecors.put("sites/shop", A)
    terminal = Terminal(*arguments)
    terminal.wait_for("[y/N]")
    terminal.press(key)
    terminal.wait_for("nothing was written.")
    assert terminal.process.returncode == 130
    assert "internal error" not in terminal.output
    assert edgecors.value("sites/shop") == A


@pytest.mark.parametrize("stdin", ["</dev/null", "<&-"], ids=["empty", "closed"])
def test_a_question_without_a_terminal_is_not_asked(edgecors: Command, stdin: str) -> None:
    edgecors.put("sites/shop", A)
    line = f"{shlex.quote(sys.executable)} -m edgecors_cli delete shop {stdin}"
    ran = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert ran.returncode == 2, ran
    assert "There is no terminal for the answer" in ran.stderr


def test_standard_input_that_is_closed_is_said_in_a_sentence(edgecors: Command) -> None:
    line = f"{shlex.quote(sys.executable)} -m edgecors_cli lint - <&-"
    ran = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (2, "error: Standard input is closed.\n")


# -- watch ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def looks(edgecors: Command, monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], object]]:
    """What happens before each further look; after the last one Ctrl-C is pressed."""
    events: list[Callable[[], object]] = []

    def sleep(seconds: float) -> None:
        if not events:
            raise KeyboardInterrupt
        events.pop(0)()

    monkeypatch.setattr("edgecors_cli.watching.time.sleep", sleep)
    return events


def test_watch_with_json_prints_a_line_for_each_change(edgecors: Command, looks: list[Callable[[], object]]) -> None:
    edgecors.put("sites/shop", A)
    looks += [lambda: None, lambda: edgecors.put("sites/shop", B), lambda: None]
    ran = edgecors("show", "shop", "--watch", "--json")
    versions = [json.loads(line)["version"] for line in ran.out.splitlines()]
    assert (ran.status, versions, ran.err) == (0, [1, 2], "")


def test_watch_without_a_terminal_prints_each_change_below_the_last(
    edgecors: Command, looks: list[Callable[[], object]]
) -> None:
    edgecors.put("sites/shop", A)
    looks += [lambda: None, lambda: edgecors.put("sites/shop", B)]
    ran = edgecors("show", "shop", "--watch")
    assert ran.status == 0
    assert (ran.out.count(A), ran.out.count(B), ran.out.count("\x1b")) == (1, 1, 0)


def test_watch_ctrl_c_while_the_first_result_is_printed_is_no_error(
    edgecors: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def now() -> str:
        raise KeyboardInterrupt

    edgecors.put("sites/shop", A)
    monkeypatch.setattr("edgecors_cli.watching._now", now)
    assert edgecors("show", "shop", "--watch").status == 0


def test_watch_goes_on_after_an_error(edgecors: Command, looks: list[Callable[[], object]]) -> None:
    edgecors.put("sites/shop", A)
    client = edgecors.store.client
    looks += [
        lambda: client.delete_parameter(Name="/edgecors/sites/shop"),
        lambda: edgecors.put("sites/shop", B),
    ]
    ran = edgecors("show", "shop", "--watch", "--json")
    assert [json.loads(line)["version"] for line in ran.out.splitlines()] == [1, 1]
    assert (ran.status, "There is no site 'shop'" in ran.err) == (0, True)


def test_watch_denied_looks_again(
    edgecors: Command, monkeypatch: pytest.MonkeyPatch, looks: list[Callable[[], object]]
) -> None:
    logs = test_denied.Logs([test_denied.EDGE], [test_denied.row(A, 3)], ("Complete", "Complete"))
    monkeypatch.setattr("edgecors_admin.account.Account.logs", lambda *_: logs)
    looks += [lambda: logs.rows.append(test_denied.row(B, 1))]
    ran = edgecors("denied", "shop", "--in-region", "us-east-1", "--watch", "--json")
    assert [len(json.loads(line)["refused"]) for line in ran.out.splitlines()] == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("show", "shop", "--interval", "2"), 2, "--interval is the time between polls: add --watch."),
        (("show", "shop", "--watch", "--interval", "0"), 2, "greater than"),
        (("show", "other", "--watch"), 1, "There is no site 'other'"),
    ],
)
def test_watch_invalid_call_is_a_sentence(
    edgecors: Command, arguments: tuple[str, ...], status: int, message: str
) -> None:
    edgecors.put("sites/shop", A)
    ran = edgecors(*arguments)
    assert ran.status == status
    assert message in ran.err


# -- manual page and completion ---------------------------------------------------------------------------------------


def test_manual_page_has_every_command_and_option(edgecors: Command) -> None:
    printed = edgecors("man").out
    assert printed == page(app)
    text = printed.replace("\\-", "-")
    group: Any = get_command(app)
    for name, command in group.commands.items():
        assert f".SS edgecors {name}" in text
        for option in (option for parameter in command.params for option in parameter.opts if "-" in option):
            assert option in text, (name, option)


def test_manual_page_is_read_without_a_warning(edgecors: Command) -> None:
    require(groff := shutil.which("groff"), "groff is not installed (Debian and Ubuntu: apt install groff)")
    ran = subprocess.run(
        [str(groff), "-man", "-Tutf8", "-ww", "-rLL=80n"], input=page(app), capture_output=True, text=True, check=True
    )
    assert ran.stderr == ""
    assert "edgecors" in ran.stdout


def test_completion_offers_the_names_of_sites(edgecors: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    edgecors.put("sites/shop", A)
    edgecors.put("lists/partners", A)
    environment = {
        **os.environ,
        "_EDGECORS_COMPLETE": "complete_bash",
        "COMP_WORDS": "edgecors show s",
        "COMP_CWORD": "2",
    }
    command = [sys.executable, "-c", "import sys; sys.argv[0] = 'edgecors'; from edgecors_cli.main import main; main()"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.stdout.split() == ["shop"]
