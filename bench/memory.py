"""Memory, sizes and imports: the peak of the function's own process over the empty handler's, zips, modules."""

from __future__ import annotations

import base64
import gzip
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

from bench import samples
from bench.cold import ARTIFACTS, LIST, PARAMETER, Contender, environment
from bench.process import function_of, peak_of
from bench.store_stub import StoreStub
from harness.lambda_runtime import LambdaRuntime

ADVANCED = 8192
"""Bytes of the largest value that Parameter Store takes."""
INVOCATIONS = 50


def list_parameters(count: int) -> dict[str, str]:
    """A policy with this many origins as Parameter Store could hold it: packed lists, each within the largest size."""
    origins = samples.exact_origins(count)
    size = 2000
    while True:
        chunks = [origins[start : start + size] for start in range(0, count, size)]
        packed = [_pack(chunk) for chunk in chunks]
        if all(len(text) <= ADVANCED for text in packed):
            break
        size -= 100
    names = [f"list-{number:03d}" for number in range(len(packed))]
    parameters = {f"/edgecors/lists/{name}": text for name, text in zip(names, packed, strict=True)}
    return parameters | {PARAMETER: samples.policy([f"@{name}" for name in names])}


def _pack(origins: list[str]) -> str:
    return "gz:" + base64.b64encode(gzip.compress(",".join(origins).encode(), mtime=0)).decode()


def peak_kilobytes(contender: Contender, variables: Mapping[str, str]) -> int:
    """VmHWM of the function's process after some invocations."""
    runtime = LambdaRuntime(
        contender.artifact, contender.handler, environment=variables, python=Path(sys.executable), seconds=60
    )
    with runtime:
        for _ in range(INVOCATIONS):
            runtime.invoke(contender.event)
        return peak_of(function_of(runtime))


def peaks(chosen: list[Contender], directory: Path, counts: tuple[int, ...] = (1, 100_000)) -> dict[str, int]:
    """Kilobytes of each contender with one origin, and of the edge with each further count."""
    kilobytes = {}
    for count in counts:
        one = samples.exact_origins(1)[0]
        parameters = {PARAMETER: one, LIST: one} if count == 1 else list_parameters(count)
        here = directory / f"store-{count}"
        here.mkdir()
        with StoreStub(here, parameters) as store:
            variables = environment(store, tls=False)
            for contender in chosen if count == 1 else chosen[1:2]:
                name = contender.name if count == 1 else f"{contender.name}, {count:,} origins"
                kilobytes[name] = peak_kilobytes(contender, variables)
    return kilobytes


def zip_bytes(directory: Path) -> int:
    """The size of an artifact as a zip, as `sam package` makes it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(directory.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(directory))
    return len(buffer.getvalue())


def zips() -> dict[str, int]:
    """Bytes of every artifact's zip."""
    return {path.name: zip_bytes(path) for path in sorted(ARTIFACTS.iterdir()) if path.is_dir()}


_IMPORTS = """
import json, sys
before = set(sys.modules)
sys.path.insert(0, sys.argv[1])
import app
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def edge_imports(artifact: Path | None = None) -> list[str]:
    """The modules that the edge function loads in a bare interpreter; nothing but the artifact and the standard library
    can be found.
    """
    command = [sys.executable, "-I", "-S", "-c", _IMPORTS, str(artifact or ARTIFACTS / "EdgeFunction")]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    modules: list[str] = json.loads(done.stdout)
    return modules


def third_party(modules: list[str]) -> list[str]:
    """Those of some modules that are neither ours nor the standard library's."""
    own = {"app", "edgecors"}
    return [name for name in modules if name.split(".")[0] not in own | sys.stdlib_module_names]
