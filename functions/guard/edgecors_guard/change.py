"""The parameter that an event is about. Nothing else of an event is used: it may be late, repeated or reordered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, get_args

from edgecors.allowlist import is_name
from edgecors_admin.parameter_store import Kind

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes import EventBridgeEvent

KINDS: tuple[Kind, ...] = get_args(Kind)

SLACK = timedelta(seconds=60)
"""By how much an event's time may be later than the change. Events have whole seconds, Parameter Store fractions."""


@dataclass(frozen=True)
class Change:
    """A parameter that was written or deleted.

    Attributes:
        name: the parameter's full name.
        kind: ``sites``, ``lists`` or ``aliases``.
        short_name: the name of the site, list or alias.
        time: when it happened, according to the event; None where the event does not say.
    """

    name: str
    kind: Kind
    short_name: str
    time: datetime | None = None

    def may_be_about(self, modified: datetime | None) -> bool:
        """Whether the event can be about a version of this date, or about an earlier version that was replaced."""
        return self.time is None or modified is None or modified >= self.time - SLACK

    def is_before(self, modified: datetime | None) -> bool:
        """Whether the event is certainly about something before a version of this date."""
        return self.time is not None and modified is not None and self.time < modified.replace(microsecond=0)


def read_change(event: EventBridgeEvent, root: str, region: str) -> Change | str:
    """The change that an event reports, or the reason why the guard ignores the event."""
    if event.source != "aws.ssm" or event.detail_type != "Parameter Store Change":
        return "not a parameter change"
    if event.region != region:
        return "not in the home Region"
    name = str(event.detail.get("name", ""))
    if not name.startswith(f"{root}/"):
        return "not below the root"
    folder, _, short_name = name[len(root) + 1 :].partition("/")
    kind = next((kind for kind in KINDS if kind == folder), None)
    if kind is None or not is_name(short_name):
        return "not a site, list or alias"
    return Change(name, kind, short_name, _time(event.get("time")))


def _time(text: object) -> datetime | None:
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
