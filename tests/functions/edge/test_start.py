"""The start of the function, in a process of its own: what it does, and in which order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
START = """
import os, select, socket, sys

store = socket.create_server(("127.0.0.1", 0))

class WaitsForTheFirstConnection:
    def find_spec(self, name, path=None, target=None):
        if name == "edgecors.edge":
            print("connected" if select.select([store], [], [], 20)[0] else "nobody connects")

sys.meta_path.insert(0, WaitsForTheFirstConnection())
os.environ["AWS_ENDPOINT_URL_SSM"] = f"http://127.0.0.1:{store.getsockname()[1]}"
import app
"""


def test_connection_is_begun_before_the_engine_is_imported() -> None:
    environment = {"PYTHONPATH": f"{ROOT / 'functions' / 'edge'}:{ROOT / 'layers' / 'edgecors'}"}
    done = subprocess.run(
        [sys.executable, "-c", START], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout, done.stderr, done.returncode) == ("connected\n", "", 0)
