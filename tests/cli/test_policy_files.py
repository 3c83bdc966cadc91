"""The one reader of policies in files: every form, and a sentence for what can't be read."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from edgecors_admin.errors import UsageError
from edgecors_admin.policy_files import PolicyFiles, read_entries, read_policies, read_policy_text
from edgecors_admin.size import pack
from edgecors_admin.yaml_text import MAX_DEPTH

from tests.cli.conftest import Command

A, B = "https://a.example.com", "https://b.example.com"
POLICY = {"version": 1, "rules": [{"allow_origins": [A]}]}
JSON = json.dumps(POLICY)
YAML = f"# ours\nversion: 1\nrules:\n- allow_origins: [{A}]  # the shop\n"


def read(text: str, ending: str = "") -> PolicyFiles:
    return read_policy_text(text, "FILE", ending)


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        (JSON, ""),
        (JSON, ".json"),
        (JSON, ".yaml"),
        (json.dumps(POLICY, indent=2), ".json"),
        (YAML, ""),
        (YAML, ".yaml"),
        (YAML.replace("\n", "\r\n"), ".yml"),
        (pack(JSON), ""),
        ("\ufeff" + JSON, ".json"),
        ("---\n" + YAML, ""),
    ],
)
def test_a_single_policy_is_read_in_each_form(text: str, ending: str) -> None:
    assert json.loads(read(text, ending).single or "") == POLICY


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        (f"{A},{B}", ""),
        (f"{A}\r\n{B}\r\n", ".txt"),
        (f"# partners\n{A}  # first\n\n{B}\n", ".txt"),
        (f"# partners\n{A}, {B}", ""),
        (f'["{A}", "{B}"]', ".json"),
        (f"- {A}\n- {B}\n", ""),
        (f"- {A}\n- {B}\n", ".yaml"),
    ],
)
def test_a_plain_list_is_read_in_each_form(text: str, ending: str) -> None:
    assert read(text, ending).single == f"{A},{B}"


def test_a_hash_inside_an_entry_is_not_a_comment() -> None:
    assert read(f"{A}/#top {B}").single == f"{A}/#top,{B}"


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"sites": {"shop": POLICY, "fonts": "*"}, "lists": {"partners": [A, B]}}),
        json.dumps({"$schema": "x", "sites": {"shop": JSON, "fonts": ["*"]}, "lists": {"partners": f"{A} {B}"}}),
        f"sites:\n  shop:\n    version: 1\n    rules: [{{allow_origins: ['{A}']}}]\n  fonts: ['*']\n"
        f"lists:\n  partners:\n    - {A}\n    - {B}\n",
    ],
)
def test_a_bundle_is_read_in_each_form(text: str) -> None:
    files = read(text)
    assert files.single is None
    assert json.loads(files.sites.pop("shop")) == POLICY
    assert (files.sites, files.lists) == ({"fonts": "*"}, {"partners": f"{A},{B}"})


DEEP = "rules: " + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)
LAUGHS = "\n".join(["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))])
CHAIN = "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 3000))])


@pytest.mark.parametrize(
    ("text", "ending", "message"),
    [
        ("", "", "FILE is empty"),
        (" \n", ".json", "FILE is empty"),
        ("gz:!", "", "FILE can't be read"),
        (f"sites:\n  a: ['{A}']\nsites:\n  b: ['{B}']\n", ".yaml", r"line 3: the key 'sites' is used twice .* line 1"),
        (
            f"rules:\n- max_age: 1\n  max_age: 2\n  allow_origins: ['{A}']\n",
            "",
            "line 3: the key 'max_age' is used twice",
        ),
        ('{"sites":\n {"a": [],\n  "a": []}}', "", r"line 3: the key 'a' is used twice .* line 2"),
        ('{"sites": {"s": {"rules": [{"max_age": 1, "max_age": 2}]}}}', "", "line 1: the key 'max_age' is used twice"),
        ("rules:\n- allow_origins: *\n", "", r"line 2, .* unquoted \* .* in quotes"),
        ("rules:\n- allow_origins: [*]\n", "", r"line 2, .* unquoted \* .* in quotes"),
        ("- *.example.com\n", "", r"line 1, .* unquoted \* .* in quotes"),
        ("- @partners\n", "", "line 1, .* unquoted @ .* in quotes"),
        ("rules:\n- allow_origins: @partners\n", "", 'line 2, column 18: .* unquoted @ .* in quotes: "@partners"'),
        ("rules:\n- allow_origins: [@partners]\n", "", "line 2, column 19: .* unquoted @ .* in quotes"),
        ("rules:\n- allow_origins: [é, 😀, @partners]\n", "", "line 2, column 25: .* unquoted @ .* in quotes"),
        ("rules:\n- allow_origins: [*é]\n", "", r"line 2, .* unquoted \* .* in quotes"),
        ("rules:\n- allow_origins: [*partners]\n", "", r"line 2, .* unquoted \* .* in quotes"),
        ("rules:\n- paths: [`/x]\n", "", "line 2, column 11: not valid YAML, found character"),
        ("rules:\n- allow_origins:\n  - null\n", "", 'line 3: null without quotes .* in quotes: "null"'),
        ("rules:\n- allow_origins: [Null, NULL]\n", "", "line 2: Null .*\n.*line 2: NULL "),
        ("- null\n", "", 'line 1: null .* in quotes: "null"'),
        ("rules:\n\t- 1\n", "", "line 2, .* tab"),
        (
            "rules:\n- allow_credentials: yes\n  allow_methods: [GET, NO]\n",
            "",
            "line 2: yes is a boolean.*\n.*line 3: NO is",
        ),
        ("refresh_seconds: 0o17\nrules: 010\n", "", "010 is not a plain decimal number"),
        ("rules: !Ref X\n", "", "the tag !Ref is not supported"),
        ("rules: &a [*a]\n", "", "contains itself"),
        (DEEP, ".yaml", "nested more than 64 levels"),
        (LAUGHS, ".yaml", "more than 500,000 values"),
        (CHAIN, ".yaml", "nested more than 64 levels"),
        (YAML, ".txt", "looks like YAML"),
        ("5", ".yaml", "FILE is 5; it has to be a policy or a list"),
        ("5", ".json", "FILE is 5; it has to be a policy or a list"),
        ("null", ".json", "FILE is null; it has to be a policy or a list"),
        # An ending decides, so that a mistake does not make a plain list of all words.
        (f"// ours\n{JSON}", ".json", "line 1, column 1: not valid JSON, .*: '// ours'. JSON has no comments."),
        (f"// ours\n{JSON}", ".JSON", "line 1, column 1: not valid JSON"),
        (f"\n /* ours */ {JSON}", ".json", "line 2, column 2: not valid JSON, .* JSON has no comments."),
        (YAML, ".json", "line 1, column 1: not valid JSON, .* JSON has no comments."),
        (f"{A},{B}", ".json", "line 1, column 1: not valid JSON"),
        (f'"version": 1, {JSON}', ".json", "line 1, column 10: not valid JSON"),
        (f'"{A}"', ".json", f'FILE is "{A}"; it has to be a policy or a list'),
        (f"{A}\n{B}\n", ".yaml", f'FILE is "{A} {B}"; it has to be a policy or a list'),
        (f"// ours\n// {A}\n", ".yml", 'FILE is "// ours // .*"; it has to be a policy or a list'),
        (f"version 1\nrules {A}\n", ".yaml", 'FILE is "version 1 rules'),
        ("[1]", "", r"FILE\[0\] is 1, not a string"),
        ('{"sites": [], "lists": {}}', "", "sites has to be an object"),
        ('{"sites": {"a b": []}}', "", "'a b' in sites is not a valid name"),
        ('{"sites": {"a": {}}, "list": {}}', "", "unknown key 'list'"),
        ('{"sites": {"a": 1}}', "", "sites.a is 1; it has to be a policy or a list"),
        ('{"lists": {"a": {}}}', "", "lists.a is an object; it has to be a list"),
    ],
)
def test_what_can_not_be_read_is_said_in_a_sentence(text: str, ending: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read(text, ending)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"rules": [\n{"allow_origins": nobody}\n]}',
            r"line 2, column 19: not valid JSON, .*: '\{\"allow_origins\": nobody\}'",
        ),
        ("{" * 100_000, "not valid JSON"),
        ("[" * 100_000, "nested too deep"),
        ('{"rules": [ // ours\n]}', "line 1, column 13: not valid JSON, .* JSON has no comments."),
    ],
)
def test_invalid_json_is_located(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read(text).named(None)


def test_apply_json_file_with_a_comment_first_writes_nothing(edgecors: Command, tmp_path: Path) -> None:
    edgecors.put("sites/shop", A)
    file = tmp_path / "p.json"
    file.write_text(f"// ours\n{JSON}", encoding="utf-8")
    ran = edgecors("apply", str(file), "--site", "shop", "--yes")
    assert (ran.status, "p.json, line 1, column 1: not valid JSON" in ran.err) == (2, True), ran
    assert edgecors.value("sites/shop") == A


def test_invalid_json_list_is_located(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    file = tmp_path / "lists" / "partners.json"
    file.write_text(f'["{A}" "{A}"]', encoding="utf-8")
    with pytest.raises(UsageError, match="line 1, column 26: not valid JSON"):
        read_policies(str(tmp_path))
    with pytest.raises(UsageError, match="line 1, column 26: not valid JSON"):
        read_entries(str(file))


def test_two_texts_that_repeat_a_key_in_different_objects_are_fine() -> None:
    text = '{"sites": {"a": {"rules": [{"max_age": 1}, {"max_age": 1}]}, "b": {"rules": []}}}'
    assert set(read(text).sites) == {"a", "b"}


def test_a_directory_is_read_with_all_endings(tmp_path: Path) -> None:
    (tmp_path / "sites").mkdir()
    (tmp_path / "lists").mkdir()
    (tmp_path / "sites" / "one.json").write_text(JSON)
    (tmp_path / "sites" / "two.yaml").write_text(YAML)
    (tmp_path / "sites" / "three.txt").write_text(f"{A} # ours\n")
    (tmp_path / "sites" / "policy.schema.json").write_text("{}")
    (tmp_path / "sites" / "README.md").write_text("x")
    (tmp_path / "lists" / "partners.yml").write_text(f"- {B}\n")
    files = read_policies(str(tmp_path))
    assert sorted(files.sites) == ["one", "three", "two"]
    assert json.loads(files.sites["two"]) == POLICY
    assert files.lists == {"partners": B}
    assert files.ignored == ["sites/README.md", "sites/policy.schema.json"]
    (tmp_path / "sites" / "one.txt").write_text(A)
    with pytest.raises(UsageError, match="two files called one"):
        read_policies(str(tmp_path))


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"https://\xff.example", "line 1: byte 0xff is not UTF-8"), (b"a\n\xc3(", "line 2: byte 0xc3 is not UTF-8")],
)
def test_a_file_that_is_not_utf_8_is_located(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(UsageError, match=message):
        read_policies(str(tmp_path / "x"))


def test_utf_16_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(A.encode("utf-16"))
    assert read_policies(str(tmp_path / "x.txt")).single == A


@pytest.mark.parametrize("command", [("lint", "FILE"), ("explain", "shop", "--origin", A, "--file", "FILE")])
def test_every_command_reads_the_same_files(edgecors: Command, tmp_path: Path, command: tuple[str, ...]) -> None:
    for name, text in {
        "p.json": JSON,
        "p.yaml": YAML,
        "bundle.yaml": f"sites:\n  shop: ['@own']\nlists:\n  own: ['{A}']\n",
        "p.txt": f"# ours\n{A}\n",
        "crlf.json": "\ufeff" + JSON.replace(",", ",\r\n"),
    }.items():
        (tmp_path / name).write_text(text)
        ran = edgecors(*(argument.replace("FILE", str(tmp_path / name)) for argument in command))
        assert ran.status == 0, (name, ran)


def test_a_list_in_yaml_is_never_allowed_by_being_read_as_a_plain_list(edgecors: Command, tmp_path: Path) -> None:
    text = f"rules:\n- allow_origins: [{A}]\n  paths: [/api/*]\n"
    (tmp_path / "policy").write_text(text)
    asked = ("explain", "shop", "--origin", "https://b.example.com", "--file")
    assert edgecors(*asked, str(tmp_path / "policy")).status == 1
    assert edgecors(*asked, "-", stdin=text).status == 1
    (tmp_path / "policy.txt").write_text(text)
    assert edgecors(*asked, str(tmp_path / "policy.txt")).status == 2


def test_standard_input_is_a_file_for_plan_and_apply(edgecors: Command) -> None:
    bundle = f"sites:\n  shop: ['{A}']\n"
    assert edgecors("plan", "-", stdin=bundle).status == 4
    assert edgecors("apply", "-", "--yes", stdin=bundle).status == 0
    assert edgecors("plan", "-", stdin=bundle).status == 0
    assert edgecors("plan", "-", stdin=JSON).status == 2
    assert edgecors("plan", "-", "--site", "shop", stdin=JSON).status == 4
    assert edgecors("plan", "-", stdin='{"sites": {"shop": {"rules": []}}}').status == 1


@pytest.mark.skipif(sys.platform == "win32", reason="there is no /dev/fd")
def test_a_pipe_is_a_file(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edgecors_cli", "lint", "/dev/fd/0"]
    ran = subprocess.run(
        command, input=JSON, capture_output=True, text=True, timeout=60, env=dict(os.environ), check=False
    )
    assert (ran.returncode, "error" in ran.stderr) == (0, False)


# Environments: lists differ, rules don't.


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Policies of two environments, which share one list and differ in another."""
    files = {
        "sites/shop.json": '{"version": 1, "rules": [{"allow_origins": ["@web", "@partners"]}]}',
        "lists/partners.txt": "https://partner.test\n",
        "environments/dev/lists/web.txt": "https://dev.example.com\n",
        "environments/dev/lists/partners.txt": "# nobody yet\n",
        "environments/production/lists/web.txt": "https://www.example.com\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_environment_has_its_own_lists_and_the_shared_ones(repository: Path) -> None:
    dev, production = (read_policies(str(repository), name) for name in ("dev", "production"))
    assert dev.sites == production.sites
    assert dev.lists == {"partners": ",", "web": "https://dev.example.com"}
    assert production.lists == {"partners": "https://partner.test", "web": "https://www.example.com"}


def add(repository: Path, name: str) -> None:
    file = repository / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("https://a.example.com\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("extra", "environment", "message"),
    [
        (None, None, "has environments (dev, production). Add --environment NAME."),
        (None, "staging", "has no environment 'staging'. Its environments: dev, production."),
        (
            "environments/dev/sites/shop.json",
            "production",
            "environments have only lists. Rules are the same",
        ),
        ("environments/dev/lists/cdn.txt", "production", "has no list 'cdn', which dev has. Add cdn.txt"),
        ("environments/dev/lists/web.TXT", "dev", "has two files called web. Remove one."),
    ],
)
def test_environment_that_can_not_be_read_says_what_to_do(
    repository: Path, extra: str | None, environment: str | None, message: str
) -> None:
    if extra is not None:
        add(repository, extra)
    with pytest.raises(UsageError, match=re.escape(message)):
        read_policies(str(repository), environment)


def test_environment_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(JSON, encoding="utf-8")
    with pytest.raises(UsageError, match="not for a file"):
        read_policies(str(tmp_path / "x.json"), "dev")


def test_environment_file_that_was_not_read_is_listed(repository: Path) -> None:
    add(repository, "environments/dev/lists/README.md")
    assert read_policies(str(repository), "dev").ignored == ["environments/dev/lists/README.md"]


def test_plan_and_apply_write_the_lists_of_the_environment(edgecors: Command, repository: Path) -> None:
    options = (str(repository), "--environment", "production")
    planned = edgecors("plan", *options)
    assert planned.status == 4
    assert "+ https://www.example.com  may read /*" in planned.out
    assert edgecors("apply", *options, "--yes").status == 0
    assert edgecors.value("lists/web") == "https://www.example.com"
    assert edgecors("plan", *options).status == 0
    assert edgecors("plan", str(repository)).status == 2
    assert edgecors("lint", *options).status == 0
    refused = edgecors("lint", "--environment", "production")
    assert (refused.status, "Name it: edgecors lint policies/" in refused.err) == (2, True)
    explained = edgecors("explain", "shop", "--origin", "https://dev.example.com", "--file", *options)
    assert explained.status == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"version": 1,\n',
            "FILE, line 2, column 1: not valid JSON, Expecting property name enclosed in double quotes.",
        ),
        ('{"version": 1,\n\n \n', "FILE, line 4, column 1: not valid JSON, [^:]*"),
        ('{"a": "\u2028",\nnobody}', "FILE, line 2, column 1: not valid JSON, .*: 'nobody}'."),
        ("[\n", "FILE, line 2, column 1: not valid JSON, [^:]*"),
        ('{"a": "\n', "FILE, line 1, column 8: not valid JSON, .*"),
    ],
)
def test_json_that_ends_too_early_is_located(text: str, message: str) -> None:
    assert re.fullmatch(message, read(text).error)


