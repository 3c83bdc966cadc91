"""Records what a live site answers today, before a policy decides: every origin, path and method that is known of it.

Only GET and OPTIONS are sent. Beside the origins that are known, each path is asked as a stranger, as ``null`` and as
look-alikes of a known origin, and for a method and a header that nobody uses, to see what the site allows to anybody.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from edgecors.fetch import SAFELISTED_METHODS

from edgecors_admin.errors import CommandError, UsageError
from edgecors_admin.probe import STRANGER, TIMEOUT_SECONDS, UNKNOWN_METHOD, Reply
from edgecors_admin.public_suffixes import registrable_domain
from edgecors_admin.traffic import MAX_DESCRIPTION_BYTES, RecordedPath

FORMAT = "edgecors-recording"
VERSION = 1
UNKNOWN_HEADER = "x-edgecors-probe"
MAX_REQUESTS = 5000
PARALLEL = 4
"""Requests at once: few, as this is somebody's live site."""
MAX_FAILED = 20
MAX_BODY = 65536
"""Bytes of a body that are read so that the connection can be used again."""

KNOWN, ANYBODY, NULL, SUBDOMAIN, LOOKALIKE = "known", "anybody", "null", "subdomain", "lookalike"
"""What an origin stands for in a recording."""

_RECORDED_HEADERS = ("vary", "timing-allow-origin", "cross-origin-resource-policy")
_JSON_FIELDS = ("path", "sample", "origin", "role", "request_method", "request_header")


