"""The guard's settings, read from environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """The guard's settings; see ``GuardFunction`` in template.yaml.

    Attributes:
        region: the home Region, where the parameters are edited and where the guard runs.
        root: the path of the parameters, such as ``/edgecors``.
        replicas: Regions that good values are copied to, without the home Region.
        auto_revert: whether the guard writes the last good version over an invalid one.
        topic: ARN of the SNS topic for notices; empty for none.
        distributions: ids of the distributions that use the policies.
        invalidates: whether cached responses depend on the policies (origin set-up), so that a change must
            invalidate them.
        later: URL of the queue of second invalidations; empty for none.
        edge_log_groups: names of the edge functions' log groups, which exist in each Region that runs them.
        log_retention_days: the retention that these log groups get; 0 leaves them alone.
    """

    region: str
    root: str = "/edgecors"
    replicas: tuple[str, ...] = ()
    auto_revert: bool = False
    topic: str = ""
    distributions: tuple[str, ...] = ()
    invalidates: bool = False
    later: str = ""
    edge_log_groups: tuple[str, ...] = ()
    log_retention_days: int = 0

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings from environment variables.

        Raises:
            KeyError: ``AWS_REGION`` is missing, which Lambda always sets.
        """
        region = environ["AWS_REGION"]
        replicas = _names(environ.get("EDGECORS_REPLICA_REGIONS", ""))
        return cls(
            region=region,
            root=environ.get("EDGECORS_ROOT") or "/edgecors",
            replicas=tuple(name for name in replicas if name not in (region, "none")),
            auto_revert=environ.get("EDGECORS_AUTO_REVERT", "").lower() == "true",
            topic=environ.get("EDGECORS_TOPIC_ARN", ""),
            distributions=_names(environ.get("EDGECORS_DISTRIBUTION_IDS", "")),
            # In the other set-ups headers are added after the cache.
            invalidates=environ.get("EDGECORS_EDGE_SETUP", "") == "origin",
            later=environ.get("EDGECORS_INVALIDATION_QUEUE_URL", ""),
            edge_log_groups=_names(environ.get("EDGECORS_EDGE_LOG_GROUPS", "")),
            log_retention_days=int(environ.get("EDGECORS_LOG_RETENTION_DAYS") or 0),
        )


def _names(text: str) -> tuple[str, ...]:
    """The distinct names of a comma-separated list."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