@pytest.mark.parametrize(
    "command",
    [
        ("lint", "FILE"),
        ("plan", "FILE", "--site", "s"),
        ("apply", "FILE", "--site", "s", "--yes"),
        ("explain", "s", "--file", "FILE", "--origin", A),
        ("compile", "FILE", "--id", "E1"),
        ("import", "FILE"),
        ("lint", "-"),
    ],
    ids=" ".join,
)
def test_json_that_ends_too_early_is_an_error_in_every_command(
    edgecors: Command, tmp_path: Path, command: tuple[str, ...]
) -> None:
    file = tmp_path / "policy.json"
    file.write_text('{"version": 1,\n')
    ran = edgecors(*(str(file) if part == "FILE" else part for part in command), stdin='{"version": 1,\n')
    assert ran.status in (1, 2)
    assert "JSON" in ran.out + ran.err


@pytest.mark.parametrize("text", ["# nobody yet\n", "---\n# nobody yet\n", "\n  # nobody\n# yet"])
@pytest.mark.parametrize("ending", [".yaml", ".yml", ".txt", ""])
def test_a_file_with_only_comments_allows_nobody(text: str, ending: str) -> None:
    if not (text.startswith("---") and ending == ".txt"):
        assert read(text, ending).single == ","


@pytest.mark.parametrize("text", ["null\n", "~", "# nobody\nnull"])
def test_null_in_yaml_is_no_list(text: str) -> None:
    with pytest.raises(UsageError, match="FILE is null"):
        read(text, ".yaml")


