"""No grant through a path that an upstream server reads as another resource: `python -m harness paths`.

Random policies and request paths. For every server in `harness.upstreams.models`, the rule that decides over the path
which that server's application sees is chosen by a slow and obvious glob matcher, and its answer is taken from a
policy of that one rule. The library's decision about the whole policy must meet these conditions:

- it grants nothing that one of these rules would not grant in the same words;
- it is never "not managed" while one of the resources is managed, and never passes what one of the rules blocks;
- where all rules of the policy give the same answer, or the path has one reading only, it is exactly that answer.
"""

from __future__ import annotations

import functools
import json
import re
from random import Random
from typing import Any, NamedTuple
from urllib.parse import quote

from edgecors.decision import Decision, Request, decide
from edgecors.document import load_policy

from harness.generate import chance, pick
from harness.summary import Summary
from harness.upstreams.models import MODELS

REQUESTS = 50
"""Requests for each policy."""

SEGMENTS = (
    *("api", "api", "api", "me", "me", "fonts", "fonts", "account", "transfer", "a", "b"),
    *("v1:x", "$meta", "@me", "b\u00fcro", "x.css", "API", "~u"),
)
"""Names in the paths of policies and requests."""
SLASHES = (
    *("/", "/", "/", "/", "/", "/", "//", "///", "%2F", "%2f", "%5C", "%5c", "\\"),
    *("/%2F", "%2F/", "%252F", "%255C", "%25252f"),
)
"""Slashes, and what some server takes for one."""
DOTS = (
    *("..", "..", ".", "%2e%2e", "%2E.", ".%2e", "%2e", "..;", "..;a=b", ".;", "..%3B", "%252e%252e", "..%00"),
    *("...", "..%20"),
)
"""Dot segments, and what some server takes for one."""
DECORATIONS = (
    *(";", ";v=1", ";a/b", "%3B", "%3bx", "%253B", "%00", "%00x", "%", "%2", "%zz", "%u002f", "%u0041", "%25", "%2541"),
    *("%3F", "%3fq", "%23", "%23f", "%253F", "%C0%AF", "%c0%ae%c0%ae", "%E0%80%AF", "%F0%80%80%AF", "%C1%81", "%FF"),
    *("%C3", "%ED%A0%80", "%F5%80%80%80", "%E2%82", "\u00e9", "%C3%A9", "\u20ac", "%E2%82%AC", "%F0%9F%98%80"),
    *("%20", "+", "%2B", "%7E", "%7f", "%01", "%0A", "%24meta", "%40me", "v1%3Ax", "a%28b%29", "a(b)", "&=", "'"),
    *("%27", "|", "^", "`", "{}", "<>", '"', "%22", "[", "*", "%2A"),
)
"""What stands inside or behind a segment."""

ORIGINS = ("https://app.example.com", "https://fonts.example.net", "https://evil.example")
HOSTS = ("cdn.example.com", "admin.example.com", "api.example.org")
_STAY_ESCAPED = frozenset("/\\%;?#\0")
"""Characters whose escapes are kept, as the contract has it."""
_ENDS_IN_DOTS = re.compile(r"/(?:\.|%2e){1,2}$", re.IGNORECASE)
_PLAIN = re.compile(r"/(?!/)(?:[A-Za-z0-9._~!$&'()*+,:@=-]|/(?!/))*")


def path(random: Random) -> str:
    """A request path of a few segments, roundabout and ambiguous in up to a handful of places."""
    share = pick(random, (0.0, 0.1, 0.25, 0.5))
    text = ""
    for _ in range(random.randrange(1, 6)):
        text += pick(random, SLASHES) if chance(random, share) else "/"
        if chance(random, share):
            text += pick(random, DOTS)
            continue
        text += pick(random, SEGMENTS) if chance(random, 0.8) else ""
        if chance(random, share / 2):
            text += pick(random, DECORATIONS)
        if chance(random, share / 8):
            position = random.randrange(len(text) + 1)
            text = text[:position] + escaped(random, text[position : position + 1]) + text[position + 1 :]
    if chance(random, share / 4):
        text = text.upper() if chance(random, 0.5) else text.replace("%25", "%2525")
    return text if text[:1] == "/" else "/" + text


