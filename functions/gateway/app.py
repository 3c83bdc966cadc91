"""The gateway: a reverse proxy with CORS before it, behind API Gateway, a function URL or a load balancer.

``EDGECORS_UPSTREAM`` says where to, ``EDGECORS_SITE`` whose policy holds. Either missing or wrong stops the function at
its start, with a sentence that says so.
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
# The first request finds the policy there. A snapshot's would be old by then, and its connection dead.
if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
    _store.get(os.environ["EDGECORS_SITE"])
