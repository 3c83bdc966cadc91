"""The gateway: a reverse proxy behind `cors`, for API Gateway, function URLs and load balancers.

``EDGECORS_UPSTREAM`` is the upstream's address, ``EDGECORS_SITE`` the name of the site whose policy applies. The
function does not start if a variable is missing or invalid; the error says what to set. All variables are in
docs/gateway.md.
"""

import os

from edgecors import cors
from edgecors.decorator import after_restore, shared
from proxy import Proxy
from secret import read_secret_header
from upstream import read_upstreams

_routes = read_upstreams(os.environ.get("EDGECORS_UPSTREAM"), os.environ.get("EDGECORS_UPSTREAMS", ""))
_secret = read_secret_header(os.environ, shared.telemetry)
_proxy = Proxy(_routes, shared.telemetry, site=os.environ.get("EDGECORS_SITE", ""), secret=_secret)

handler = cors(_proxy)

after_restore(_proxy.reset_after_restore)
_store = shared.store
# Read the policy before the first request. In a snapshot it would be old by then, and its connection dead.
if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
    _store.get(os.environ["EDGECORS_SITE"])
    if _secret is not None:
        _secret.value()