def escaped(random: Random, character: str) -> str:
    """The character as percent escapes, in either case."""
    code = "".join(f"%{byte:02X}" for byte in character.encode())
    return code if chance(random, 0.5) else code.lower()


def glob(random: Random) -> str:
    """A path glob: segments, some of them or their characters replaced by wildcards, some characters escaped."""
    text = "".join("/" + pick(random, SEGMENTS) for _ in range(random.randrange(1, 4)))
    kind = random.random()
    if kind < 0.5:
        text += "/*"
    elif kind < 0.6:
        text += "*"
    elif kind < 0.7:
        text = "*" + text[random.randrange(len(text)) :]
    elif kind < 0.8:
        text += "/"
    if chance(random, 0.2):
        position = random.randrange(1, len(text) + 1)
        text = text[:position] + pick(random, ("?", "*", "/*/")) + text[position + 1 :]
    if chance(random, 0.1):
        position = random.randrange(1, len(text) + 1)
        spelled = text[position : position + 1]
        if spelled.isalnum() or spelled in ("@", "$", ":"):
            text = text[:position] + escaped(random, spelled) + text[position + 1 :]
    return text


def rule(random: Random) -> dict[str, Any]:
    """A rule whose answers differ from those of other rules in what matters: origins, credentials, blocking."""
    credentials = chance(random, 0.5)
    listed = random.sample(ORIGINS[:2], random.randrange(1, 3))
    fields: dict[str, Any] = {"allow_origins": listed if credentials or chance(random, 0.6) else "*"}
    if credentials:
        fields["allow_credentials"] = True
    if chance(random, 0.4):
        fields["on_refused"] = "block"
    if chance(random, 0.2):
        fields["allow_methods"] = ["GET"]
    return fields


def rules(random: Random) -> list[dict[str, Any]]:
    """A few rules for paths, maybe for hosts, and often one for everything else."""
    drawn: list[dict[str, Any]] = []
    for _ in range(random.randrange(1, 4)):
        drawn.append({"paths": [glob(random) for _ in range(random.randrange(1, 3))], **rule(random)})
        if chance(random, 0.15):
            drawn[-1]["hosts"] = [pick(random, HOSTS)]
    if chance(random, 0.6):
        drawn.append(rule(random))
    return drawn


def request(random: Random, written_rules: list[dict[str, Any]]) -> dict[str, Any]:
    """A preflight or an actual request; its path is often one that a rule is about, or nearly."""
    target = path(random)
    if chance(random, 0.4):
        globs = pick(random, written_rules).get("paths", ["/*"])
        start = pick(random, globs).replace("*", pick(random, SEGMENTS)).replace("?", pick(random, "ab/"))
        target = spoiled(random, start if start[:1] == "/" else "/" + start)
    preflight = chance(random, 0.4)
    return {
        "method": "OPTIONS" if preflight else pick(random, ("GET", "POST")),
        "request_method": pick(random, ("GET", "PUT")) if preflight else None,
        "origin": pick(random, ORIGINS),
        "path": target,
        "host": None if chance(random, 0.1) else pick(random, HOSTS),
    }


def spoiled(random: Random, text: str) -> str:
    """The path with one slash, segment or character written in a way that servers disagree about."""
    slashes = [number for number, character in enumerate(text) if character == "/" and number]
    kind = random.random()
    if kind < 0.3 and slashes:
        position = pick(random, slashes)
        return text[:position] + pick(random, SLASHES) + text[position + 1 :]
    if kind < 0.5:
        return "/" + pick(random, SEGMENTS) + "/" + pick(random, DOTS) + pick(random, SLASHES) + text[1:]
    position = pick(random, slashes) if slashes and chance(random, 0.5) else random.randrange(1, len(text) + 1)
    if kind < 0.8:
        return text[:position] + pick(random, DECORATIONS) + text[position:]
    return text[:position] + escaped(random, text[position : position + 1]) + text[position + 1 :]


