"""The gateway's program. Its modules are top-level ones in its artifact, so they are imported as such here."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "functions" / "gateway"))

from proxy import Proxy, UpstreamRequest, UpstreamResponse
from upstream import UpstreamRoutes, read_upstreams

__all__ = ["Proxy", "UpstreamRequest", "UpstreamResponse", "UpstreamRoutes", "read_upstreams"]
