"""A cache of recent decisions for one policy: sites get the same few requests again and again."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable
    from typing import Any

    from .policy import Policy

MAX_DECISIONS = 256
"""Decisions that are remembered for one policy, and as many answers to what preflights ask for."""
MAX_KEY_LENGTH = 1024
"""Characters of all that a request asks for, if its decision is to be remembered."""
MAX_SITES = 64
"""Sites in one container. One edge function may serve many distributions."""


class DecisionMemory:
    """The decisions about one policy. `edgecors.decision` makes the keys; a flood of keys only empties the memory."""

    __slots__ = ("decisions", "policy", "preflights")

    def __init__(self, policy: Policy | None) -> None:
        self.policy = policy
        self.decisions: dict[Hashable, Any] = {}
        self.preflights: dict[Hashable, Any] = {}


class MemoryBySite:
    """The memory of each site's present policy."""

    __slots__ = ("_memories",)

    def __init__(self) -> None:
        self._memories: dict[str, DecisionMemory] = {}

    def of(self, site: str, policy: Policy | None) -> DecisionMemory:
        """The site's memory, empty when its policy is not the one of the last call."""
        memory = self._memories.get(site)
        if memory is None or memory.policy is not policy:
            if len(self._memories) >= MAX_SITES:
                self._memories.clear()
            memory = self._memories[site] = DecisionMemory(policy)
        return memory


def remember(decisions: dict[Hashable, Any], key: Hashable, value: Any, length: int = 0) -> Any:
    """Store a value under its key, unless the key is longer than any browser's would be; returns the value."""
    if length <= MAX_KEY_LENGTH:
        if len(decisions) >= MAX_DECISIONS:
            decisions.clear()
        decisions[key] = value
    return value
