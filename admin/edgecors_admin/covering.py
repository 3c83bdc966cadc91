"""Which entry of an allowlist allows everything that another entry allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from edgecors.origin import EXTENSION_SCHEMES, Pattern


class Covering:
    """Finds the entry that covers another one, by hash look-ups: the time does not depend on the number of entries."""

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self._texts: set[str] = set()
        self._shapes: dict[str, set[tuple[int, int]]] = {}
        for pattern in patterns:
            self.add(pattern)

    def add(self, pattern: Pattern) -> None:
        """Add an entry. An exact origin covers nothing but itself."""
        if pattern.is_exact:
            return
        self._texts.add(pattern.text)
        if pattern.kind == "label":
            before, after, base = _split_label(pattern)
            self._shapes.setdefault(base, set()).add((len(before), len(after)))

    def of(self, pattern: Pattern) -> str | None:
        """The text of another entry that allows everything ``pattern`` does; None when there is none."""
        if not self._texts:
            return None
        candidates = (text for text in self._candidates(pattern) if text != pattern.text)
        return next((text for text in candidates if text in self._texts), None)

    def _candidates(self, pattern: Pattern) -> Iterator[str]:
        """The texts of all entries that could cover the pattern, the narrowest first."""
        scheme, host = f"{pattern.scheme}://", pattern.host
        ports = [":*"] if pattern.port == "*" else [f":{pattern.port}" if pattern.port else "", ":*"]
        hosts = [host] if pattern.kind in ("origin", "subdomain", "label") else []
        if pattern.scheme in EXTENSION_SCHEMES:
            return iter((f"{scheme}*",))
        if hosts and "." in host:
            hosts += self._label_hosts(pattern)
            # `https://*.example.com` has the base `.example.com`, which is tried first; its parents cover it as well.
            hosts += [f"*{base}" for base in _bases(host)]
        return (f"{scheme}{candidate}{port}" for candidate in hosts for port in ports)

    def _label_hosts(self, pattern: Pattern) -> Iterator[str]:
        if pattern.kind == "subdomain":
            return
        before, after, base = _split_label(pattern)
        for head, tail in sorted(self._shapes.get(base, ()), reverse=True):
            if pattern.kind == "label":
                # What the other star must stand for: the rest of the label, this star included. Never an underscore.
                covered = before[head:] + after[: len(after) - tail]
                if head <= len(before) and tail <= len(after) and "_" not in covered:
                    yield f"{before[:head]}*{after[len(after) - tail :]}{base}"
            elif head + tail < len(before) and "_" not in before[head : len(before) - tail]:
                yield f"{before[:head]}*{before[len(before) - tail :]}{base}"


def _split_label(pattern: Pattern) -> tuple[str, str, str]:
    """The leftmost label before and after its star, and the rest of the host with its dot."""
    label, dot, base = pattern.host.partition(".")
    before, _, after = label.partition("*")
    return before, after, dot + base


def _bases(host: str) -> Iterator[str]:
    """``.b.c`` and ``.c`` of ``a.b.c``."""
    dot = host.find(".")
    while dot >= 0:
        yield host[dot:]
        dot = host.find(".", dot + 1)
