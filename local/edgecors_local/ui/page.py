"""The page's server: its files, and what it shows as JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from edgecors_admin.asked import read_asked
from edgecors_admin.errors import CommandError, NotPermittedError, UsageError
from edgecors_admin.explain import ExplainedAnswer, explain_request
from edgecors_admin.lint import lint_list
from edgecors_admin.overview import (
    aliases_by_site,
    list_details,
    list_row,
    reasons,
    site_details,
    site_row,
    unreadable_list_row,
    unreadable_site_row,
    users_by_list,
)
from edgecors_admin.parameter_store import Parameters
from edgecors_admin.remembering import remembering
from edgecors_admin.sites import Site, checked_target, load_site, missing
from edgecors_admin.text_difference import readable_lines, text_difference_lines
from edgecors_admin.versions import all_versions, compare_versions, one_version, version_row
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from edgecors_local.ui.changes import Outdated, propose, write
from edgecors_local.ui.security import Protected
from edgecors_local.web.files import package_file

Arguments = Mapping[str, Any]
Look = Callable[[Parameters, Arguments], Any]

_STATUS: Final = {1: 409, 2: 400, 3: 502}
"""HTTP statuses by the exit status of the same error in a command."""


def make_page(parameters: Parameters, port: int, token: str) -> ASGIApp:
    """The page as an ASGI application.

    Args:
        parameters: The Parameter Store that it shows and changes.
        port: The port that it is served on.
        token: The secret that its requests must carry.
    """

    def endpoint(look: Look) -> Callable[[Request], Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            try:
                arguments = await _arguments(request)
                return JSONResponse(await asyncio.to_thread(_call, look, parameters, arguments))
            except Outdated as error:
                return JSONResponse({"error": str(error), "proposal": _shown(error.proposal)}, 409)
            except CommandError as error:
                return JSONResponse(
                    {"error": str(error)}, 403 if isinstance(error, NotPermittedError) else _status(error)
                )

        return respond

    async def file(request: Request) -> Response:
        return package_file(__package__ or "", request.path_params.get("name", "index.html"))

    routes = [
        Route("/", file),
        *(Route(f"/api/{name}", endpoint(look)) for name, look in _READS.items()),
        *(Route(f"/api/{name}", endpoint(look), methods=["POST"]) for name, look in _WRITES.items()),
        Route("/{name}", file),
    ]
    return Protected(Starlette(routes=routes), port, token)


async def _arguments(request: Request) -> Arguments:
    if request.method != "POST":
        return dict(request.query_params)
    try:
        body = json.loads(await request.body())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise UsageError("The body has to be a JSON object.")
    return body


def _call(look: Look, parameters: Parameters, arguments: Arguments) -> Any:
    with remembering():
        return look(parameters, arguments)


def _status(error: CommandError) -> int:
    return 403 if isinstance(error, NotPermittedError) else _STATUS.get(error.status, 500)


def _target(arguments: Arguments) -> str:
    return checked_target(str(arguments.get("target", "")))


def _version(arguments: Arguments, name: str) -> int:
    try:
        return int(arguments[name])
    except (KeyError, ValueError):
        raise UsageError(f"{name} has to be a version.") from None


def _scope(parameters: Parameters, arguments: Arguments) -> dict[str, str]:
    return {"account": parameters.account, "region": parameters.region, "root": parameters.root}


def _overview(parameters: Parameters, arguments: Arguments) -> dict[str, Any]:
    sites, unreadable_sites = parameters.below("sites")
    lists, unreadable_lists = parameters.below("lists")
    values: dict[str, str | None] = {name: stored.value for name, stored in lists.items()}
    users = users_by_list(sites)
    try:
        aliases, unreadable_aliases = aliases_by_site(parameters)
    except NotPermittedError:
        aliases, unreadable_aliases = {}, {}  # the caller may be allowed to read sites and lists only
    site_rows = [
        *(site_row(Site(n, s.text, values, s, unreadable=unreadable_lists.keys()), aliases) for n, s in sites.items()),
        *(unreadable_site_row(name, parameter, aliases) for name, parameter in unreadable_sites.items()),
    ]
    list_rows = [
        *(list_row(name, stored, users) for name, stored in lists.items()),
        *(unreadable_list_row(name, parameter, users) for name, parameter in unreadable_lists.items()),
    ]
    return {
        **_scope(parameters, arguments),
        "sites": sorted(site_rows, key=lambda row: str(row["site"])),
        "lists": sorted(list_rows, key=lambda row: str(row["list"])),
        "missing_lists": {f"@{name}": users[name] for name in sorted(set(users) - {*lists, *unreadable_lists})},
        "missing_sites": {
            site: names for site, names in aliases.items() if site not in sites and site not in unreadable_sites
        },
        "unreadable": list(reasons(unreadable_sites, unreadable_lists, unreadable_aliases).values()),
    }


def _details(parameters: Parameters, arguments: Arguments) -> dict[str, Any]:
    target = _target(arguments)
    if not target.startswith("@"):
        site = load_site(parameters, target)
        return {**site_details(site, site.findings()), "text": "\n".join(readable_lines(site.text))}
    stored = parameters.get(parameters.name_of(target))
    if stored is None:
        raise missing(parameters, target)
    problems = lint_list(target[1:], stored.value)
    details = list_details(parameters, target, stored, problems)
    return {**details, "text": "\n".join(readable_lines(stored.text))}


def _history(parameters: Parameters, arguments: Arguments) -> list[dict[str, Any]]:
    target = _target(arguments)
    versions = all_versions(parameters, target)
    by_number = {stored.version: stored for stored in versions}
    return [version_row(target, stored, by_number.get(stored.version - 1)) for stored in versions]


def _difference(parameters: Parameters, arguments: Arguments) -> dict[str, Any]:
    """What a version changed, compared with the one before it."""
    target, number = _target(arguments), _version(arguments, "version")
    new = one_version(parameters, target, number)
    old = one_version(parameters, target, number - 1).text if number > 1 else ""
    access = compare_versions(parameters, target, old, new.text)
    return {
        "access": access.as_dict() if access is not None else None,
        "text": text_difference_lines(old, new.text),
    }


def _explain(parameters: Parameters, arguments: Arguments) -> dict[str, Any]:
    origin, method, headers, path, host = (
        str(arguments.get(name, "")).strip() for name in ("origin", "method", "headers", "path", "host")
    )
    asked, notes = read_asked(origin, method or "GET", headers, path or "/", host or None)
    site = load_site(parameters, _target(arguments))
    explanation = explain_request(site.text, dict(site.lists), asked)
    return {
        **explanation.as_dict(),
        "asked": {"origin": asked.origin, "method": asked.method, "path": asked.path, "host": asked.host},
        "notes": [*notes, *([explanation.ambiguity] if explanation.ambiguity else [])],
        "preflight": _answer(explanation.preflight) if explanation.preflight is not None else None,
        "request": _answer(explanation.actual),
    }


def _answer(answer: ExplainedAnswer) -> dict[str, Any]:
    return {**answer.as_dict(), "meaning": answer.meaning, "fault": answer.fault, "outcome": answer.outcome}


def _shown(proposal: Any) -> dict[str, Any]:
    return {"id": proposal.id, **proposal.as_dict()}


def _propose(parameters: Parameters, arguments: Arguments) -> dict[str, Any]:
    return _shown(propose(parameters, _change(arguments)))


def _write(parameters: Parameters, arguments: Arguments) -> dict[str, Any]:
    accepted = arguments.get("accepted")
    if not isinstance(accepted, list):
        raise UsageError("accepted has to be a list of codes.")
    return {"version": write(parameters, _change(arguments), str(arguments.get("proposal")), accepted)}


def _change(arguments: Arguments) -> Mapping[str, Any]:
    change = arguments.get("change")
    if not isinstance(change, dict):
        raise UsageError("change has to be a JSON object.")
    return change


_READS: Final[Mapping[str, Look]] = {
    "scope": _scope,
    "overview": _overview,
    "details": _details,
    "history": _history,
    "difference": _difference,
    "explain": _explain,
}
_WRITES: Final[Mapping[str, Look]] = {"propose": _propose, "write": _write}
