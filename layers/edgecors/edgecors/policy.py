"""Compiled policies: immutable, swapped whole. `edgecors.document` makes them, `edgecors.decision` reads them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from .findings import Finding
    from .origin import OriginSet
    from .paths import Globs


class _Immutable:
    """Sets the attributes that a subclass lists in ``__slots__`` once."""

    __slots__: tuple[str, ...] = ()

    def __init__(self, **values: Any) -> None:
        for name in self.__slots__:
            object.__setattr__(self, name, values.pop(name))
        if values:
            raise TypeError(f"{type(self).__name__} has no {', '.join(values)}")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable")


class Grant(_Immutable):
    """What some origins may do with the resources of a rule.

    Attributes:
        index: its number among the rule's grants.
        allow_origins: None for ``*``; never None with credentials.
        allow_methods: None for ``*``.
        allow_methods_value: the same as a header's value, in the document's order.
        allow_headers: lower-case names; None for ``*``.
        allow_headers_value: the same as a header's value.
        expose_headers: a header's value; empty for none.
        max_age: seconds.
    """

    __slots__ = (
        "allow_credentials",
        "allow_headers",
        "allow_headers_value",
        "allow_methods",
        "allow_methods_value",
        "allow_origins",
        "allow_private_network",
        "expose_headers",
        "index",
        "max_age",
        "timing_allow_origin",
    )

    index: int
    allow_origins: OriginSet | None
    allow_methods: frozenset[str] | None
    allow_methods_value: str
    allow_headers: frozenset[str] | None
    allow_headers_value: str
    expose_headers: str
    allow_credentials: bool
    max_age: int
    allow_private_network: bool
    timing_allow_origin: bool


class Rule(_Immutable):
    """The grants for some resources.

    Attributes:
        index: its number among the policy's rules.
        hosts: lower-case host names without port; None where every host matches.
        paths: in the form of `edgecors.paths.readings`; None where every path matches.
        grants: at least one; the first one that matches the origin decides.
        on_refused: ``omit`` or ``block``.
        resource_policy: value of Cross-Origin-Resource-Policy; empty for none.
        tolerate: codes of safety errors that are switched off.
        blocks: whether an origin that is not allowed is answered with 403.
        is_constant: whether every origin gets the same response headers, so that responses need no ``Vary: Origin``.
        allow_private_network: whether any grant allows requests from a public to a private network.
        timing_allow_origin: whether any grant sets Timing-Allow-Origin.
    """

    __slots__ = (
        "allow_private_network",
        "blocks",
        "debug",
        "grants",
        "hosts",
        "index",
        "is_constant",
        "on_refused",
        "paths",
        "resource_policy",
        "timing_allow_origin",
        "tolerate",
    )

    index: int
    hosts: Globs | None
    paths: Globs | None
    grants: tuple[Grant, ...]
    on_refused: str
    resource_policy: str
    debug: bool
    tolerate: tuple[str, ...]
    blocks: bool
    is_constant: bool
    allow_private_network: bool
    timing_allow_origin: bool

    def __init__(self, **values: Any) -> None:
        grants: tuple[Grant, ...] = values["grants"]
        is_open = grants[-1].allow_origins is None
        super().__init__(
            blocks=values["on_refused"] == "block" and not is_open,
            is_constant=is_open and len(grants) == 1,
            allow_private_network=any(grant.allow_private_network for grant in grants),
            timing_allow_origin=any(grant.timing_allow_origin for grant in grants),
            **values,
        )

    @property
    def open_grant(self) -> Grant | None:
        """The grant for every origin that no other grant has; None where there is no such grant."""
        grant = self.grants[-1]
        return grant if grant.allow_origins is None else None

    def matches(self, host: str | None, path: str) -> bool | None:
        """Whether the rule is about a resource.

        Args:
            host: in lower case, without port and trailing dot; None where the event does not show the viewer's host.
            path: one reading of the path.

        Returns:
            None where the answer depends on a host that is not known.
        """
        if self.paths is not None and not self.paths.match(path):
            return False
        if self.hosts is None:
            return True
        return None if host is None else self.hosts.match(host)


class Policy(_Immutable):
    """A site's policy.

    Attributes:
        rules: in the document's order; the first one that matches decides.
        mode: ``enforce`` or ``shadow``.
        refresh_seconds: how old the policy may get before it is read again.
        findings: what was skipped or repaired when it was read.
        shadow: whether the mode is ``shadow``: decide, log and count, but change nothing.
        blocks: whether any rule blocks.
        has_hosts: whether any rule is for some hosts only.
        catch_all: the first rule, where it is for all hosts and paths, so that it decides about every request.
    """

    __slots__ = ("blocks", "catch_all", "findings", "has_hosts", "mode", "refresh_seconds", "rules", "shadow")

    rules: tuple[Rule, ...]
    mode: str
    refresh_seconds: int
    findings: tuple[Finding, ...]
    shadow: bool
    blocks: bool
    has_hosts: bool
    catch_all: tuple[Rule, ...]

    def __init__(
        self, rules: tuple[Rule, ...], *, mode: str, refresh_seconds: int, findings: tuple[Finding, ...] = ()
    ) -> None:
        super().__init__(
            rules=rules,
            mode=mode,
            refresh_seconds=refresh_seconds,
            findings=findings,
            shadow=mode == "shadow",
            blocks=any(rule.blocks for rule in rules),
            has_hosts=any(rule.hosts is not None for rule in rules),
            catch_all=tuple(rule for rule in rules[:1] if rule.hosts is None and rule.paths is None),
        )
