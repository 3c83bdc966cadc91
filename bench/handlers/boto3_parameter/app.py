"""One GetParameter with boto3, and one origin looked up in it."""

import os
from typing import Any

import boto3

client = boto3.client("ssm")
value = client.get_parameter(Name=os.environ["BENCH_PARAMETER"])["Parameter"]["Value"]
allowed = frozenset(value.split(","))


def handler(event: Any, context: Any) -> Any:
    headers = {name.lower(): value for name, value in event["headers"].items()}
    if headers["origin"] not in allowed:
        return {"statusCode": 403}
    return {"statusCode": 204, "headers": {"Access-Control-Allow-Origin": headers["origin"]}}