HALF = r"https://a\ud800.example.com"
"""A lone surrogate, as JSON writes it."""


@pytest.mark.parametrize(
    "text",
    [
        f'{{"rules": [{{"allow_origins": ["{HALF}"]}}]}}',
        f'{{"sites": {{"s": {{"rules": [{{"allow_origins": ["{HALF}"]}}]}}}}}}',
        json.dumps(
            {"sites": {"s": f'{{"rules": [{{"allow_origins": ["{HALF}"]}}]}}'.encode().decode("unicode_escape")}}
        ),
    ],
)
@pytest.mark.parametrize("command", [("lint",), ("plan",), ("apply", "--yes")], ids=" ".join)
def test_half_of_a_surrogate_pair_in_a_policy_is_a_finding(
    edgecors: Command, tmp_path: Path, text: str, command: tuple[str, ...]
) -> None:
    (tmp_path / "p.json").write_text(text)
    site = ("--site", "s") if "sites" not in text and command[0] != "lint" else ()
    ran = edgecors(command[0], str(tmp_path / "p.json"), *command[1:], *site)
    assert ran.status == 1
    assert "origin-not-ascii" in ran.out


def test_half_of_a_surrogate_pair_in_an_imported_source_is_said_in_a_sentence(edgecors: Command) -> None:
    rule = f'{{"AllowedOrigins": ["{HALF}", "{A}"], "AllowedMethods": ["GET"], "ExposeHeaders": ["{HALF}"]}}'
    ran = edgecors("import", "-", "--site", "s", stdin=f'{{"CORSRules": [{rule}]}}')
    assert ran.status in (0, 1, 2)
    assert A in ran.out + ran.err


