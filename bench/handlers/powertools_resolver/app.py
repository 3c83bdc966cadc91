"""Powertools: the list by its parameters utility, CORS by its resolver."""

import os
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig
from aws_lambda_powertools.utilities import parameters

origins = parameters.get_parameter(os.environ["BENCH_PARAMETER"], max_age=60).split(",")
app = APIGatewayRestResolver(
    cors=CORSConfig(allow_origin=origins[0], extra_origins=origins[1:], allow_credentials=True)
)


@app.get("/api/items/<number>")
def item(number: str) -> dict[str, str]:
    return {"number": number}


def handler(event: Any, context: Any) -> Any:
    return app.resolve(event, context)
