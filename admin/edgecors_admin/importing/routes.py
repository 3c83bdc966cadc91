"""Paths of an API as globs of a policy, in an order in which the first glob that matches is the API's own choice.

API Gateway takes the resource that has an exact segment before one with a parameter (``{id}``), and that before a
greedy one (``{proxy+}``). A parameter is one segment there; the ``*`` of a glob is any number of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_EXACT, _PARAMETER, _GREEDY, _END = range(4)


@dataclass(frozen=True)
class Route:
    """One path of an API; ``covered`` tells whether it has CORS settings."""

    path: str
    covered: bool

    @property
    def segments(self) -> tuple[str, ...]:
        """What stands between slashes."""
        return tuple(segment for segment in self.path.split("/") if segment)

    @property
    def glob(self) -> str:
        """The path with a ``*`` for each parameter."""
        return _glob(self.segments)

    @property
    def shape(self) -> tuple[str | int, ...]:
        """The path without the names of its parameters."""
        return tuple(_kind(segment) or segment for segment in self.segments)

    @property
    def rank(self) -> tuple[int, ...]:
        """Routes in the order of their ranks: API Gateway's choice first, and longer routes before shorter ones."""
        return (*map(_kind, self.segments), _END)


@dataclass(frozen=True)
class GlobRule:
    """A glob of the policy and the path whose settings it has; None for a glob that is closed to everyone."""

    glob: str
    path: str | None


def glob_rules(covered: Iterable[str], uncovered: Iterable[str]) -> list[GlobRule]:
    """The globs of all paths with CORS settings, and of those without that another glob would cover.

    Args:
        covered: paths with CORS settings, each once.
        uncovered: paths without.
    """
    routes = [Route(path, True) for path in covered]
    shapes = {route.shape for route in routes}
    routes += [route for path in dict.fromkeys(uncovered) if (route := Route(path, False)).shape not in shapes]
    routes.sort(key=lambda route: (route.rank, route.path))
    rules: list[GlobRule] = []
    for index, route in enumerate(routes):
        later = routes[index + 1 :]
        if route.covered or any(other.covered and _reaches(other, route) for other in later):
            rules += _longer(route, later)
            rules.append(GlobRule(route.glob, route.path if route.covered else None))
    # A parameter and a greedy parameter give the same glob; what comes first decides.
    return [rule for index, rule in enumerate(rules) if rule.glob not in {before.glob for before in rules[:index]}]


def _longer(route: Route, later: list[Route]) -> Iterator[GlobRule]:
    """Rules for paths that are longer than a route and that the API gives to another one."""
    for index, segment in enumerate(route.segments):
        if _kind(segment) != _PARAMETER:
            continue
        others = [other for other in later if _diverges(route, other, index)]
        if others:
            longer = (*route.segments[:index], segment, segment, *route.segments[index + 1 :])
            next_choice = others[0]
            is_known = next_choice.covered and _takes_all(next_choice, route, index)
            yield GlobRule(_glob(longer), next_choice.path if is_known else None)


def _diverges(route: Route, other: Route, index: int) -> bool:
    """Whether another route may match a path that has several segments where a route has one parameter."""
    for position in range(index):
        if position >= len(other.segments):
            return False
        if _kind(other.segments[position]) == _GREEDY:
            return True
        if not _compatible(route.segments[position], other.segments[position]):
            return False
    return len(other.segments) > len(route.segments) or _is_greedy(other)


def _takes_all(other: Route, route: Route, index: int) -> bool:
    """Whether a greedy route matches every such path."""
    before = other.segments[:-1]
    return (
        _is_greedy(other)
        and len(before) <= index
        and all(
            _kind(mine) == _PARAMETER or mine == theirs for mine, theirs in zip(before, route.segments, strict=False)
        )
    )


def _reaches(route: Route, other: Route) -> bool:
    """Whether the glob of a route may match paths of another one."""
    for position, segment in enumerate(route.segments):
        if _kind(segment) != _EXACT:
            return True
        if position >= len(other.segments) or not _compatible(segment, other.segments[position]):
            return False
    return False


def _compatible(segment: str, other: str) -> bool:
    return segment == other or _kind(segment) != _EXACT or _kind(other) != _EXACT


def _is_greedy(route: Route) -> bool:
    return any(_kind(segment) == _GREEDY for segment in route.segments)


def _kind(segment: str) -> int:
    if "{" not in segment:
        return _EXACT
    return _GREEDY if segment.endswith("+}") else _PARAMETER


def _glob(segments: tuple[str, ...]) -> str:
    return "/" + "/".join("*" if _kind(segment) != _EXACT else segment for segment in segments)
