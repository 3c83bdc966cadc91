"""``edgecors local`` as it is started: what it prints, how it ends, and what it says when it can't run."""

import importlib.util
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from edgecors_cli.app import app
from edgecors_local import cloudfront, gateway, handlers
from edgecors_local.ports import accepts_connections
from typer.testing import CliRunner, Result

from harness.wait import wait_until
from tests.support.require import require


def command(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["local", *arguments])


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (
            '{"rules": [{"allow_orgins": []}]}',
            ["rules[0].allow_orgins:", "Did you mean 'allow_origins'?", "rules[0].allow_origins:"],
        ),
        ("{", ["is invalid:"]),
        ("", ["is empty."]),
        (" \n", ["is empty."]),
        ('{"sites": {"shop": {"rules": []}}}', ["is a bundle of sites and lists."]),
        (None, ["can't be read: No such file or directory."]),
    ],
)
def test_a_policy_that_can_t_be_used_is_reported_with_all_its_errors(
    tmp_path: Path, text: str | None, sentences: list[str]
) -> None:
    policy = tmp_path / "policy.json"
    if text is not None:
        policy.write_text(text)
    result = command("--port", "0", "--policy", str(policy))
    assert result.exit_code == 2
    assert result.stdout == ""
    for sentence in (f"The policy {policy} ", *sentences):
        assert sentence in result.stderr


def test_a_busy_port_is_named_with_the_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = command("--port", str(port))
    assert result.exit_code == 1
    assert result.stderr == (
        f"Port {port} is in use by another program. End it, or choose another port: --port N"
        ' (with make: make run ARGS="--port N").\n'
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--upstream", "nonsense"], "'nonsense' is not a URL to forward to."),
        (["--policy", "p.json", "--site", "shop"], "use either --policy or --site, not both"),
        (["--site", "bad name"], "'bad name' is not a valid site name"),
        (["--site", "a;b"], "'a;b' is not a valid site name"),
        (["--differences"], "--differences takes no other option, not --port"),
        (["--front", "carrier-pigeon"], "carrier-pigeon"),
        (["--front", "alb", "--stage", "live"], "--stage is for APIs: --front http-api or --front rest-api."),
        (
            ["--front", "alb", "--unkeyed", "Origin"],
            "--unkeyed is about CloudFront's cache; alb has none.",
        ),
        (["--front", "alb", "--upstream", "nonsense"], "'nonsense' is not a URL to forward to."),
        (
            ["--front", "alb", "--upstream", "http://h/a;b c"],
            "it has spaces or other characters that an address can't have",
        ),
        (["--upstream", "http://h/a?b"], "it has a user, a query or a fragment. Write http://h/a."),
        (["--upstream", "https://u:p@h:1/#x"], "it has a user, a query or a fragment. Write https://h:1/."),
        (["--front", "http-api", "--stage", ""], "'' is not a valid stage name"),
        (["--front", "rest-api", "--stage", "a/b"], "'a/b' is not a valid stage name"),
    ],
)
def test_invalid_arguments_are_refused_with_a_sentence(arguments: list[str], sentence: str) -> None:
    result = command("--port", "0", *arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.output


def test_without_the_extra_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in ("moto", "uvicorn") else find_spec(name)
    )
    result = command()
    assert result.exit_code == 2
    assert result.stderr == (
        "This command needs packages that are not installed (moto, uvicorn).\n"
        "Install edgecors with its extra `local`: pip install '.[local]' in a checkout of edgecors.\n"
    )


def test_differences_lists_all_that_is_not_emulated_or_assumed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)  # set by pytest-xdist
    result = command("--differences")
    assert result.exit_code == 0
    assert [line[2:] for line in result.stdout.splitlines() if line.startswith("- ")] == [
        *cloudfront.NOT_EMULATED,
        *cloudfront.ASSUMED,
        *gateway.NOT_EMULATED,
        *gateway.ASSUMED,
    ]


def test_without_the_project_s_sources_the_gateway_s_fronts_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "PROJECT", tmp_path)
    result = command("--port", "0", "--page-port", "0", "--front", "http-api")
    assert result.exit_code == 2
    assert "comes with the project's sources and not with the installed package" in result.stderr


@pytest.fixture
def demonstration() -> Iterator["subprocess.Popen[str]"]:
    """A process as `make run` starts it, ended if the test has not done so."""
    process = subprocess.Popen(
        [sys.executable, "-m", "edgecors_cli", "local", "--port", "0", "--page-port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    yield process
    if process.poll() is None:
        process.kill()
    process.wait()
    process.stdout.close()


def banner_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if "Press Ctrl-C to stop." in line:
            break
    return "".join(lines)


def test_the_printed_lines_can_be_pasted_and_ctrl_c_ends_everything(demonstration: "subprocess.Popen[str]") -> None:
    require(sys.platform != "win32", "Ctrl-C is sent with a signal")
    require(shutil.which("curl"), "the printed lines need curl")
    banner = banner_of(demonstration)
    curls = [shlex.split(line) for line in banner.splitlines() if line.startswith("  curl ")]
    assert len(curls) == 3, banner
    replies = []
    for curl in curls:
        done = subprocess.run(curl, capture_output=True, text=True, timeout=30, check=True)
        replies.append(done.stdout)
    assert [reply.split()[1] for reply in replies] == ["204", "403", "200"]
    assert ["Access-Control-Allow-Origin: https://app.example.com" in reply for reply in replies] == [True, False, True]

    assert banner.startswith("The playground is at http://app.localhost:")
    ports = {int(port) for port in re.findall(r"http://(?:app\.localhost|localhost|127\.0\.0\.1):(\d+)", banner)}
    assert len(ports) == 4
    demonstration.send_signal(signal.SIGINT)
    assert demonstration.wait(30) == 0
    wait_until(lambda: not any(accepts_connections(port) for port in ports), "all ports are closed")


def test_the_printed_change_allows_the_refused_origin_as_well(demonstration: "subprocess.Popen[str]") -> None:
    require(shutil.which("curl"), "the printed lines need curl")
    banner = banner_of(demonstration)
    (line,) = (line for line in banner.splitlines() if " allow @" in line)
    subprocess.run(["sh", "-c", line], check=True, timeout=60, capture_output=True)
    refused = [shlex.split(line) for line in banner.splitlines() if line.startswith("  curl ")][1]

    def status() -> str:
        done = subprocess.run(refused, capture_output=True, text=True, timeout=30, check=True)
        return done.stdout.split()[1]

    wait_until(lambda: status() == "204", "the change counts")
