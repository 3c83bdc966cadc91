"""The gateway: a reverse proxy behind `cors`, for API Gateway, function URLs and load balancers.

``EDGECORS_UPSTREAM`` is the upstream's address, ``EDGECORS_SITE`` the name of the site whose policy applies. The
function does not start if one of them is missing or invalid; the error says what to set.
"""

import os

from edgecors import cors
from edgecors.decorator import after_restore, shared
from proxy import Proxy
from upstream import read_upstream

_upstream = read_upstream(os.environ.get("EDGECORS_UPSTREAM"))
_proxy = Proxy(_upstream, shared.telemetry, site=os.environ.get("EDGECORS_SITE", ""))

handler = cors(_proxy)

after_restore(_proxy.reset_after_restore)
_store = shared.store
# Read the policy before the first request. In a snapshot it would be old by then, and its connection dead.
if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
    _store.get(os.environ["EDGECORS_SITE"])
