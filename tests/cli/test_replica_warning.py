"""A change in a Region that probably has a copy comes with a warning on standard error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from edgecors_admin.account import Account
from edgecors_admin.errors import AwsError
from edgecors_admin.replica_warning import ReplicaWarning

from tests.cli.conftest import Command
from tests.support.parameter_store import ParameterStoreServer

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

A, B = "https://a.example", "https://b.example"
ABROAD = ("--region", "eu-west-1")
SITE = "/edgecors/sites/shop"


def warning(name: str) -> str:
    return (
        f"warning: us-east-1 has {name} too, so eu-west-1 probably has a copy, which the guard overwrites"
        " within 15 minutes. Change the original with --region us-east-1."
    )


@pytest.fixture(autouse=True)
def abroad(parameter_store: ParameterStoreServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Copies of a site, a list and an alias in eu-west-1, and a terminal that folds no line."""
    monkeypatch.setenv("COLUMNS", "400")
    client = parameter_store.client_in("eu-west-1")
    values = {SITE: A, "/edgecors/lists/web": A, "/edgecors/aliases/E1": "other", "/edgecors/sites/other": A}
    for name, value in values.items():
        client.put_parameter(Name=name, Value=value, Type="String")
    yield
    while parameters := client.get_parameters_by_path(Path="/edgecors", Recursive=True)["Parameters"]:
        client.delete_parameters(Names=[parameter["Name"] for parameter in parameters])


@pytest.fixture
def original(edgecors: Command) -> None:
    """What the guard copied."""
    edgecors.put("sites/shop", A)
    edgecors.put("lists/web", A)
    edgecors.put("aliases/E1", "other")


CHANGES: dict[tuple[str, ...], str] = {
    ("allow", "shop", B): SITE,
    ("allow", "@web", B): "/edgecors/lists/web",
    ("revoke", "shop", A): SITE,
    ("mode", "shop", "shadow"): SITE,
    ("delete", "@web"): "/edgecors/lists/web",
    ("alias", "set", "E1", "shop"): "/edgecors/aliases/E1",
    ("alias", "remove", "E1"): "/edgecors/aliases/E1",
}


@pytest.mark.usefixtures("original")
@pytest.mark.parametrize(("arguments", "name"), CHANGES.items(), ids=[" ".join(words[:2]) for words in CHANGES])
def test_change_of_a_copy_warns_and_is_made(arguments: tuple[str, ...], name: str, edgecors: Command) -> None:
    ran = edgecors(*arguments, "--yes", *ABROAD)
    assert (ran.status, ran.err.splitlines()) == (0, [warning(name)])


@pytest.mark.usefixtures("original")
def test_change_of_a_copy_with_json_keeps_standard_output_for_json(edgecors: Command) -> None:
    ran = edgecors("allow", "shop", B, "--json", *ABROAD)
    assert json.loads(ran.out)["parameter"] == SITE
    assert warning(SITE) in ran.err


@pytest.mark.usefixtures("original")
def test_change_of_many_copies_warns_once(edgecors: Command, tmp_path: Path) -> None:
    (tmp_path / "sites").mkdir()
    for site in ("shop", "other"):
        (tmp_path / "sites" / f"{site}.txt").write_text(B, "utf-8")
    edgecors.put("sites/other", A)
    ran = edgecors("apply", str(tmp_path), "--yes", *ABROAD)
    assert (ran.status, ran.err.count("warning: ")) == (0, 1)


@pytest.mark.usefixtures("original")
def test_change_at_home_does_not_warn(edgecors: Command) -> None:
    ran = edgecors("allow", "shop", B)
    assert (ran.status, ran.err) == (0, "")


def test_change_of_a_parameter_that_home_does_not_have_does_not_warn(edgecors: Command) -> None:
    ran = edgecors("allow", "shop", B, *ABROAD)
    assert (ran.status, ran.err) == (0, "")


@pytest.mark.usefixtures("original")
def test_reading_and_dry_runs_do_not_warn(edgecors: Command) -> None:
    assert edgecors("show", "shop", *ABROAD).err == ""
    assert edgecors("allow", "shop", B, "--dry-run", *ABROAD).err == ""


@pytest.mark.usefixtures("original")
def test_home_that_refuses_is_ignored(edgecors: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    # The check at home is a GetParameters call.
    allowed = ["ssm:GetParameter", "ssm:PutParameter"]
    credentials = edgecors.store.temporary_credentials({"Effect": "Allow", "Action": allowed, "Resource": "*"})
    for name, value in edgecors.store.environment(credentials=credentials).items():
        monkeypatch.setenv(name, value)
    ran = edgecors("allow", "shop", B, *ABROAD)
    assert (ran.status, ran.err) == (0, "")


def test_home_that_did_not_answer_is_not_asked_again() -> None:
    calls: list[str] = []

    def home() -> SSMClient:
        calls.append("asked")
        raise AwsError("No connection to AWS.", "ConnectTimeoutError")

    check = ReplicaWarning("eu-west-1", home, calls.append)
    check(SITE)
    check(SITE)
    assert calls == ["asked"]


def test_home_is_asked_once_and_with_little_patience() -> None:
    config: Any = Account(region="eu-west-1").home_ssm().meta.config
    assert (config.region_name, config.retries["total_max_attempts"]) == ("us-east-1", 1)
    assert config.connect_timeout + config.read_timeout <= 5
