"""The guard's settings, read from environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


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
        key_value_stores: the ARN of the KeyValueStore of each distribution that uses CloudFront Functions.
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
    key_value_stores: Mapping[str, str] = field(default_factory=dict)

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
            key_value_stores=_pairs(environ.get("EDGECORS_KEY_VALUE_STORES", "")),
        )


def _names(text: str) -> tuple[str, ...]:
    """The distinct names of a comma-separated list."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _pairs(text: str) -> dict[str, str]:
    """The pairs of a list such as ``E1=arn:aws:cloudfront::123456789012:key-value-store/a,E2=...``."""
    pairs = (pair.partition("=") for pair in _names(text))
    return {name: value for name, _, value in pairs if name and value}
