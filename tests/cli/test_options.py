"""Options that would have no effect are refused; `-` is standard output wherever a file is written."""

from pathlib import Path

import pytest

from tests.cli.conftest import Command

A, B = "https://a.example.com", "https://b.example.org"
BUNDLE = f"sites:\n  one: ['{A}']\n  two: ['{A}']\nlists:\n  l: ['{B}']\n"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("plan", "BUNDLE", "--site", "shop"), "--site is for a file with one policy. BUNDLE has names"),
        (("apply", "BUNDLE", "--site", "one", "--yes"), "for its own: one, two, @l."),
        (("plan", "DIRECTORY", "--site", "shop"), "--site is for a file with one policy."),
        (("explain", "shop", "--origin", A, "--environment", "x"), "--environment is for a directory of policies."),
        (("probe", "http://127.0.0.1:1", "--site", "shop", "--environment", "x"), "--environment is for a directory"),
        (("probe", "http://127.0.0.1:1", "--record", "x", "--environment", "x"), "--environment is for a directory"),
        (("probe", "http://127.0.0.1:1", "--site", "shop", "--paths", "3"), "--paths belong to --record FILE."),
        (("compile", "shop", "--id", "E1", "--environment", "x"), "there is no directory shop."),
        (("compile", "BUNDLE", "--id", "one", "--environment", "x"), "not for a file."),
        (("lint", "shop", "--environment", "x"), "there is no directory shop."),
        (("lint", "BUNDLE", "--environment", "x"), "not for a file."),
        (("import", "--from-aws", "--format", "s3"), "--format is for files"),
        (("attach", "api", "a1", "--stack", "s"), "--stack is for distributions, not for api."),
        (("attach", "api", "a1", "--setup", "origin"), "--setup is for distributions, not for api."),
        (("attach", "function-url", "f", "--behavior", "/x"), "--behavior is for distributions, not for function-url."),
        (("detach", "api", "a1", "--force"), "--force is for distributions, not for api."),
        (("detach", "api", "a1", "--behavior", "/x"), "--behavior is for distributions, not for api."),
        (("doctor", "api", "a1", "--behavior", "*"), "--behavior is for distributions, not for api."),
    ],
)
def test_an_option_without_effect_is_refused(
    edgecors: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    edgecors.put("sites/shop", A)
    (tmp_path / "BUNDLE").write_text(BUNDLE)
    (tmp_path / "DIRECTORY" / "sites").mkdir(parents=True)
    (tmp_path / "DIRECTORY" / "sites" / "one.txt").write_text(A)
    ran = edgecors(*command)
    assert ran.status == 2
    assert message in ran.err
    assert [site["site"] for site in edgecors.json("sites")] == ["shop"]


def test_compile_reads_the_lists_of_an_environment(edgecors: Command, tmp_path: Path) -> None:
    for name, text in (("sites/E1.txt", "@l"), ("environments/x/lists/l.txt", A), ("environments/y/lists/l.txt", B)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    command = ("compile", str(tmp_path), "--id", "E1", "--json")
    assert edgecors(*command).status == 2
    assert "a.example.com" in edgecors(*command, "--environment", "x").out
    assert "b.example.org" in edgecors(*command, "--environment", "y").out


def test_a_hyphen_is_standard_output_for_schema(
    edgecors: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert edgecors("schema", "-").data == edgecors("schema").data
    assert list(tmp_path.iterdir()) == []


def test_a_printed_command_quotes_a_pattern_for_the_shell(edgecors: Command) -> None:
    edgecors.put("lists/l", "https://*.example.com")
    edgecors.put("sites/shop", f"{A},@l")
    assert "edgecors revoke @l 'https://*.example.com'" in edgecors("revoke", "shop", "https://*.example.com").out