@dataclass(frozen=True)
class Question:
    """One request of a recording. ``request_method`` makes it a preflight.

    Attributes:
        path: the path, or its template.
        sample: the path that is asked for.
        origin: the Origin header.
        role: what the origin stands for, such as `KNOWN`.
        request_method: Access-Control-Request-Method.
        request_header: the one name in Access-Control-Request-Headers.
    """

    path: str
    sample: str
    origin: str
    role: str
    request_method: str | None = None
    request_header: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What is sent."""
        names = {
            "Origin": self.origin,
            "Access-Control-Request-Method": self.request_method,
            "Access-Control-Request-Headers": self.request_header,
        }
        return {name: value for name, value in names.items() if value is not None}


@dataclass(frozen=True)
class Observation:
    """A question with its answer, of which the headers about CORS are kept."""

    question: Question
    reply: Reply


@dataclass
class Recording:
    """What a site answered.

    Attributes:
        url: the site, without a path.
        methods: the methods that clients use, by path.
        observations: all answers.
        unasked: how many paths were left out because there were too many.
        failed: why requests had no answer.
    """

    url: str
    methods: dict[str, list[str]] = field(default_factory=dict)
    observations: list[Observation] = field(default_factory=list)
    unasked: int = 0
    failed: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "url": self.url,
            "paths": [{"path": path, "methods": methods} for path, methods in self.methods.items()],
            "unasked_paths": self.unasked,
            "failed": self.failed,
            "observations": [_observation_as_dict(observation) for observation in self.observations],
        }


Ask = Callable[[Question], Reply]


def questions(paths: Sequence[RecordedPath], origins: Sequence[str], headers: Iterable[str] = ()) -> list[Question]:
    """All that is asked. Raises `UsageError` for more than a live site should be asked."""
    asked = [question for path in paths for question in _about(path, origins, sorted(headers))]
    if len(asked) > MAX_REQUESTS:
        raise UsageError(
            f"{len(paths)} paths and {len(origins)} origins make {len(asked):,} requests, and at most {MAX_REQUESTS:,}"
            " are sent to a live site. Use fewer paths (--paths) or origins."
        )
    return asked


def _about(path: RecordedPath, origins: Sequence[str], headers: Sequence[str]) -> Iterator[Question]:
    names = sorted({*path.headers, *headers})
    unsafe = [method for method in path.methods if method not in SAFELISTED_METHODS]
    base = unsafe[0] if unsafe else next(iter(path.methods))

    def ask(origin: str, role: str, method: str | None = None, name: str | None = None) -> Question:
        return Question(path.path, path.sample, origin, role, method, name)

    for role, origin in [*((KNOWN, origin) for origin in origins), (ANYBODY, STRANGER)]:
        if _is_read(path):
            yield ask(origin, role)
        # A safelisted method is asked for as well: the answer shows what the site lists.
        yield from (ask(origin, role, method) for method in dict.fromkeys((base, *unsafe, *_posted(path))))
        yield from (ask(origin, role, base, name) for name in names)
        yield ask(origin, role, UNKNOWN_METHOD)
        yield ask(origin, role, base, UNKNOWN_HEADER)
    for role, origin in [(NULL, "null"), *(pair for known in origins[:1] for pair in _relatives(known))]:
        yield ask(origin, role, None if _is_read(path) else base)


def _is_read(path: RecordedPath) -> bool:
    return "GET" in path.methods or "HEAD" in path.methods


def _posted(path: RecordedPath) -> list[str]:
    return ["POST"] if "POST" in path.methods else []


def _relatives(origin: str) -> Iterator[tuple[str, str]]:
    """Origins that a careless comparison takes for this one."""
    scheme, _, rest = origin.partition("://")
    host, colon, port = rest.partition(":")
    if (domain := registrable_domain(host)) is not None:
        yield SUBDOMAIN, f"{scheme}://edgecors-probe.{rest}"
        yield LOOKALIKE, f"{scheme}://edgecors-probe{domain}{colon}{port}"
        yield LOOKALIKE, f"{scheme}://{host}.edgecors-probe.invalid"


def record(
    url: str, paths: Sequence[RecordedPath], asked: Sequence[Question], ask: Ask, progress: Callable[[str], None]
) -> Recording:
    """Send every question. Raises `CommandError` when the site does not answer."""
    recording = Recording(url, {path.path: list(path.methods) for path in paths})
    done, lock = 0, threading.Lock()

    def answer(question: Question) -> Observation | str:
        nonlocal done
        if len(recording.failed) > MAX_FAILED:
            return "not sent: too many requests got no response"
        try:
            outcome: Observation | str = Observation(question, ask(question))
        except CommandError as error:
            outcome = str(error)
        with lock:
            done += 1
            progress(f"probing {url}, {done:,} of {len(asked):,} requests")
            if isinstance(outcome, str):
                recording.failed.append(outcome)
        return outcome

    with ThreadPoolExecutor(PARALLEL) as pool:
        outcomes = list(pool.map(answer, asked))
    recording.observations = [outcome for outcome in outcomes if isinstance(outcome, Observation)]
    if not recording.observations or len(recording.failed) > MAX_FAILED:
        raise CommandError(f"{url} does not respond: {recording.failed[0]}")
    return recording


@dataclass
class LiveSite:
    """Asks a live site over kept connections. Follows no redirect, reads no body."""

    url: str
    extra: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        import urllib3

        self._pool = urllib3.PoolManager(maxsize=PARALLEL, timeout=TIMEOUT_SECONDS, retries=False)

    def __call__(self, question: Question) -> Reply:
        """Raises `CommandError` when there is no answer."""
        is_preflight = question.request_method is not None
        headers = {**question.headers, **({} if is_preflight else self.extra)}
        status, received, _ = self._get("OPTIONS" if is_preflight else "GET", question.sample, headers, MAX_BODY)
        about_cors = tuple(
            (name, value)
            for name, value in received
            if name.lower().startswith("access-control-") or name.lower() in _RECORDED_HEADERS
        )
        return Reply(status, about_cors)

    def read(self, path: str) -> str:
        """A text that the site serves, such as its API description. Raises `CommandError`."""
        status, _, body = self._get("GET", path, self.extra, MAX_DESCRIPTION_BYTES)
        if status != 200:
            raise CommandError(f"{self.url}{path} answers with status {status}, not with an API description.")
        return body.decode("utf-8", "replace")

    def _get(
        self, method: str, path: str, headers: Mapping[str, str], most: int
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        import urllib3

        sent = {"User-Agent": "edgecors-probe", "Accept": "*/*", **headers}
        try:
            response = self._pool.request(method, self.url + path, headers=sent, redirect=False, preload_content=False)
            body = response.read(most)
            if len(body) < most:
                response.release_conn()
            else:
                response.close()  # connecting again costs less than the rest of the body
        except urllib3.exceptions.HTTPError as error:
            raise CommandError(f"{self.url}{path} could not be reached: {error}") from None
        return response.status, list(response.headers.items()), body


def site_of(url: str) -> str:
    """The site of a URL, without its path. Raises `UsageError`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _observation_as_dict(observation: Observation) -> dict[str, Any]:
    question = observation.question
    asked = {name: value for name in _JSON_FIELDS if (value := getattr(question, name)) is not None}
    return {**asked, "status": observation.reply.status, "headers": [list(pair) for pair in observation.reply.headers]}


def read_recording(text: str, name: str) -> Recording:
    """Read what `Recording.as_dict` wrote. Raises `UsageError`."""
    try:
        data = json.loads(text)
        if data["format"] != FORMAT:
            raise ValueError
        if data["version"] != VERSION:
            raise UsageError(f"{name} has version {data['version']!r}; this edgecors reads version {VERSION}.")
        observations = [
            Observation(
                Question(**{key: item[key] for key in _JSON_FIELDS if key in item}),
                Reply(int(item["status"]), tuple((str(key), str(value)) for key, value in item["headers"])),
            )
            for item in data["observations"]
        ]
        methods = {item["path"]: list(item["methods"]) for item in data["paths"]}
        return Recording(str(data["url"]), methods, observations, int(data["unasked_paths"]), list(data["failed"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UsageError(f"{name} is not a recording. Make one: edgecors probe URL --record FILE") from None
