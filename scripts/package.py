"""Packs what `make build` has built, for deployment without SAM.

A zip an artifact, the JavaScript files, the template as SAM transforms it (for the CDK construct), and checksums.

The same sources give the same bytes: entries are sorted, with one time and one mode. Names carry the version of
pyproject.toml.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import yaml

if __package__:
    from scripts.transform import transform
else:
    from transform import transform  # type: ignore[import-not-found, no-redef, unused-ignore]

ROOT = Path(__file__).resolve().parent.parent
ARTIFACTS = ROOT / ".aws-sam" / "build"
FUNCTIONS = ROOT / "build" / "functions"
TARGET = ROOT / "build" / "package"
NAMES = {
    "EdgeFunction": "edgecors-edge",
    "GatewayFunction": "edgecors-gateway",
    "GuardFunction": "edgecors-guard",
    "CorsLayer": "edgecors-layer",
}
TIME = (2000, 1, 1, 0, 0, 0)


def version() -> str:
    """The version of the package."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def pack(directory: Path, target: Path) -> None:
    """Zip a directory's files so that the bytes depend on their names and contents alone."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(path for path in directory.rglob("*") if path.is_file()):
            info = zipfile.ZipInfo(path.relative_to(directory).as_posix(), TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, path.read_bytes())


def transformed_template(template: dict[str, Any], directory: Path) -> dict[str, Any]:
    """The template as CloudFormation gets it, with the code at addresses ``s3://edgecors/SHA256/NAME.zip``.

    The checksum is in them because SAM publishes a version of a function when the address of its code changes.
    """
    for artifact, name in NAMES.items():
        zip_file = directory / f"{name}-{version()}.zip"
        address = f"s3://edgecors/{hashlib.sha256(zip_file.read_bytes()).hexdigest()}/{zip_file.name}"
        properties = template["Resources"][artifact]["Properties"]
        properties["CodeUri" if "CodeUri" in properties else "ContentUri"] = address
    (transformed,) = transform((template, {}))
    # With AlwaysDeploy its name and description have the time in them.
    (deployment,) = (
        name for name, item in transformed["Resources"].items() if item["Type"] == "AWS::ApiGateway::Deployment"
    )
    transformed["Resources"][deployment]["Properties"].pop("Description", None)
    text = json.dumps(transformed, indent=1).replace(deployment, "RestApiDeployment")
    result: dict[str, Any] = json.loads(text)
    return result


def main() -> int:
    """Write build/package; the exit status."""
    missing = [name for name in NAMES if not (ARTIFACTS / name).is_dir()]
    if missing:
        print(f"not built: {', '.join(missing)}. Run make build first.", file=sys.stderr)
        return 1
    TARGET.mkdir(parents=True, exist_ok=True)
    for old in TARGET.iterdir():
        old.unlink()
    for artifact, name in NAMES.items():
        pack(ARTIFACTS / artifact, TARGET / f"{name}-{version()}.zip")
    for script in sorted(FUNCTIONS.glob("*.js")):
        (TARGET / f"edgecors-{script.stem}-{version()}.js").write_bytes(script.read_bytes())
    template = yaml.safe_load((ARTIFACTS / "template.yaml").read_text(encoding="utf-8"))
    text = json.dumps(transformed_template(template, TARGET), indent=1, sort_keys=True)
    (TARGET / f"edgecors-template-{version()}.json").write_text(text + "\n", encoding="utf-8")
    files = sorted(TARGET.iterdir())
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in files]
    (TARGET / "SHA256SUMS").write_text("\n".join(sums) + "\n", encoding="utf-8")
    for path in files:
        print(f"{path.stat().st_size:>10,}  build/package/{path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
