"""``edgecors local --sam`` without containers: derived templates, the address for containers, error messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from edgecors_cli.app import app
from edgecors_local import sam_local
from edgecors_local.containers import HostAddress, host_address
from edgecors_local.errors import LocalError
from edgecors_local.parameter_store import EmbeddedStore
from typer.testing import CliRunner

from tests.template.document import read as read_template

ROOT = Path(__file__).resolve().parents[2]
ENDPOINT, UPSTREAM, TOPIC = "http://172.17.0.1:4000", "http://172.17.0.1:5000", "arn:aws:sns:us-east-1:1:edgecors"
BRIDGE = [{"Subnet": "172.17.0.0/16"}]


@pytest.fixture
def derived() -> dict[str, Any]:
    """The derived template, from the project's own with the paths that `sam build` writes."""
    built = read_template(ROOT / "template.yaml")
    for name, resource in built["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = name
            resource["Metadata"]["SamResourceId"] = name
    return sam_local.derived_template(built, Path("/project/.aws-sam/build"), ENDPOINT, UPSTREAM, TOPIC)


def functions(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    resources = template["Resources"].items()
    return {name: item["Properties"] for name, item in resources if item["Type"] == "AWS::Serverless::Function"}


def test_derived_template_every_function_finds_the_store(derived: dict[str, Any]) -> None:
    by_name = functions(derived)
    assert by_name.keys() == {"EdgeFunction", "EdgeOriginFunction", "GatewayFunction", "GuardFunction"}
    for properties in by_name.values():
        assert properties["Environment"]["Variables"]["AWS_ENDPOINT_URL_SSM"] == ENDPOINT
        assert properties["CodeUri"].startswith("/project/.aws-sam/build/")
    guard = by_name["GuardFunction"]["Environment"]["Variables"]
    assert (guard["AWS_ENDPOINT_URL"], guard["EDGECORS_TOPIC_ARN"]) == (ENDPOINT, TOPIC)


@pytest.mark.parametrize(
    ("machine", "architecture"), [("x86_64", "x86_64"), ("aarch64", "arm64"), ("arm64", "arm64"), ("AMD64", "x86_64")]
)
def test_derived_template_has_the_architecture_of_the_host(
    machine: str, architecture: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    by_name = functions(request.getfixturevalue("derived"))
    assert {tuple(properties["Architectures"]) for properties in by_name.values()} == {(architecture,)}


def test_derived_template_has_a_function_for_each_edge_setup(derived: dict[str, Any]) -> None:
    for name, handler in (("EdgeFunction", "app.viewer_handler"), ("EdgeOriginFunction", "app.origin_handler")):
        resource = derived["Resources"][name]
        assert (resource["Properties"]["Handler"], resource["Metadata"]["SamResourceId"]) == (handler, name)


def test_derived_template_parameters_fit_the_samples(derived: dict[str, Any]) -> None:
    defaults = {name: parameter.get("Default") for name, parameter in derived["Parameters"].items()}
    assert (defaults["Site"], defaults["Upstream"]) == (sam_local.SAMPLE_SITE, UPSTREAM)
    assert json.loads(json.dumps(derived)) == derived


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is all of PATH; a test writes a ``docker`` into it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "docker"


def answer(docker: Path, system: str, pools: object) -> None:
    docker.write_text(
        f"#!/bin/sh\nif [ $1 = info ]; then echo '{json.dumps(system)}'; else echo '{json.dumps(pools)}'; fi\n"
    )
    docker.chmod(0o755)


@pytest.mark.parametrize(
    ("system", "pools", "listen", "name"),
    [
        ("Debian GNU/Linux 12", BRIDGE, "172.17.0.1", "172.17.0.1"),
        ("Debian GNU/Linux 12", [{"Subnet": "10.9.0.0/24", "Gateway": "10.9.0.5"}], "10.9.0.5", "10.9.0.5"),
        ("Debian GNU/Linux 12", [{"Subnet": "fd00::/64"}, *BRIDGE], "172.17.0.1", "172.17.0.1"),
        ("Docker Desktop", BRIDGE, "127.0.0.1", "host.docker.internal"),
    ],
)
def test_host_address_is_how_containers_reach_this_machine(
    system: str, pools: object, listen: str, name: str, engine: Path
) -> None:
    answer(engine, system, pools)
    assert host_address() == HostAddress(listen, name)


def test_host_address_without_a_bridge_says_so(engine: Path) -> None:
    answer(engine, "Debian GNU/Linux 12", None)
    with pytest.raises(LocalError, match="network 'bridge' has no IPv4 gateway"):
        host_address()


def sam(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["local", "--sam", *arguments])
    assert result.stdout == ""
    return result.exit_code, result.stderr


def test_command_without_a_container_engine_says_what_is_missing(
    engine: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sam_local, "PROJECT", tmp_path)
    code, message = sam()
    assert (code, "Run `make build` first" in message) == (2, True)
    (tmp_path / ".aws-sam" / "build").mkdir(parents=True)
    (tmp_path / ".aws-sam" / "build" / "template.yaml").write_text("{}")
    assert sam() == (2, "`sam local` needs a container engine, and the command `docker` is not installed.\n")
    engine.write_text("#!/bin/sh\necho 'the daemon is not running' >&2\nexit 1\n")
    engine.chmod(0o755)
    assert sam() == (
        2,
        "`sam local` needs a running container engine, but `docker info` failed: the daemon is not running\n",
    )
    answer(engine, "Debian GNU/Linux 12", BRIDGE)
    for upstream in ("http://localhost:3000", "http://LOCALHOST:3000", "http://127.0.0.1", "http://[::1]:3000"):
        code, message = sam("--upstream", upstream)
        assert code == 2
        assert "listen on 172.17.0.1 and give --upstream http://172.17.0.1:PORT" in message
    assert sam("--upstream", "nonsense")[1].startswith("'nonsense' is not a URL to forward to.")


@pytest.mark.parametrize(
    "option",
    ["--site=shop", "--policy=p.json", "--runtime", "--stage=live", "--front=alb", "--port=1", "--page-port=1"],
)
def test_command_with_an_option_of_the_local_edge_is_refused(option: str) -> None:
    code, message = sam(option)
    assert code == 2
    assert "--sam takes --upstream only" in message


def test_embedded_store_topic_can_be_published_to() -> None:
    store = EmbeddedStore()
    try:
        assert store.create_topic("edgecors") == "arn:aws:sns:us-east-1:123456789012:edgecors"
        assert store.endpoint == f"http://127.0.0.1:{store.port}"
    finally:
        store.close()
