"""Runs the CloudFront Functions: the built files, unchanged, in njs, the engine of CloudFront's JavaScript runtime.

node is a fall-back where njs is missing. It proves nothing: it accepts code that CloudFront rejects.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 300.0

_IMPORT = "import cf from 'cloudfront'"
# The KeyValueStore module of CloudFront, as far as the functions use it.
_MODULE = """
const state = { keys: {}, reads: 0 };
async function get(key) {
  state.reads++;
  if (!Object.prototype.hasOwnProperty.call(state.keys, key)) {
    throw new Error("KeyNotFound");
  }
  return state.keys[key];
}
export default { state: state, kvs: function () { return { get: get }; } };
"""
# One line of input is a store's content, {"keys": {...}}, or an event for the handler. One line of output per event.
_DRIVER = """
async function edgecorsDriver() {
  const outputs = [];
  const lines = fs.readFileSync("INPUT").toString().split("\\n");
  for (let i = 0; i < lines.length; i++) {
    if (!lines[i]) {
      continue;
    }
    const line = JSON.parse(lines[i]);
    if (line.keys) {
      cf.state.keys = line.keys;
      continue;
    }
    cf.state.reads = 0;
    const output = {};
    try {
      output.result = await handler(line.event);
    } catch (error) {
      output.error = String(error);
    }
    output.reads = cf.state.reads;
    outputs.push(JSON.stringify(output));
  }
  fs.writeFileSync("OUTPUT", outputs.join("\\n"));
}
edgecorsDriver();
"""


class EngineError(RuntimeError):
    """No engine is installed, or it stopped before the end."""


@dataclass(frozen=True)
class Output:
    """What a function made of one event.

    Attributes:
        result: the returned request or response; None after an error.
        error: the exception's text; empty when there was none.
        reads: keys read from the store.
    """

    result: Any
    error: str
    reads: int


@dataclass(frozen=True)
class Engine:
    """A JavaScript engine: ``name`` is ``njs`` or ``node``, ``command`` what starts it."""

    name: str
    command: str

    @property
    def version(self) -> str:
        """The name with the version, such as ``njs 0.8.9``."""
        process = subprocess.run([self.command, "-v"], capture_output=True, text=True, timeout=20, check=False)
        return f"{self.name} {process.stdout.strip()}"

    @property
    def is_judge(self) -> bool:
        """Whether it is the engine that CloudFront uses."""
        return self.name == "njs"

    def run(self, function: Path, lines: Iterable[Mapping[str, Any]], timeout: float = TIMEOUT_SECONDS) -> list[Output]:
        """Run a built function on events, in one process.

        Args:
            function: a file that `scripts/build_functions.py` wrote.
            lines: ``{"keys": {...}}`` for a store's content, ``{"event": {...}}`` for an event. njs frees no memory
                before it ends: at most 10,000 events at once.
            timeout: in seconds.

        Raises:
            EngineError: the engine stopped, or did not answer each event.
        """
        texts = [json.dumps(line) for line in lines]
        events = sum(text.startswith('{"event"') for text in texts)
        with tempfile.TemporaryDirectory(prefix="edgecors-") as name:
            directory = Path(name)
            command = self._prepare(directory, function.read_text("utf-8"))
            # njs reads regular files only.
            (directory / "input").write_text("\n".join(texts), "utf-8")
            try:
                process = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=timeout, check=False)
            except subprocess.TimeoutExpired:
                raise EngineError(f"{self.name} did not end within {timeout:g} seconds") from None
            # Not by console.log, which cuts long lines off.
            written = directory / "output"
            text = written.read_text("utf-8") if written.exists() else ""
        outputs = [_output(line) for line in text.split("\n") if line]
        if process.returncode or len(outputs) != events:
            detail = (process.stderr or process.stdout)[-500:]
            raise EngineError(f"{self.name} ended with {process.returncode} after {len(outputs)} of {events}: {detail}")
        return outputs

    def _prepare(self, directory: Path, source: str) -> list[str]:
        driver = _DRIVER.replace("INPUT", str(directory / "input")).replace("OUTPUT", str(directory / "output"))
        if self.name == "njs":
            # njs resolves the bare name below the directory of -p, with or without an ending by version.
            for file in ("cloudfront", "cloudfront.js"):
                (directory / file).write_text(_MODULE, "utf-8")
            script = directory / "function.js"
            script.write_text(f"import fs from 'fs';\n{source}{driver}", "utf-8")
            return [self.command, "-p", f"{directory}/", str(script)]
        (directory / "cloudfront.mjs").write_text(_MODULE, "utf-8")
        script = directory / "function.mjs"
        local = source.replace(_IMPORT, "import cf from './cloudfront.mjs'")
        script.write_text(f"import fs from 'fs';\n{local}{driver}", "utf-8")
        return [self.command, str(script)]


def _output(line: str) -> Output:
    data = json.loads(line)
    return Output(data.get("result"), data.get("error", ""), data["reads"])


def find_engine(*names: str) -> Engine | None:
    """The first of the engines that is installed; without arguments njs, then node."""
    for name in names or ("njs", "node"):
        command = shutil.which(name)
        if command is not None:
            return Engine(name, command)
    return None