class Reading(NamedTuple):
    """A resource that a server takes a path for, in the form that globs are compared with."""

    server: str
    path: str


def resources(path: str) -> list[Reading]:
    """What each server takes the path for; servers that refuse it have no reading."""
    readings = []
    sent = as_browsers_send(path)
    for server, model in MODELS.items():
        text = model(sent)
        if text is None:
            continue
        # The application of Express sees escapes as they were sent; the applications of the others see characters.
        url = text if server == "express" else as_url(text)
        readings.append(Reading(server, without_dots(decoded(url))))
    return readings


def as_browsers_send(path: str) -> str:
    """Without what servers read differently but no browser sends: raw non-ASCII, and a dot segment at the end."""
    path = re.sub("[^\0-\x7f]+", lambda raw: quote(raw[0]), path)
    return path + "/" if _ENDS_IN_DOTS.search(path) else path


def as_url(text: str) -> str:
    """A decoded path as a URL has it, as far as the contract's normal form differs from the characters."""
    escaped = "\\%?#\0"
    return _with_escaped_bytes("".join(f"%{ord(each):02X}" if each in escaped else each for each in text))


@functools.lru_cache(maxsize=4096)
def decoded(text: str) -> str:
    """The contract's normal form but for dot segments: escapes decoded, those of a few characters in upper case."""
    if "%" not in text and "\\" not in text and "\0" not in text:
        return text
    data = b""
    position = 0
    while position < len(text):
        digits = text[position + 1 : position + 3]
        if text[position] == "%" and re.fullmatch("[0-9A-Fa-f]{2}", digits):
            stays_escaped = chr(int(digits, 16)) in _STAY_ESCAPED
            data += f"%{digits.upper()}".encode() if stays_escaped else bytes([int(digits, 16)])
            position += 3
        else:
            data += {"\\": b"%5C", "\0": b"%00"}.get(text[position]) or text[position].encode(
                "utf-8", "surrogateescape"
            )
            position += 1
    return _with_escaped_bytes(data.decode("utf-8", "surrogateescape"))


def _with_escaped_bytes(text: str) -> str:
    return re.sub("[\udc80-\udcff]", lambda byte: f"%{ord(byte[0]) - 0xDC00:02X}", text)


def without_dots(text: str) -> str:
    """RFC 3986, section 5.2.4, for a path that begins with a slash."""
    segments: list[str] = []
    parts = text.split("/")[1:]
    for part in parts:
        if part == "..":
            segments = segments[:-1]
        elif part != ".":
            segments.append(part)
    return "/" + "/".join(segments + [""] * (parts[-1] in (".", "..")))


def matches(glob: str, text: str) -> bool:
    """`*` any run of characters, `?` one: the places in the text that each part of the glob can end at."""
    ends = {0}
    for character in glob:
        if character == "*":
            ends = set(range(min(ends), len(text) + 1)) if ends else ends
        else:
            ends = {end + 1 for end in ends if end < len(text) and character in ("?", text[end])}
    return len(text) in ends


def deciding(written_rules: list[dict[str, Any]], host: str, text: str) -> int | None:
    """The index of the first rule about a resource."""
    for index, each in enumerate(written_rules):
        globs = each.get("paths", ["/*"])
        if host in each.get("hosts", [host]) and any(matches(decoded(glob), text) for glob in globs):
            return index
    return None


