"""CloudFront's cache in the ``origin`` set-up, where responses are kept with their CORS headers.

Edge functions hold a policy for ``refresh_seconds``, so a cache that is emptied when a list changes fills with old
answers again. It is therefore emptied twice: at once, and when nobody holds the old policy any more. The second time
waits in a queue.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgecors.document import PolicyError, load_policy
from edgecors.fields import DEFAULT_REFRESH_SECONDS

from .parameters import Version

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient

EVERYTHING = "/*"
MOST_DELAY = 900
"""Seconds that a message can wait in an SQS queue."""
MARGIN = 5
"""Seconds for the read itself, which comes when a policy is due."""


@dataclass(frozen=True)
class Later:
    """An invalidation that is still to come: its reference, and the time (seconds since 1970) when it is due."""

    reference: str
    due: float

    def to_json(self) -> str:
        """The message for the queue."""
        return json.dumps({"reference": self.reference, "due": self.due})

    @classmethod
    def from_json(cls, text: str) -> Later:
        """The message of the queue. Raises ValueError, KeyError or TypeError for what is none."""
        message = json.loads(text)
        return cls(str(message["reference"]), float(message["due"]))


def reference(name: str, version: Version | None, event: str) -> str:
    """What CloudFront tells a repeated request by: the same for the same write, however often its event comes.

    Numbers start again for a parameter that was deleted and made again, hence the date. A deletion has neither, so
    there the event's time is taken.
    """
    about = f"deleted {event}" if version is None else f"{version.number} {version.modified.isoformat()}"
    return "edgecors-" + hashlib.sha256(f"{name} {about}".encode()).hexdigest()[:40]


def refresh_seconds(versions: Iterable[Version]) -> int:
    """The longest time that one of these policies may be held by a function."""
    return max((_refresh_seconds(version.value) for version in versions), default=DEFAULT_REFRESH_SECONDS)


def _refresh_seconds(text: str) -> int:
    try:
        return load_policy(text).refresh_seconds
    except PolicyError:
        return DEFAULT_REFRESH_SECONDS


def invalidate(client: CloudFrontClient, distribution: str, reference: str) -> None:
    """Empties a distribution's cache; one that was emptied with the same reference is left as it is."""
    paths: Any = {"Quantity": 1, "Items": [EVERYTHING]}
    batch: Any = {"Paths": paths, "CallerReference": reference}
    client.create_invalidation(DistributionId=distribution, InvalidationBatch=batch)


def send(client: Any, queue: str, later: Later, now: float) -> None:
    """Puts an invalidation into the queue, or back into it, until it is due."""
    delay = min(MOST_DELAY, max(0, round(later.due - now)))
    client.send_message(QueueUrl=queue, MessageBody=later.to_json(), DelaySeconds=delay)