@pytest.mark.parametrize("text", [f'["{HALF}"]', f'"{HALF}"', f'{{"lists": {{"l": ["{HALF}"]}}}}'])
def test_half_of_a_surrogate_pair_in_a_list_is_said_in_a_sentence(text: str) -> None:
    with pytest.raises(UsageError, match="has half of a surrogate pair"):
        _from_json(text)


def _from_json(text: str) -> PolicyFiles:
    return read(text if text[0] in "{[" else f'{{"sites": {{"s": {text}}}}}')


LONG_NAME = "a" * 300


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("lint", LONG_NAME), "is not a valid site name"),
        (("compile", LONG_NAME, "--id", "E1"), "is not a valid site name"),
        (("lint", f"./{LONG_NAME}"), "can't be read: File name too long."),
        (("plan", LONG_NAME), "can't be read: File name too long."),
        (("apply", f"{LONG_NAME}/b", "--yes"), "can't be read: File name too long."),
        (("explain", "s", "--origin", A, "--file", LONG_NAME), "can't be read: File name too long."),
        (("import", LONG_NAME), "can't be read: File name too long."),
        (("import", "--from-live", LONG_NAME), "can't be read: File name too long."),
        (("probe", "http://127.0.0.1:1", "--file", LONG_NAME), "can't be read: File name too long."),
        (("probe", "http://127.0.0.1:1", "--record", "r.json", "--from", LONG_NAME), "File name too long."),
        (("allow", "s", "--from", LONG_NAME), "can't be read: File name too long."),
        (("export", LONG_NAME), "can't be read: File name too long."),
        (("schema", LONG_NAME), "can't be written: File name too long."),
        (("lint", "loop.json"), "can't be read: Too many levels of symbolic links."),
        (("plan", "loop.json"), "can't be read: Too many levels of symbolic links."),
        (("lint", "file/p.json"), "There is no file file/p.json."),
        (("plan", "file/p.json"), "can't be read: Not a directory."),
        (("plan", "half"), "half/sites can't be read: Not a directory."),
        (("plan", "ring"), "can't be read: Too many levels of symbolic links."),
        (("export", "file/e"), "can't be read: Not a directory."),
        (("schema", "file/e/"), "can't be written: "),
        (("lint", ""), "'' is not a valid site name"),
        (("plan", ""), "The name of the file is empty."),
        (("apply", "", "--yes"), "The name of the file is empty."),
        (("export", "", "--yes"), "The name of the directory is empty."),
        (("schema", ""), "The name of the file is empty."),
        (("lint", "nul\0.json"), "embedded null"),
        (("plan", "nul\0.json"), "embedded null"),
        (("export", "nul\0"), "embedded null"),
        (("lint", "\udcff"), "is not a valid site name"),
        (("lint", "\udcff.json"), "There is no file"),
        (("plan", "\udcff.json"), "can't be read: No such file or directory."),
    ],
)
def test_an_argument_that_can_not_be_a_file_is_said_in_a_sentence(
    edgecors: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    edgecors.put("sites/s", A)
    (tmp_path / "file").touch()
    (tmp_path / "loop.json").symlink_to("loop.json")
    for name in ("half/lists", "ring/sites"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "a.txt").write_text(A)
    (tmp_path / "half" / "sites").touch()
    (tmp_path / "ring" / "environments").symlink_to("environments")
    ran = edgecors(*command)
    assert ran.status == 2, ran
    assert message in ran.err


@pytest.fixture
def without_root() -> Iterator[Path]:
    """A directory that another user may read; to root nothing is without permission."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        is_root = os.geteuid() == 0
        try:
            yield Path(directory)
        finally:
            if is_root:
                os.seteuid(0)
            for path in [Path(directory), *Path(directory).rglob("*")]:
                path.chmod(0o755)


@pytest.mark.parametrize("hidden", ["p", "p/sites", "p/lists", "p/environments", "p/environments/x/lists"])
def test_a_directory_without_permission_is_not_read_in_part(without_root: Path, hidden: str) -> None:
    for name in ("sites", "lists", "environments/x/lists"):
        (without_root / "p" / name).mkdir(parents=True)
        (without_root / "p" / name / "a.txt").write_text(A)
    (without_root / hidden).chmod(0)
    if os.geteuid() == 0:
        os.seteuid(65534)
    with pytest.raises(UsageError, match=r"can't be read: Permission denied\."):
        read_policies(str(without_root / "p"), "x")


def test_bytes_that_are_not_text_in_standard_input_are_said_in_a_sentence(edgecors: Command) -> None:
    ran = edgecors("allow", "s", "-", stdin=f"{A}\0\n")
    assert ran.status == 2
    assert "\0" not in ran.err
