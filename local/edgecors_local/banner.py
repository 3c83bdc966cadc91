"""What the local edge prints when it is up: where it is, and lines to paste."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edgecors_local.parameter_store import (
    CREDENTIAL,
    DEMO_LIST_PARAMETER,
    DEMO_REFRESH_SECONDS,
    REGION,
)

if TYPE_CHECKING:
    from edgecors_local.plan import LocalPlan, Running
    from edgecors_local.policy_source import Source

ALLOWED = "https://app.example.com"
REFUSED = "https://evil.example"
ORIGIN = "{origin}"
"""Stands for an origin in the line that allows it."""
_SETTINGS = f"AWS_ACCESS_KEY_ID={CREDENTIAL} AWS_SECRET_ACCESS_KEY={CREDENTIAL} AWS_REGION={REGION}"


def banner(running: Running) -> str:
    """All of it."""
    lines = [
        f"The playground is at {running.page} (open it in a browser)",
        f"The local edge ({running.front.name}) answers at {running.url}",
        f"  upstream         {running.upstream_url}{'' if running.plan.upstream else '  (the demonstration)'}",
        f"  policy           {running.source.parameter}{_where(running)}",
    ]
    if running.source.store is not None:
        lines.append(f"  Parameter Store  {running.source.store.endpoint}  (embedded)")
    if running.source.demo and running.plan.upstream is None:
        lines += ["", *_requests(running.url)]
    if running.source.demo:
        lines += ["", *_change(running)]
    return "\n".join((*lines, "", "Differences from AWS: edgecors local --differences. Press Ctrl-C to stop."))


def _where(running: Running) -> str:
    if running.plan.policy is not None:
        return f"  (from {running.plan.policy}, reloaded on change)"
    return "  (in AWS)" if running.source.store is None else ""


def _requests(url: str) -> list[str]:
    def preflight(origin: str) -> str:
        return (
            f"  curl -si -X OPTIONS {url}/api/echo -H 'Origin: {origin}'"
            " -H 'Access-Control-Request-Method: PUT' -H 'Access-Control-Request-Headers: content-type'"
        )

    return [
        "Paste into another terminal. A preflight that is allowed (204 with Access-Control-* headers):",
        preflight(ALLOWED),
        "A preflight that is refused (403 without Access-Control-* headers):",
        preflight(REFUSED),
        "A request whose response has the upstream's own CORS headers, which are replaced:",
        f"  curl -si {url}/api/own-cors/reflecting -H 'Origin: {ALLOWED}'",
    ]


def _change(running: Running) -> list[str]:
    """The lines that also allow the refused origin: by a command, or on a page."""
    store = running.source.store
    endpoint = store.endpoint if store is not None else ""
    again = ", then paste the second line again" if running.plan.upstream is None else ""
    return [
        f"Allow {REFUSED} as well (takes effect within {DEMO_REFRESH_SECONDS} s){again}:",
        f"  {how_to_allow(running.plan, running.source).replace(ORIGIN, REFUSED)}",
        "Look at the policies, and change them, on a page:",
        f"  {_SETTINGS} {_command()} ui --endpoint-url {endpoint}",
    ]


def how_to_allow(plan: LocalPlan, source: Source) -> str:
    """The line that allows an origin, with `ORIGIN` in its place; what to edit where the policy is a file."""
    if plan.policy is not None:
        return f"Add {ORIGIN} to {plan.policy}"
    if source.store is None:
        return f"edgecors allow {source.site} {ORIGIN}"
    name = DEMO_LIST_PARAMETER.rpartition("/")[2]
    return f"{_SETTINGS} {_command()} allow @{name} {ORIGIN} --endpoint-url {source.store.endpoint}"


def _command() -> str:
    """The command as it can be pasted: from the directory of this interpreter, where it is installed."""
    installed = Path(sys.executable).with_name("edgecors")
    if not installed.exists():
        return f"{shlex.quote(sys.executable)} -m edgecors_cli"
    relative = os.path.relpath(installed)
    return shlex.quote(str(installed) if relative.startswith(os.pardir) else relative)
