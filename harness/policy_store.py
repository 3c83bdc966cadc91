"""A policy store without Parameter Store, for harnesses and benchmarks."""

from __future__ import annotations

from dataclasses import dataclass

from edgecors.policy import Policy


@dataclass
class OnePolicyStore:
    """A store of one policy for every site."""

    policy: Policy | None = None

    def get(self, site: str) -> Policy | None:
        """The policy of any site."""
        return self.policy
