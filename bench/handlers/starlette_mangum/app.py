"""Starlette's CORSMiddleware behind Mangum. The list stands in the environment: it reads no Parameter Store."""

import os
from typing import Any

from mangum import Mangum
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

origins = os.environ["BENCH_ORIGINS"].split(",")
cors = Middleware(CORSMiddleware, allow_origins=origins, allow_methods=["PUT"], allow_headers=["*"])
mangum = Mangum(Starlette(middleware=[cors]), lifespan="off")


def handler(event: Any, context: Any) -> Any:
    return mangum(event, context)
