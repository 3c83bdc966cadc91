"""The guard's Lambda function.

It handles "Parameter Store Change" events of the home Region, its own queue of second invalidations, and a schedule's
``{"edgecors": "check-regions"}``. ``EDGECORS_*`` variables are its settings (see ``edgecors_guard.settings``),
``POWERTOOLS_*`` variables configure logs and metrics.
"""

from __future__ import annotations

import os
import sys
from typing import Any

if os.environ.get("EDGECORS_KEY_VALUE_STORES"):
    # botocore imports awscrt where it finds it. That takes memory, and only KeyValueStores need it.
    sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "native", os.uname().machine))

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.data_classes import EventBridgeEvent, SQSEvent
from edgecors_guard.change import Change, read_change
from edgecors_guard.clients import Clients
from edgecors_guard.guard import Guard
from edgecors_guard.invalidation import Later
from edgecors_guard.regions import check_regions
from edgecors_guard.settings import Settings

SERVICE = "edgecors-guard"

_settings = Settings.from_environment(os.environ)
_logger = Logger(service=os.environ.get("POWERTOOLS_SERVICE_NAME", SERVICE))
_metrics = Metrics(
    namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "edgecors"),
    service=os.environ.get("POWERTOOLS_SERVICE_NAME", SERVICE),
)
_guard = Guard(_settings, Clients(_settings.region, _settings.root), _logger, _metrics)


@_logger.inject_lambda_context(clear_state=True)
@_metrics.log_metrics
def handler(event: dict[str, Any], context: object) -> None:
    """Handle one event. An exception makes Lambda deliver the event again, and finally to the dead-letter queue."""
    _metrics.add_metric(name="Events", unit="Count", value=1)
    if "Records" in event:
        _guard.invalidate_later([Later.from_json(record.body) for record in SQSEvent(event).records])
        return
    if event.get("edgecors") == "check-regions":
        check_regions(_guard)
        return
    change = read_change(EventBridgeEvent(event), _settings.root, _settings.region)
    if isinstance(change, Change):
        _guard.handle_change(change)
    else:
        _logger.info("nothing to do", reason=change)
