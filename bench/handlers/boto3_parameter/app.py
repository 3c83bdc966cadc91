"""One GetParameter with boto3, again when it is old, and one origin looked up in it."""

import os
import time
from typing import Any

import boto3

client = boto3.client("ssm")


def read() -> frozenset[str]:
    value: str = client.get_parameter(Name=os.environ["BENCH_PARAMETER"])["Parameter"]["Value"]
    return frozenset(value.split(","))


allowed, read_at = read(), time.time()


def handler(event: Any, context: Any) -> Any:
    global allowed, read_at
    if time.time() >= read_at + float(os.environ["BENCH_MAX_AGE"]):
        allowed, read_at = read(), time.time()
    headers = {name.lower(): value for name, value in event["headers"].items()}
    if headers["origin"] not in allowed:
        return {"statusCode": 403}
    return {"statusCode": 204, "headers": {"Access-Control-Allow-Origin": headers["origin"]}}
