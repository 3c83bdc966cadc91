"""``edgecors local --sam``: what `sam local` lacks on a machine without an AWS account.

Starts the embedded Parameter Store where containers reach it, writes the policies that the samples in ``events/``
assume, and derives templates from the built one in which every function finds that store. `sam local` itself is started
by hand, with the lines that `instructions` returns.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import platform
import shlex
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edgecors_local.containers import host_address
from edgecors_local.errors import LocalError
from edgecors_local.forwarding import Upstream
from edgecors_local.handlers import PROJECT
from edgecors_local.invoke import Say
from edgecors_local.parameter_store import REGION, EmbeddedStore
from edgecors_local.runtime import MACHINES
from edgecors_local.upstream import serve_demo

SAMPLE_DISTRIBUTION: Final = "EDFDVBD6EXAMPLE"
"""The distribution of the samples in ``events/cloudfront``, whose id is the name of their site."""
SAMPLE_SITE: Final = "shop"
"""The site of the gateway, and of the samples in ``events/guard``."""
ORIGIN_FUNCTION: Final = "EdgeOriginFunction"
"""The edge function with the origin set-up's handler; the derived template has both."""
DIRECTORY: Final = Path("build", "sam-local")
APIS: Final = {"http-api.json": "RestApi", "rest-api.json": "HttpApi"}
"""The template written for each API, with the API that it leaves out: `sam local start-api` ignores conditions and
would serve both APIs on the same paths."""


@dataclass(frozen=True, slots=True)
class SamLocal:
    """A running store and the templates that lead to it.

    Attributes:
        endpoint: the store's URL, for containers and for this machine alike, unless the engine is Docker Desktop.
        upstream: the URL that the gateway forwards to, for containers.
        store: the store itself.
        templates: the directory of the derived templates, relative to the project.
    """

    endpoint: str
    upstream: str
    store: EmbeddedStore
    templates: Path = DIRECTORY


@contextlib.asynccontextmanager
async def sam_local(upstream: str | None = None, directory: Path = DIRECTORY) -> AsyncIterator[SamLocal]:
    """The store and the templates for as long as the block runs.

    Args:
        upstream: where the gateway forwards to; without it, the demonstration's upstream.
        directory: where the templates are written, relative to the project.

    Raises:
        LocalError: the upstream is not a URL, nothing has been built, there is no container engine, or containers can't
            reach the upstream.
    """
    # An invalid address is reported before anything starts.
    address = Upstream(upstream) if upstream is not None else None
    built = PROJECT / ".aws-sam" / "build" / "template.yaml"
    if not built.is_file():
        raise LocalError(f"`sam local` needs built artifacts, and there is no {built}. Run `make build` first.", 2)
    host = host_address()
    async with contextlib.AsyncExitStack() as stack:
        if upstream is None:
            upstream = f"http://{host.name}:{await serve_demo(stack, host.listen)}"
        elif address is not None and _is_loopback(address.hostname):
            raise LocalError(
                f"Containers can't reach {upstream}, which is their own loopback address. Let the upstream listen on"
                f" {host.listen} and give --upstream http://{host.name}:PORT.",
                2,
            )
        store = EmbeddedStore(host.listen)
        stack.callback(store.close)
        policy = (PROJECT / "events" / "policy.json").read_text(encoding="utf-8")
        for site in (SAMPLE_DISTRIBUTION, SAMPLE_SITE):
            store.put(f"/edgecors/sites/{site}", policy)
        running = SamLocal(f"http://{host.name}:{store.port}", upstream, store, directory)
        _write_templates(running, built, store.create_topic("edgecors"))
        yield running


def _is_loopback(host: str) -> bool:
    """Whether a host, in lower case, is this machine by an address that only this machine has."""
    return host.startswith("127.") or host in ("localhost", "::1") or host.endswith(".localhost")


def _write_templates(running: SamLocal, built: Path, topic: str) -> None:
    directory = PROJECT / running.templates
    directory.mkdir(parents=True, exist_ok=True)
    for name, other_api in APIS.items():
        template = derived_template(_read(built), built.parent, running.endpoint, running.upstream, topic)
        del template["Resources"][other_api]
        (directory / name).write_text(json.dumps(template, indent=1) + "\n", encoding="utf-8")


