"""A cold start, first answer included, in Lambda's own runtime client driven by Lambda's own runtime emulator.

Each start is a new process. What is measured is the emulator's `Duration` of the first invocation, which holds the
function's whole start. All run on one interpreter, from bytecode that is there already: for the peers' packages that is
more than a usual deployment gives them.
"""

from __future__ import annotations

import compileall
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import samples
from bench.process import function_of, processor_milliseconds
from bench.store_stub import StoreStub
from harness.lambda_runtime import LambdaRuntime

ROOT = Path(__file__).resolve().parent.parent
ARTIFACTS = ROOT / ".aws-sam" / "build"
HANDLERS = Path(__file__).resolve().parent / "handlers"
PARAMETER = f"/edgecors/sites/{samples.SITE}"
LIST = "/bench/origins"
"""The same origins as a plain list, for the contenders that can read nothing else."""
REFRESH = 5
"""Seconds after which every contender reads its list again."""
ORIGINS = samples.exact_origins(100)

EMPTY = "empty handler"
EDGE = "edgecors edge"
SOURCES = "edgecors edge without its bytecode"
GATEWAY = "edgecors gateway"
BOTO3 = "boto3, GetParameter"
POWERTOOLS = "Powertools parameters + resolver"
STARLETTE = "Starlette + Mangum, list in the environment"

_starting = threading.Lock()


class Start:
    """One cold start: milliseconds until the first answer, and how many of them its process spent on a processor."""

    def __init__(self, duration: float, processor: float) -> None:
        self.duration = duration
        self.processor = processor


class Contender:
    """A function to start: its directory, its handler, the event of its first request."""

    def __init__(self, name: str, artifact: Path, event: Mapping[str, Any], handler: str = "app.handler") -> None:
        self.name = name
        self.artifact = artifact
        self.event = event
        self.handler = handler


def contenders(directory: Path) -> list[Contender]:
    """All that are there. The peers' handlers are compiled into ``directory``, as the artifacts are."""
    preflight = samples.rest(ORIGINS[0], preflight=True)
    edge = samples.cloudfront("viewer-request", ORIGINS[0], preflight=True)
    present = [Contender(EMPTY, _compiled("empty", directory), preflight)]
    present.append(Contender(EDGE, ARTIFACTS / "EdgeFunction", edge, "app.viewer_handler"))
    present.append(
        Contender(SOURCES, without_bytecode(ARTIFACTS / "EdgeFunction", directory), edge, "app.viewer_handler")
    )
    present.append(Contender(GATEWAY, ARTIFACTS / "GatewayFunction", preflight))
    present.append(Contender(BOTO3, _compiled("boto3_parameter", directory), preflight))
    present.append(Contender(POWERTOOLS, _compiled("powertools_resolver", directory), preflight))
    present.append(Contender(STARLETTE, _compiled("starlette_mangum", directory), preflight))
    return present


def without_bytecode(artifact: Path, directory: Path) -> Path:
    """A copy of an artifact that holds its sources only."""
    target = directory / f"{artifact.name}-sources"
    if not target.exists():
        shutil.copytree(artifact, target, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def _compiled(name: str, directory: Path) -> Path:
    target = directory / name
    if not target.exists():
        shutil.copytree(HANDLERS / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        compileall.compile_dir(target, quiet=1)
    return target


def parameters() -> dict[str, str]:
    """What the contenders read."""
    policy = {"version": 1, "refresh_seconds": REFRESH, "rules": [{"allow_origins": ORIGINS}]}
    return {PARAMETER: json.dumps(policy), LIST: ",".join(ORIGINS)}


def environment(store: StoreStub, *, tls: bool, host: str = "localhost") -> dict[str, str]:
    """The variables that the contenders read."""
    return store.environment(tls=tls, host=host) | {
        "EDGECORS_SITE": samples.SITE,
        "EDGECORS_UPSTREAM": "http://127.0.0.1:9",
        "BENCH_PARAMETER": LIST,
        "BENCH_MAX_AGE": str(REFRESH),
        "BENCH_ORIGINS": ",".join(ORIGINS),
    }


@contextmanager
def running(contender: Contender, variables: Mapping[str, str], python: Path | None = None) -> Iterator[LambdaRuntime]:
    """A function that has answered its first event. Raises AssertionError when that answer is not the one expected."""
    # The emulator takes free ports; two at once might take the same one.
    with _starting:
        runtime = LambdaRuntime(
            contender.artifact,
            contender.handler,
            environment=variables,
            python=python or Path(sys.executable),
            seconds=60,
        ).start()
    try:
        answer = runtime.invoke(contender.event)
        if contender.name != EMPTY and ORIGINS[0] not in json.dumps(answer):
            raise AssertionError(f"{contender.name}: {answer}\n{runtime.log}")
        yield runtime
    finally:
        runtime.stop()


def start(contender: Contender, variables: Mapping[str, str], python: Path | None = None) -> Start:
    """Start a function and send it its first event."""
    with running(contender, variables, python) as runtime:
        return Start(runtime.durations[0], processor_milliseconds(function_of(runtime)))


def parts(variables: Mapping[str, str], rounds: int) -> dict[str, float]:
    """Medians in milliseconds of the parts of a start, each start a new process: see `bench.parts`."""
    runs = []
    for _ in range(rounds):
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("parts.py")), str(ARTIFACTS / "EdgeFunction"), PARAMETER],
            env={"PATH": os.environ.get("PATH", os.defpath), "AWS_REGION": "us-east-1", **variables},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        runs.append(json.loads(done.stdout))
    return {name: round(statistics.median(run[name] for run in runs), 2) for name in runs[0]}
