"""What the command says when something is wrong: the fault, what to do, and the exit status. Never a traceback."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ProfileNotFound,
    UnauthorizedSSOTokenError,
)
from edgecors_admin.account import aws_errors
from edgecors_admin.errors import AwsError, CommandError, UsageError
from edgecors_admin.pasted import read_pasted, split_pasted
from edgecors_admin.sites import nearest
from edgecors_cli import context as context_module
from edgecors_cli import progress

from tests.cli.conftest import Command

A, B = "https://a.example.com", "https://b.example.org"


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("show", "shp"), 1, "There is no site 'shp' in us-east-1 (/edgecors/sites/shp). Did you mean shop?"),
        (("explain", "Shop", "--origin", A), 1, "Did you mean shop?"),
        (("history", "shop1"), 1, "Did you mean shop?"),
        (("rollback", "shpo", "1", "--yes"), 1, "There is no site 'shpo'"),
        (("rollback", "shop", "9", "--yes"), 1, "shop has no version 9"),
        (("diff", "@partner", "1"), 1, "Did you mean @partners?"),
        (("revoke", "@partner", A), 1, "Did you mean @partners?"),
        (("allow", "shp", A), 2, "There is no shp yet, but there is shop. Create shp?"),
        (("allow", "shp", A), 2, "--create"),
        (("allow", "@partner", A), 2, "Create @partner?"),
        (("rollback", "shop", "1"), 2, "--yes"),
        (("explain", "shop", "--origin", " "), 2, "The origin is empty"),
        (("explain", "shop", "--origin", f"{A}, {B}"), 2, "several origins"),
        (("explain", "shop", "--origin", "https://*.example.com"), 2, "is a pattern"),
        (("explain", "shop", "--origin", A, "--file", "no.json"), 2, "no.json can't be read: No such file"),
        (("lint", "no.json"), 2, "There is no file no.json"),
        (("plan", "no.json"), 2, "no.json can't be read: No such file"),
        (("probe", "https://a.example.com", "--file", "no.json"), 2, "no.json can't be read"),
        (("sites", "--endpoint-url", "nonsense"), 2, "--endpoint-url 'nonsense' is not a URL"),
        (("sites", "--endpoint-url", "http://["), 2, "is not a URL"),
        (("sites", "--endpoint-url", "http://x:99999999"), 2, "is not a URL"),
        (("sites", "--endpoint-url", ""), 2, "is not a URL"),
        (("probe", "http://[", "--site", "shop"), 2, "is not an http or https URL"),
        (("explain", "shop", "--origin", A, "--host", "http://["), 2, "is not a host name"),
        (("explain", "shop", "--origin", A, "--path", "http://["), 2, "is not a path and not a URL"),
        (("sites", "--region", "no region"), 2, "is not a valid Region"),
        (("sites", "--profile", "nobody"), 3, "nobody"),
        (("sites", "--endpoint-url", "http://127.0.0.1:9"), 3, "No connection to AWS in us-east-1"),
        (("delete", "shop"), 2, "--yes"),
        (("alias", "remove", "E1"), 1, "There is no alias E1"),
    ],
)
def test_a_mistake_is_explained(
    edgecors: Command, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], status: int, words: str
) -> None:
    edgecors.put("sites/shop", A)
    edgecors.put("sites/shop", B)
    edgecors.put("lists/partners", B)
    monkeypatch.setattr("edgecors_admin.account.CONNECT_SECONDS", 1)
    monkeypatch.setattr("edgecors_admin.account.ATTEMPTS", 1)
    ran = edgecors(*arguments)
    assert ran.status == status, ran
    assert words in ran.err


def test_an_argument_that_is_not_utf_8_is_printed_harmlessly(edgecors: Command) -> None:
    edgecors.put("sites/shop", A)
    ran = edgecors("explain", "shop", "--origin", "https://\udcff.example.com")
    assert ran.status == 1
    assert "\\udcff" in ran.out


def test_a_site_whose_name_is_near_another_one_is_created_when_that_is_confirmed(edgecors: Command) -> None:
    edgecors.put("sites/shop", A)
    assert edgecors("allow", "shop2", A, "--create").status == 0
    assert edgecors("allow", "shop3", A, "--yes").status == 0
    assert edgecors("allow", "elsewhere", A).status == 0
    assert edgecors("allow", "shop4", A, "--dry-run").status == 0
    assert [row["site"] for row in edgecors.json("sites")] == ["elsewhere", "shop", "shop2", "shop3"]


@pytest.mark.parametrize(
    ("name", "names", "expected"),
    [
        ("shp", ["shop", "blog"], "shop"),
        ("SHOP", ["shop"], "shop"),
        ("E1ABCDEF2GHIJL", ["E1ABCDEF2GHIJK", "E9ZYXWVU8TSRQP"], "E1ABCDEF2GHIJK"),
        ("blog", ["shop"], None),
        ("shop", [], None),
    ],
)
def test_the_nearest_name(name: str, names: list[str], expected: str | None) -> None:
    assert nearest(name, names) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (r"^https://.*\.example\.com$", "regular expression"),
        (r"https://(a|b)\.example\.com", "regular expression"),
        (r"https?://a.example.com", "regular expression"),
        (r"/example\.com$/", "regular expression"),
        ("https://[a-z]+.example.com", "regular expression"),
        ("https://.*.example.com", "regular expression"),
        ("https://deploy-preview-{n}--site.netlify.app", "placeholder '{n}'"),
        ("https://${branch}.example.com", "placeholder '${branch}'"),
        ("https://<branch>--site.netlify.app", "placeholder '<branch>'"),
        ("https://[branch]--site.netlify.app", "placeholder '[branch]'"),
        ("https://app-*-git-*.vercel.app", "more than one *"),
        ("https://**.example.com", "**"),
        (".example.com", "Write https://*.example.com for subdomains, and https://example.com"),
        ("https://a.*.example.com", "wrong position"),
        ("*", "--"),
    ],
)
def test_patterns_of_other_systems_are_refused_with_what_to_write(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"\.") as error:
        read_pasted(text)
    assert words in str(error.value) or words == "--"


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("https://deploy-preview-*--site.netlify.app", "https://deploy-preview-*--site.netlify.app"),
        ("https://app-git-*-team.vercel.app", "https://app-git-*-team.vercel.app"),
        ("*.example.com", "https://*.example.com"),
        ("https://a.example.com/items/{id}", "https://a.example.com"),
        ("https://example.com/*", "https://example.com"),
    ],
)
def test_patterns_of_other_systems_that_mean_the_same_are_read(text: str, entry: str) -> None:
    assert read_pasted(text).entry == entry


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (A, [A]),
        (f"{A}, {B}", [A, B]),
        (f"{A} {B}", [A, B]),
        (f"{A};{B}\n", [A, B]),
        (f'["{A}", "{B}"]', [A, B]),
        (f"'{A}', '{B}'", [f"'{A}'", f"'{B}'"]),
        ("a.example.com,localhost:3000,@partners,null", ["a.example.com", "localhost:3000", "@partners", "null"]),
        ("https://a b", ["https://a b"]),
        ("https://[::1]:3000", ["https://[::1]:3000"]),
    ],
)
def test_several_origins_in_one_argument_are_split(text: str, parts: list[str]) -> None:
    assert split_pasted(text) == parts


def test_origins_are_read_from_standard_input_and_files(edgecors: Command, tmp_path: Path) -> None:
    file = tmp_path / "partners.txt"
    file.write_text(f"# partners\n{A}  # first\n{B}\n")
    assert edgecors.json("allow", "@one", "--from", str(file))["allowed"] == [A, B]
    assert (
        edgecors(
            "allow",
            "@two",
            "-",
            stdin=f'["{A}", "{B}"]',
        ).status
        == 0
    )
    assert edgecors.value("lists/two") == f"{A},{B}"
    assert edgecors("revoke", "@two", "--from", str(file), "--yes").status == 0
    assert edgecors("allow", "@two").status == 2
    assert edgecors("allow", "@two", "-", stdin="").status == 2
    assert edgecors("allow", "@two", "--from", str(tmp_path)).status == 2


def client_error(code: str, message: str = "No.") -> ClientError:
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return ClientError(response, "GetParameter")  # type: ignore[arg-type]  # as AWS answers


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (
            NoCredentialsError(),
            AwsError,
            ["no usable AWS credentials (profile work)", "AWS_PROFILE", "aws sso login"],
        ),
        (ProfileNotFound(profile="x"), AwsError, ["(x)", "--profile"]),
        (UnauthorizedSSOTokenError(), AwsError, ["SSO session of profile work", "aws sso login --profile work"]),
        (
            EndpointConnectionError(endpoint_url="http://x"),
            AwsError,
            ["in eu-west-1", "--region", "--endpoint-url"],
        ),
        (
            client_error("ExpiredTokenException"),
            AwsError,
            ["session of profile work has expired", "GetParameter"],
        ),
        (client_error("UnrecognizedClientException"), AwsError, ["does not accept profile work"]),
        (client_error("AccessDeniedException"), AwsError, ["profile work lacks the permission", "in eu-west-1"]),
        (client_error("ThrottlingException", "Rate exceeded"), AwsError, ["Rate exceeded"]),
    ],
)
def test_an_error_of_aws_says_what_to_set(error: Exception, kind: type[CommandError], words: list[str]) -> None:
    with pytest.raises(kind) as raised, aws_errors("profile work", "eu-west-1"):
        raise error
    assert raised.value.status == (2 if kind is UsageError else 3)
    for word in words:
        assert word in str(raised.value)


def test_an_internal_error_is_a_sentence_and_its_own_status(edgecors: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGECORS_DEBUG")

    def fail(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("edgecors_admin.parameter_store.Parameters.below", fail)
    ran = edgecors("sites")
    assert (ran.status, ran.out) == (context_module.INTERNAL_ERROR, "")
    assert "internal error (RuntimeError)" in ran.err
    assert "Traceback" not in ran.err


def test_a_long_command_says_on_standard_error_what_it_does(edgecors: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgecors_admin.parameter_store import Parameters

    monkeypatch.setattr(progress, "DELAY_SECONDS", 0.001)
    monkeypatch.setattr(progress, "INTERVAL_SECONDS", 0.001)
    below: Callable[..., object] = Parameters.below

    def slow(*arguments: object) -> object:
        time.sleep(0.05)
        return below(*arguments)

    monkeypatch.setattr(Parameters, "below", slow)
    ran = edgecors("sites", "--json")
    assert "... reading Parameter Store" in ran.err
    assert ran.data == []


def run(*command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
        check=False,
    )


def test_without_its_extra_the_command_says_what_to_install() -> None:
    code = (
        "import importlib.util, sys; real = importlib.util.find_spec;"
        "importlib.util.find_spec = lambda name, *rest: None if name in ('typer', 'rich') else real(name, *rest);"
        "from edgecors_cli.main import main; main()"
    )
    ran = run("-c", code)
    assert ran.returncode == 2
    assert "typer" in ran.stderr
    assert "[cli]" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("option", ["--version", "-h", "--help"])
def test_version_and_help(edgecors: Command, option: str) -> None:
    ran = edgecors(option)
    assert ran.status == 0
    assert "edgecors" in ran.out


def test_the_help_of_each_command_has_examples() -> None:
    from typing import Any

    from edgecors_cli.app import app
    from typer.main import get_command

    group: Any = get_command(app)
    for name, command in group.commands.items():
        commands = getattr(command, "commands", {name: command})
        for one in commands.values():
            assert one.help, name
            if name not in ("import", "compile", "schema"):
                assert one.epilog, name
                assert f"edgecors {name}" in one.epilog


def test_output_into_a_closed_pipe_ends_quietly(tmp_path: Path) -> None:
    file = tmp_path / "many.txt"
    file.write_text("\n".join(f"nonsense{number}" for number in range(20_000)))
    code = f'edgecors() {{ {sys.executable} -m edgecors_cli "$@"; }}; edgecors lint {file} --json | head -c 10'
    ran = subprocess.run(["bash", "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in ran.stderr
    assert "BrokenPipe" not in ran.stderr


@pytest.fixture
def process(edgecors: Command) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command as a process of its own, in a shell line that has it as ``edgecors``."""

    def run(shell: str, **environment: str) -> subprocess.CompletedProcess[str]:
        code = f'edgecors() {{ {sys.executable} -m edgecors_cli "$@"; }}; {shell}'
        settings = {**os.environ, **environment}
        return subprocess.run(
            ["bash", "-c", code], capture_output=True, text=True, timeout=60, check=False, env=settings
        )

    return run


@pytest.mark.parametrize("option", ["", "--json"])
def test_output_into_a_closed_pipe_ends_with_the_status_of_sigpipe(
    edgecors: Command, process: Callable[..., subprocess.CompletedProcess[str]], option: str
) -> None:
    edgecors.put("sites/shop", "https://app.example.com")
    ran = process(f"edgecors show shop {option} | true; exit ${{PIPESTATUS[0]}}")
    assert ran.returncode == 141
    assert "rror" not in ran.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_output_onto_a_full_disk_is_reported(
    edgecors: Command, process: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    edgecors.put("sites/shop", "https://app.example.com")
    ran = process("edgecors show shop --json > /dev/full")
    assert ran.returncode == 2
    assert ran.stderr.splitlines()[-1] == "error: The output can't be written: No space left on device."


def test_output_in_an_encoding_without_a_character_has_its_escape(
    edgecors: Command, process: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    ran = process("edgecors allow shop https://münchen.example", PYTHONIOENCODING="ascii")
    assert ran.returncode == 0
    assert "https://m\\xfcnchen.example is https://xn--mnchen-3ya.example" in ran.stdout
    assert edgecors.value("sites/shop") == "https://xn--mnchen-3ya.example"
