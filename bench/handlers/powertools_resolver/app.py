"""Powertools: the list by its parameters utility, which reads it again when it is old; CORS by its resolver."""

import os
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig
from aws_lambda_powertools.utilities import parameters


def read() -> str:
    value: str = parameters.get_parameter(os.environ["BENCH_PARAMETER"], max_age=int(os.environ["BENCH_MAX_AGE"]))
    return value


def resolver(value: str) -> APIGatewayRestResolver:
    first, *others = value.split(",")
    app = APIGatewayRestResolver(cors=CORSConfig(allow_origin=first, extra_origins=others, allow_credentials=True))

    @app.get("/api/items/<number>")
    def item(number: str) -> dict[str, str]:
        return {"number": number}

    return app


value = read()
app = resolver(value)


def handler(event: Any, context: Any) -> Any:
    global value, app
    current = read()
    if current != value:
        value, app = current, resolver(current)
    return app.resolve(event, context)
