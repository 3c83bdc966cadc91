"""What the guard is told by its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """The guard's settings; see ``GuardFunction`` in template.yaml.

    Attributes:
        region: the home Region, where lists are edited and where the guard runs.
        root: where the parameters are, such as ``/edgecors``.
        replicas: Regions that good values are copied to, the home Region not among them.
        auto_revert: whether the last good version is put back over an invalid one.
        topic: ARN of the SNS topic that people are told through; empty for none.
        distribution: id of the distribution to invalidate; empty where nothing is to be invalidated.
        later: URL of the queue for what is to be invalidated once more; empty for none.
    """

    region: str
    root: str = "/edgecors"
    replicas: tuple[str, ...] = ()
    auto_revert: bool = False
    topic: str = ""
    distribution: str = ""
    later: str = ""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """The settings of these variables. Raises KeyError without ``AWS_REGION``, which Lambda always sets."""
        region = environ["AWS_REGION"]
        names = (name.strip() for name in environ.get("EDGECORS_REPLICA_REGIONS", "").split(","))
        # In the viewer set-up nothing in the cache depends on the list.
        cached = environ.get("EDGECORS_EDGE_SETUP", "") == "origin"
        return cls(
            region=region,
            root=environ.get("EDGECORS_ROOT") or "/edgecors",
            replicas=tuple(dict.fromkeys(name for name in names if name and name != region)),
            auto_revert=environ.get("EDGECORS_AUTO_REVERT", "").lower() == "true",
            topic=environ.get("EDGECORS_TOPIC_ARN", ""),
            distribution=environ.get("EDGECORS_DISTRIBUTION_ID", "") if cached else "",
            later=environ.get("EDGECORS_INVALIDATION_QUEUE_URL", ""),
        )
