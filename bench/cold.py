"""A cold start, first answer included, in Lambda's own runtime client driven by Lambda's own runtime emulator.

Contenders take turns, each start is a new process. What is measured is the emulator's `Duration` of the first
invocation, which holds the function's whole start. All run on one interpreter, from bytecode that is there already: for
the peers' packages that is more than a usual deployment gives them.
"""

from __future__ import annotations

import compileall
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
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
ORIGINS = samples.exact_origins(100)

EMPTY = "empty handler"
EDGE = "edgecors edge"
SOURCES = "edgecors edge without its bytecode"
GATEWAY = "edgecors gateway"
BOTO3 = "boto3, one GetParameter"
POWERTOOLS = "Powertools parameters + resolver"
STARLETTE = "Starlette + Mangum, list in the environment"

CPU_SHARE = 128 / 1769
"""Lambda gives CPU in proportion to memory, one whole processor at 1,769 MB.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""
PERIOD = 20_000
"""Microseconds in which a share of the processor is given and withheld."""


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
    matches = [Contender(EMPTY, _compiled("empty", directory), preflight)]
    matches.append(Contender(EDGE, ARTIFACTS / "EdgeFunction", edge, "app.viewer_handler"))
    matches.append(
        Contender(SOURCES, without_bytecode(ARTIFACTS / "EdgeFunction", directory), edge, "app.viewer_handler")
    )
    matches.append(Contender(GATEWAY, ARTIFACTS / "GatewayFunction", preflight))
    matches.append(Contender(BOTO3, _compiled("boto3_parameter", directory), preflight))
    matches.append(Contender(POWERTOOLS, _compiled("powertools_resolver", directory), preflight))
    matches.append(Contender(STARLETTE, _compiled("starlette_mangum", directory), preflight))
    return matches


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


def environment(store: StoreStub, *, tls: bool) -> dict[str, str]:
    """The variables that the contenders read."""
    return store.environment(tls=tls) | {
        "EDGECORS_SITE": samples.SITE,
        "EDGECORS_UPSTREAM": "http://127.0.0.1:9",
        "BENCH_PARAMETER": PARAMETER,
        "BENCH_ORIGINS": ",".join(ORIGINS),
    }


def start(contender: Contender, variables: Mapping[str, str], python: Path | None = None) -> Start:
    """Start a function and send it its first event. Raises AssertionError when the answer is not the one expected."""
    runtime = LambdaRuntime(
        contender.artifact,
        contender.handler,
        environment=variables,
        python=python or Path(sys.executable),
        seconds=60,
    )
    with runtime:
        answer = runtime.invoke(contender.event)
        if contender.name != EMPTY and ORIGINS[0] not in json.dumps(answer):
            raise AssertionError(f"{contender.name}: {answer}\n{runtime.log}")
        return Start(runtime.durations[0], processor_milliseconds(function_of(runtime)))


def starts(
    chosen: Sequence[Contender], variables: Mapping[str, str], rounds: int, python: Path | None = None
) -> dict[str, list[Start]]:
    """Every contender's starts, in turn. One start of each goes before, for the file cache."""
    matches: dict[str, list[Start]] = {contender.name: [] for contender in chosen}
    for contender in chosen:
        start(contender, variables, python)
    for _ in range(rounds):
        for contender in chosen:
            matches[contender.name].append(start(contender, variables, python))
    return matches


def warm(contender: Contender, variables: Mapping[str, str], python: Path, invocations: int = 50) -> float:
    """The median of milliseconds that an invocation takes once the function is warm, by the emulator's clock."""
    runtime = LambdaRuntime(contender.artifact, contender.handler, environment=variables, python=python, seconds=60)
    with runtime:
        for _ in range(invocations):
            runtime.invoke(contender.event)
        return statistics.median(runtime.durations[1:])


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


@contextmanager
def limited_python(directory: Path, share: float = CPU_SHARE) -> Iterator[tuple[Path | None, str]]:
    """An interpreter with a share of one processor, and in words how; None where the platform can't set one."""
    version1, version2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")
    name = f"edgecors-bench-{os.getpid()}"
    quota = round(PERIOD * share)
    how = f"cpu quota of a control group: {quota / 1000:.2f} ms in every {PERIOD // 1000} ms"
    try:
        if (version1 / "cpu.cfs_quota_us").exists():
            group = version1 / name
            group.mkdir()
            settings = {"cpu.cfs_period_us": str(PERIOD), "cpu.cfs_quota_us": str(quota)}
        else:
            group = version2 / name
            group.mkdir()
            settings = {"cpu.max": f"{quota} {PERIOD}"}
    except OSError as error:
        yield None, f"not measured: no control group can be made here ({error.strerror})"
        return
    try:
        for file, value in settings.items():
            (group / file).write_text(value)
        python = directory / "limited-python"
        # Only the function's own process is slowed down, neither the emulator nor the store.
        python.write_text(f'#!/bin/sh\necho $$ > {group}/cgroup.procs\nexec {sys.executable} "$@"\n')
        python.chmod(0o755)
    except OSError as error:
        group.rmdir()
        yield None, f"not measured: the control group takes no quota ({error.strerror})"
        return
    try:
        yield python, how
    finally:
        _remove(group)


def _remove(group: Path) -> None:
    """A control group goes when its last process, already killed, has gone."""
    from harness.wait import wait_until

    wait_until(lambda: not (group / "cgroup.procs").read_text(), "the limited processes are gone")
    group.rmdir()
