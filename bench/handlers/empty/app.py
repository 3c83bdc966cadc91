"""Nothing: what the platform itself costs."""

from typing import Any


def handler(event: Any, context: Any) -> Any:
    return {"statusCode": 204}
