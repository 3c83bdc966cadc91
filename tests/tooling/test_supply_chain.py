"""Bills of materials, licences, and hashes of everything that is installed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from scripts import sbom

ROOT = Path(__file__).resolve().parents[2]
# https://cyclonedx.org/docs/1.6/json/: what is required, and the form of what we write.
REQUIRED = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1}


@pytest.mark.parametrize(("title", "lock"), [*sbom.ARTIFACTS.items(), ("development", "dev")])
def test_bill_lists_the_packages_of_its_lock(title: str, lock: str | None) -> None:
    bill = sbom.bill(title, lock)
    assert REQUIRED.items() <= bill.items()
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", bill["serialNumber"])
    packages = {f"{item['name']}=={item['version']}" for item in bill["components"]}
    text = (ROOT / "requirements" / f"{lock}.lock").read_text("utf-8") if lock else ""
    assert packages == set(re.findall(r"^([a-z0-9][a-z0-9._-]*==[^\s;\\]+)", text, re.MULTILINE))
    references = [item["bom-ref"] for item in bill["components"]]
    assert len(set(references)) == len(references)
    assert bill["dependencies"] == [{"ref": title, "dependsOn": references}]
    assert all(item["purl"] == f"pkg:pypi/{item['name']}@{item['version']}" for item in bill["components"])
    assert sbom.bill(title, lock) == bill


def components() -> list[dict[str, Any]]:
    locks = [lock for lock in sbom.ARTIFACTS.values() if lock]
    return [item for lock in locks for item in sbom.bill(lock, lock)["components"]]


@pytest.mark.parametrize("item", components(), ids=lambda item: item["name"])
def test_artifact_has_only_allowed_licences(item: dict[str, Any]) -> None:
    assert sbom.names(item) in sbom.ALLOWED


@pytest.mark.parametrize("artifact", ["EdgeFunction", "GatewayFunction", "CorsLayer"])
def test_artifact_in_the_request_path_has_no_dependencies(artifact: str) -> None:
    assert sbom.ARTIFACTS[artifact] is None
    (recipe,) = re.findall(rf"^build-{artifact}:\n.*?(?=^\S|\Z)", _recipes(), re.MULTILINE | re.DOTALL)
    assert "install" not in recipe


def _recipes() -> str:
    return (ROOT / "functions" / "Makefile").read_text("utf-8")


def test_install_commands_require_hashes() -> None:
    commands = [
        line
        for path in (ROOT / "Makefile", ROOT / "functions" / "Makefile")
        for line in re.sub(r"\\\n", " ", path.read_text("utf-8")).splitlines()
        if re.search(r"-m pip\b|\$\(PIP_INSTALL\)", line) and not line.startswith(("#", "PIP_INSTALL"))
    ]
    assert len(commands) >= 2
    for command in commands:
        # The project itself is installed from the tree, without an index.
        assert "--require-hashes" in command or ("--no-index" in command and "--no-deps" in command), command


def test_bill_is_json() -> None:
    assert json.loads(json.dumps(sbom.bill("GuardFunction", "guard")))["components"]