class ComparedPolicy:
    """A policy, the same in single rules, and the answers that those give."""

    def __init__(self, written_rules: list[dict[str, Any]]) -> None:
        self.rules = written_rules
        self.policy = load_policy(json.dumps({"version": 1, "rules": written_rules}), {})
        bare = [
            {name: value for name, value in each.items() if name not in ("paths", "hosts")} for each in written_rules
        ]
        self.single = [load_policy(json.dumps({"version": 1, "rules": [each]}), {}) for each in bare]
        self._answers: dict[tuple[Any, ...], Decision] = {}

    def answer(self, index: int | None, fields: dict[str, Any]) -> Decision | None:
        """What one rule answers, wherever it applies; None without a rule."""
        if index is None:
            return None
        fields = {**fields, "path": "/"}
        key = (index, *fields.values())
        if key not in self._answers:
            self._answers[key] = decide(self.single[index], Request(**fields))
        return self._answers[key]


def compare(site: ComparedPolicy, fields: dict[str, Any], summary: Summary) -> str:
    """What is wrong with the decision about a request; empty when nothing is."""
    decision = decide(site.policy, Request(**fields))
    hosts = HOSTS if fields["host"] is None else (fields["host"],)
    readings = resources(fields["path"])
    summary.counts["server_readings"] += len(readings)
    texts: dict[str, list[str]] = {}
    for reading in readings:
        texts.setdefault(reading.path, []).append(reading.server)
    summary.counts["several_resources"] += len(texts) > 1
    answers: list[Decision | None] = []
    for text, servers in texts.items():
        for host in hosts:
            index = deciding(site.rules, host, text)
            answer = site.answer(index, fields)
            answers.append(answer)
            problem = harmful(decision, answer)
            if problem:
                return f"{problem}: {', '.join(servers)} sees {text!r} (rule {index})"
    summary.counts["grants"] += grants(decision)
    summary.counts["ambiguous"] += decision.reason == "resource-ambiguous"
    return needless(site, fields, decision, answers)


def harmful(decision: Decision, answer: Decision | None) -> str:
    """What the decision allows that the rule of a resource does not."""
    if grants(decision) and (answer is None or shape(answer) != shape(decision)):
        return "granted otherwise than by the rule of the resource"
    if answer is not None and not decision.managed:
        return "not managed"
    if answer is not None and answer.status == 403 and decision.status != 403:
        return "passed on instead of blocked"
    return ""


def needless(site: ComparedPolicy, fields: dict[str, Any], decision: Decision, answers: list[Decision | None]) -> str:
    """Whether the decision refuses what nothing speaks against."""
    everywhere = "paths" not in site.rules[-1] and "hosts" not in site.rules[-1]
    whole = [site.answer(index, fields) for index in range(len(site.rules))]
    alike = everywhere and len({shape(answer) for answer in whole}) == 1
    certain = _PLAIN.fullmatch(fields["path"]) is not None and fields["host"] is not None
    if (alike or certain) and answers and shape(decision) != shape(answers[0]):
        return f"answered with {shape(decision)} instead of {shape(answers[0])}"
    return ""


def grants(decision: Decision) -> bool:
    """Whether a page may read the answer."""
    return any(name == "Access-Control-Allow-Origin" for name, _ in decision.headers)


def shape(decision: Decision | None) -> tuple[Any, ...]:
    """All of an answer that a client sees."""
    if decision is None or not decision.managed:
        return ("not managed",)
    return (decision.status, decision.headers, frozenset(decision.vary), frozenset(decision.remove))


def run(seed: int, cases: int, seconds: float) -> Summary:
    """Compare until the cases or the time are used up."""
    summary = Summary("paths", seconds, seed=seed)
    random = Random(seed)
    while summary.counts["cases"] < cases and not summary.over:
        site = ComparedPolicy(rules(random))
        summary.counts["policies"] += 1
        for _ in range(min(REQUESTS, cases - summary.counts["cases"])):
            fields = request(random, site.rules)
            summary.counts["cases"] += 1
            problem = compare(site, fields, summary)
            if problem:
                summary.fail(f"{problem}; {fields} {json.dumps(site.rules)}")
    return summary