def _read(built: Path) -> dict[str, Any]:
    """The template that `sam build` wrote: YAML with functions in their long form."""
    import yaml

    document: dict[str, Any] = yaml.safe_load(built.read_text(encoding="utf-8"))
    return document


def derived_template(
    built: Mapping[str, Any], directory: Path, endpoint: str, upstream: str, topic: str
) -> dict[str, Any]:
    """The built template with parameters, variables and architecture for this machine's containers.

    Args:
        built: the template that `sam build` writes, functions in their long form.
        directory: where that template is; its paths are relative to it.
        endpoint: the Parameter Store's URL, for containers.
        upstream: where the gateway forwards to.
        topic: the ARN of the guard's topic.
    """
    template = copy.deepcopy(dict(built))
    architecture = MACHINES.get(platform.machine(), "x86_64")
    values = {"Site": SAMPLE_SITE, "Upstream": upstream, "EdgeSetup": "viewer", "ReplicaRegions": ""}
    for name, value in values.items():
        template["Parameters"][name]["Default"] = value
    for name, resource in template["Resources"].items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        properties = resource["Properties"]
        properties["CodeUri"] = str((directory / properties["CodeUri"]).resolve())
        properties["Architectures"] = [architecture]
        variables = properties.setdefault("Environment", {}).setdefault("Variables", {})
        variables["AWS_ENDPOINT_URL_SSM"] = endpoint
        if name == "GuardFunction":
            # It also calls SNS, SQS and CloudFront.
            variables |= {"AWS_ENDPOINT_URL": endpoint, "EDGECORS_TOPIC_ARN": topic}
    edge = template["Resources"]["EdgeFunction"]
    edge["Properties"]["Handler"] = "app.viewer_handler"
    origin = copy.deepcopy(edge)
    origin["Properties"]["Handler"] = "app.origin_handler"
    # `sam local` looks functions up by this id first.
    origin["Metadata"]["SamResourceId"] = ORIGIN_FUNCTION
    template["Resources"][ORIGIN_FUNCTION] = origin
    return template


def instructions(running: SamLocal) -> str:
    """What to paste into another terminal: each function invoked with a sample, and the gateway behind its APIs."""
    sam = ".venv-sam/bin/sam" if (PROJECT / ".venv-sam" / "bin" / "sam").exists() else "sam"
    template = running.templates / "http-api.json"

    def invoke(function: str, event: str) -> str:
        words = [sam, "local", "invoke", function, "--template", str(template), "--region", REGION]
        return f"  {shlex.join([*words, '--event', f'events/{event}.json'])}"

    def start_api(name: str) -> str:
        words = [sam, "local", "start-api", "--template", str(running.templates / name), "--region", REGION]
        return f"  {shlex.join(words)}"

    return "\n".join(
        (
            f"Parameter Store  {running.endpoint}  (embedded; reached from containers)",
            f"Upstream         {running.upstream}",
            "",
            "Paste into another terminal, in the project's directory.",
            "The edge function, viewer set-up and origin set-up:",
            invoke("EdgeFunction", "cloudfront/viewer-request-preflight-allowed"),
            invoke(ORIGIN_FUNCTION, "cloudfront/origin-request-preflight-allowed"),
            "The gateway function:",
            invoke("GatewayFunction", "http-api-2.0/preflight-allowed"),
            "The guard:",
            invoke("GuardFunction", "guard/update"),
            "The gateway behind an HTTP API, or behind a REST API:",
            start_api("http-api.json"),
            start_api("rest-api.json"),
            "and then, in a third terminal, a preflight and a request:",
            "  curl -si -X OPTIONS http://127.0.0.1:3000/api/echo -H 'Origin: https://app.example.com'"
            " -H 'Access-Control-Request-Method: PUT'",
            "  curl -si http://127.0.0.1:3000/api/echo -H 'Origin: https://app.example.com'",
            "",
            "Ctrl-C ends the Parameter Store.",
        )
    )


def run(upstream: str | None, say: Say) -> None:
    """Runs until Ctrl-C or SIGTERM. Raises LocalError."""
    asyncio.run(_run(upstream, say))


async def _run(upstream: str | None, say: Say) -> None:
    from edgecors_local.server import until_signal

    async with sam_local(upstream) as running:
        say(instructions(running))
        await until_signal()
        say("Ending.")
