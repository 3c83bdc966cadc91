"""CloudFront's edge function. The distribution's set-up is chosen by the handler's name: an edge function has no
environment variables, so there is nothing else to choose by.
"""

from edgecors.aws.parameters import HOME_REGION, connect, readers_from_environment

# Before the rest is imported, which takes as long as a round trip to a near Region.
_readers = readers_from_environment(home=HOME_REGION)
connect(_readers)

from edgecors.edge import Edge  # noqa: E402
from edgecors.site_reader import DEADLINE_WARM  # noqa: E402
from edgecors.store import store_from_environment  # noqa: E402
from edgecors.telemetry import Telemetry  # noqa: E402

connect(_readers, DEADLINE_WARM)
_telemetry = Telemetry()
_edge = Edge(store_from_environment(_telemetry, readers=_readers), _telemetry)

viewer_handler = _edge.viewer
origin_handler = _edge.origin
