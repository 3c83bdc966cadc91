"""CloudFront's cache in the origin set-up, where responses are cached with their CORS headers.

Edge functions use a policy for up to two refresh times, so a cache that is invalidated right after a change fills with
old responses again. It is therefore invalidated twice: at once, and when no function has the old policy any more. The
second invalidation waits in a queue.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgecors.document import PolicyError, load_policy
from edgecors.fields import DEFAULT_REFRESH_SECONDS, MAX_REFRESH_SECONDS
from edgecors_admin.account import aws_errors

if TYPE_CHECKING:
    from edgecors_admin.parameter_store import Stored
    from mypy_boto3_cloudfront import CloudFrontClient

MAX_DELAY = 900
"""Seconds that a message can wait in an SQS queue."""
REFRESHES = 2
"""A container sees a change within two refresh times."""
MARGIN = 5
"""Seconds for the read itself, which starts when a policy is due."""


@dataclass(frozen=True)
class Later:
    """A second invalidation: the distribution, its reference, and the time (seconds since 1970) when it is due."""

    distribution: str
    reference: str
    due: float

    def to_json(self) -> str:
        """The message for the queue."""
        return json.dumps({"distribution": self.distribution, "reference": self.reference, "due": self.due})

    @classmethod
    def from_json(cls, text: str) -> Later:
        """Read a message of the queue.

        Raises:
            ValueError, KeyError, TypeError: the message is not an invalidation.
        """
        message = json.loads(text)
        return cls(str(message["distribution"]), str(message["reference"]), float(message["due"]))


def reference_of(name: str, version: Stored | None, event: str) -> str:
    """The caller reference of an invalidation: the same for the same write, however often its event comes.

    Version numbers start again for a parameter that was deleted and created again, hence the date. A deletion has
    neither, so the event's time is used.
    """
    modified = version.modified.isoformat() if version is not None and version.modified is not None else ""
    write = f"deleted {event}" if version is None else f"{version.version} {modified}"
    return "edgecors-" + hashlib.sha256(f"{name} {write}".encode()).hexdigest()[:40]


def seconds_until_replaced(policies: Iterable[Stored]) -> int:
    """The longest time for which a function may still use one of these policies."""
    longest = max((_refresh_seconds(policy.value) for policy in policies), default=DEFAULT_REFRESH_SECONDS)
    return REFRESHES * longest + MARGIN


LONGEST_UNTIL_REPLACED = REFRESHES * MAX_REFRESH_SECONDS + MARGIN
"""Seconds until no function uses a policy that was deleted, whatever its refresh time was."""


def _refresh_seconds(text: str) -> int:
    try:
        return load_policy(text).refresh_seconds
    except PolicyError:
        return DEFAULT_REFRESH_SECONDS


def invalidate(client: CloudFrontClient, distribution: str, reference: str) -> None:
    """Invalidate a distribution's whole cache; CloudFront ignores a reference that it has seen before."""
    paths: Any = {"Quantity": 1, "Items": ["/*"]}
    batch: Any = {"Paths": paths, "CallerReference": reference}
    with aws_errors():
        client.create_invalidation(DistributionId=distribution, InvalidationBatch=batch)


def send(client: Any, queue: str, later: Later, now: float) -> None:
    """Put a second invalidation into the queue, or back into it, until it is due."""
    delay = min(MAX_DELAY, max(0, round(later.due - now)))
    with aws_errors():
        client.send_message(QueueUrl=queue, MessageBody=later.to_json(), DelaySeconds=delay)
