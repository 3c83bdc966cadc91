"""Writes what is in each artifact, and what develops it, as CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/).

The names and versions are the locks', which the artifacts are built from; the licences are what the installed packages
say of themselves. The same locks give the same bytes. Called by `make sbom`; exits with 1 when a licence in an artifact
is unknown or one that an artifact must not carry.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import sys
import tomllib
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ARTIFACTS = {"EdgeFunction": None, "CorsLayer": None, "GatewayFunction": None, "GuardFunction": "guard"}
"""Each artifact, and the lock of what it carries beside our own code (None: nothing)."""
ALLOWED = ("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "MIT", "MPL-2.0", "PSF-2.0", "Python-2.0", "ISC", "0BSD")
"""Licences that an artifact may carry. MPL-2.0 binds the files under it, which are passed on unchanged."""
# Licences written as sentences or classifiers, by what they begin with.
SPELLINGS = {
    "apache": "Apache-2.0",
    "mit": "MIT",
    "bsd-3": "BSD-3-Clause",
    "bsd 3": "BSD-3-Clause",
    "bsd-2": "BSD-2-Clause",
    "mozilla public license 2.0": "MPL-2.0",
    "mpl": "MPL-2.0",
    "python software foundation": "PSF-2.0",
    "psf": "PSF-2.0",
    "isc": "ISC",
}
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]


def locked(lock: str) -> list[tuple[str, str, list[str]]]:
    """Name, version and SHA-256 hashes of everything in a lock."""
    text = (ROOT / "requirements" / f"{lock}.lock").read_text("utf-8")
    packages = []
    for block in re.split(r"^(?=\S)", text, flags=re.MULTILINE):
        if match := re.match(r"([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)", block):
            packages.append((match[1], match[2], re.findall(r"--hash=sha256:([0-9a-f]{64})", block)))
    return packages


def licence(name: str) -> str:
    """The licence of an installed package as an SPDX identifier or expression, or its own words; empty when unknown."""
    try:
        about: Any = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
    if expression := about.get("License-Expression"):
        return str(expression)
    texts = [about.get("License") or ""]
    texts += [text.rpartition(" :: ")[2] for text in about.get_all("Classifier") or [] if text.startswith("License ::")]
    for text in filter(None, texts):
        words = text.lower().removeprefix("the ").strip()
        for beginning, identifier in SPELLINGS.items():
            if words.startswith(beginning):
                return identifier
    return next((text.splitlines()[0][:80] for text in texts if text.strip()), "")


def component(name: str, version: str, hashes: list[str]) -> dict[str, Any]:
    """A package as CycloneDX has it. The hashes are those of its files on the index, one of which was installed."""
    identifier = licence(name)
    simple = identifier in ALLOWED
    package: dict[str, Any] = {
        "type": "library",
        "bom-ref": f"pkg:pypi/{name}@{version}",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name}@{version}",
        "properties": [{"name": "edgecors:lock:sha256", "value": value} for value in hashes],
    }
    if identifier:
        is_expression = re.fullmatch(r"[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)+", identifier)
        package["licenses"] = [
            {"license": {"id": identifier}}
            if simple
            else {"expression": identifier}
            if is_expression
            else {"license": {"name": identifier}}
        ]
    return package


def bill(title: str, lock: str | None) -> dict[str, Any]:
    """The bill of materials of one artifact, or of the development environment."""
    components = [component(*entry) for entry in (locked(lock) if lock else [])]
    subject = {
        "type": "application",
        "bom-ref": title,
        "name": title,
        "version": VERSION,
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    document: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": subject},
        "components": components,
        "dependencies": [{"ref": title, "dependsOn": [item["bom-ref"] for item in components]}],
    }
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(document, sort_keys=True))}"
    return document


def names(item: dict[str, Any]) -> str:
    """The licence of a component in words."""
    for entry in item.get("licenses", []):
        return str(entry.get("expression") or entry["license"].get("id") or entry["license"]["name"])
    return "unknown"


def main() -> int:
    """Write the bills to build/sbom, print the licences; the exit status."""
    target = ROOT / "build" / "sbom"
    target.mkdir(parents=True, exist_ok=True)
    unknown = False
    for title, lock in {**ARTIFACTS, "development": "dev"}.items():
        document = bill(title, lock)
        path = target / f"{title}.cdx.json"
        path.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
        print(f"{path.relative_to(ROOT)}: {len(document['components'])} components")
        for item in document["components"] if title in ARTIFACTS else []:
            words = names(item)
            fits = all(word in ALLOWED for word in re.split(r" (?:AND|OR|WITH) ", words))
            unknown = unknown or not fits
            print(f"  {item['name']} {item['version']}: {words}{'' if fits else '  <- not among the licences allowed'}")
    return int(unknown)


if __name__ == "__main__":
    sys.exit(main())
