"""``edgecors import``: streams, exit statuses, and what plan and explain make of its output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command

SAMPLES = Path(__file__).parent / "samples"


def sample(name: str) -> str:
    return str(SAMPLES / name)


def test_import_clean_source_prints_the_policy_and_exits_0(edgecors: Command) -> None:
    ran = edgecors("import", sample("function-url-get.json"))
    assert ran.status == 0
    assert ran.data["rules"][0]["allow_origins"] == ["https://app.example.com"]
    assert "next: Switch the function URL's own CORS off" in ran.err


def test_import_source_with_losses_prints_the_policy_and_exits_1(edgecors: Command) -> None:
    ran = edgecors("import", sample("s3-get-bucket-cors.json"))
    assert ran.status == 1
    assert ran.data["rules"][0]["allow_origins"] == ["https://app.example.com", "https://*.shop.example"]
    assert "CORSRules[0].AllowedHeaders[0]" in ran.err
    assert edgecors("import", "-", stdin=Path(sample("s3-get-bucket-cors.json")).read_text()).data == ran.data


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("serverless-wrong-keys.yml", "Did you mean allowedOrigins?"),
        ("serverless-without-scheme.yml", "Write 'https://shop.example'."),
        ("http-api-everyone-with-credentials.json", "every origin is allowed with credentials"),
        ("s3-wrong-keys.json", "Did you mean AllowedOrigins?"),
    ],
)
def test_import_source_without_usable_origins_prints_no_policy_and_exits_1(
    edgecors: Command, name: str, words: str
) -> None:
    ran = edgecors("import", sample(name))
    assert (ran.status, ran.out) == (1, "")
    assert words in ran.err
    assert "not imported: " in ran.err
    assert edgecors.json("import", sample(name))["document"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Name a file"),
        (("-", "--from-aws"), "Name a file"),
        (("--from-aws", "--format", "s3"), "--format is for files"),
        (("missing.json",), "missing.json can't be read: No such file or directory"),
        ((str(SAMPLES),), "can't be read: Is a directory"),
        ((sample("s3-console.json"), "--format", "http-api"), "The input is not an HTTP API"),
        ((sample("s3-console.json"), "--format", "x"), "There is no format 'x'. Choose one of terraform"),
        ((sample("sam-template.yaml"), "--resource", "Nobody"), "has no resource 'Nobody'. It has: Orders"),
        ((sample("sam-template.yaml"), "--site", "shop"), "Choose one with --resource NAME"),
        ((sample("s3-console.json"), "--site", "a/b"), "can't be the name of a site"),
        ((sample("http-api-no-cors.json"),), "no CORS settings"),
    ],
)
def test_import_called_wrongly_exits_2_with_a_sentence(
    edgecors: Command, arguments: tuple[str, ...], words: str
) -> None:
    ran = edgecors("import", *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("error: ")
    assert words in ran.err


def test_import_text_that_is_not_utf_8_exits_2(edgecors: Command, tmp_path: Path) -> None:
    file = tmp_path / "cors.json"
    file.write_bytes(b'["\xff"]')
    ran = edgecors("import", str(file))
    assert (ran.status, ran.out) == (2, "")
    assert "is not UTF-8" in ran.err


def test_import_text_in_utf_16_is_read(edgecors: Command, tmp_path: Path) -> None:
    file = tmp_path / "cors.json"
    file.write_text(Path(sample("s3-camel-case.json")).read_text(), "utf-16")
    assert edgecors("import", str(file)).data["rules"][0]["allow_origins"] == ["https://app.example.com"]


def test_import_thousand_refused_origins_are_listed_shortly_and_counted(edgecors: Command, tmp_path: Path) -> None:
    origins = [f"https://{number}\x1b\u202e{'ü' * 2000}" for number in range(1000)]
    rule = {"AllowedOrigins": [*origins, "https://ok.example"], "AllowedMethods": ["GET"]}
    file = tmp_path / "cors.json"
    file.write_text(json.dumps([rule], ensure_ascii=False), "utf-8")
    ran = edgecors("import", str(file))
    assert ran.status == 1
    assert ran.data["rules"][0]["allow_origins"] == ["https://ok.example"]
    assert len(ran.err.encode()) < 10_000
    assert "980 more of import-origin" in ran.err
    assert "\x1b" not in ran.err
    assert "\u202e" not in ran.err


def test_import_resource_of_a_template_can_be_planned_and_explained(edgecors: Command, tmp_path: Path) -> None:
    """A transcript: a whole SAM template becomes a file, plan shows what it would write, apply writes it."""
    whole = edgecors("import", sample("sam-template.yaml"))
    assert whole.status == 1
    assert sorted(whole.data["sites"]) == ["Files", "Headers", "Hook", "Orders", "Public", "Raw", "Web"]
    assert "Resources.Web.Properties.CorsConfiguration.AllowOrigins[1]" in whole.err
    assert "not imported: Lambda function URL Url" in whole.err
    policies = tmp_path / "policies.json"
    policies.write_text(whole.out)
    planned = edgecors("plan", str(policies))
    assert planned.status == 4  # there are changes
    assert "Orders" in planned.out
    assert edgecors("apply", str(policies), "--yes").status == 0
    assert edgecors("plan", str(policies)).status == 0
    assert edgecors("explain", "Orders", "--origin", "https://app.example.com", "--method", "POST").status == 0
    assert edgecors("explain", "Orders", "--origin", "https://app.example.com", "--method", "PUT").status == 1
    assert edgecors("explain", "Orders", "--origin", "https://evil.example").status == 1

    one = edgecors("import", sample("sam-template.yaml"), "--resource", "Orders", "--site", "shop")
    assert one.status == 0
    assert "Resources.Web" not in one.err
    assert list(one.data["sites"]) == ["shop"]
    assert one.data["sites"]["shop"] == whole.data["sites"]["Orders"]


def test_import_from_aws_that_refuses_and_has_nothing_else_exits_3(edgecors: Command) -> None:
    ran = edgecors("import", "--from-aws")
    assert (ran.status, ran.out) == (3, "")
    assert "AWS refused GetApis" in ran.err
