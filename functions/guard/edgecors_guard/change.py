"""Which parameter an event is about. Nothing else of an event counts: it may be late, repeated or overtaken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from edgecors.allowlist import is_name

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes import EventBridgeEvent

SITES = "sites"
LISTS = "lists"

SLACK = timedelta(seconds=60)
"""How much later than the change itself an event's time may be. Events tell whole seconds, Parameter Store less."""


@dataclass(frozen=True)
class Change:
    """A parameter that was written or deleted.

    Attributes:
        name: the parameter's full name.
        kind: ``sites`` or ``lists``.
        short: the site's or the list's name.
        time: when it happened, as the event says; None when it does not.
    """

    name: str
    kind: str
    short: str
    time: datetime | None = None

    def reports(self, modified: datetime) -> bool:
        """Whether the event can be about a version of this date, or one before it that was seen too late."""
        return self.time is None or modified >= self.time - SLACK

    def precedes(self, modified: datetime) -> bool:
        """Whether the event is surely about something before a version of this date."""
        return self.time is not None and self.time < modified.replace(microsecond=0)


def read_change(event: EventBridgeEvent, root: str, region: str) -> Change | str:
    """What the event is about, or why it is none of the guard's business."""
    if event.source != "aws.ssm" or event.detail_type != "Parameter Store Change":
        return "not a change of a parameter"
    if event.region != region:
        return "not of the home Region"
    name = str(event.detail.get("name", ""))
    if not name.startswith(f"{root}/"):
        return "not below the root"
    kind, _, short = name[len(root) + 1 :].partition("/")
    if kind not in (SITES, LISTS) or not is_name(short):
        return "neither a site nor a list"
    return Change(name, kind, short, _time(event.get("time")))


def _time(text: object) -> datetime | None:
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
