"""The options of a local edge, and the running local edge."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgecors_local import policy_source
from edgecors_local.front import Front
from edgecors_local.front_names import FRONTS

PAGE_PORT: Final = 8081
"""Where the playground is, unless that is taken."""


@dataclass(frozen=True, slots=True)
class LocalPlan:
    """What was asked for. Where there is no ``upstream``, the demonstration's; where there is neither ``policy`` nor
    ``site``, the demonstration's policy.
    """

    front: str = FRONTS[0]
    port: int = 8080
    upstream: str | None = None
    policy: Path | None = None
    site: str | None = None
    unkeyed: tuple[str, ...] = ()
    """Headers left out of the cache key by mistake, to see what comes of it."""
    stage: str | None = None
    """The API's stage; None for the front's default."""
    runtime: bool = False
    """Whether built artifacts run in Lambda's runtime emulator, instead of the handler in this process."""
    page_port: int | None = None
    """The playground's port; None for `PAGE_PORT`, or any free one where that is taken."""


@dataclass(frozen=True, slots=True)
class Running:
    """A local edge that answers."""

    plan: LocalPlan
    port: int
    front: Front
    upstream_url: str
    source: policy_source.Source
    page_port: int

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://localhost:{self.port}"

    @property
    def page(self) -> str:
        """The playground, on the origin that the demonstration's policy allows."""
        return f"http://app.localhost:{self.page_port}/"
