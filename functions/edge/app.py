"""CloudFront's edge function. The distribution's set-up is chosen by the handler's name: an edge function has no
environment variables, so there is nothing else to choose by.
"""

from edgecors.edge import Edge
from edgecors.store import HOME_REGION, store_from_environment
from edgecors.telemetry import Telemetry

_telemetry = Telemetry()
_edge = Edge(store_from_environment(_telemetry, home=HOME_REGION, connect=True), _telemetry)

viewer_handler = _edge.viewer
origin_handler = _edge.origin
