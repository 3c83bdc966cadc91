"""SecureStrings whose KMS key a caller may not use, which moto does not know."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from botocore.exceptions import ClientError


def lock(client: Any, names: Collection[str]) -> None:
    """Make a client's reads that decrypt one of these parameters fail as a whole, as Parameter Store's do."""

    def refuse(parsed: dict[str, Any], model: Any, **_: object) -> None:
        # moto keeps no keys; what it did not decrypt starts with kms:.
        items = [*parsed.get("Parameters", ()), *([parsed["Parameter"]] if "Parameter" in parsed else ())]
        if any(item["Name"] in names and not item.get("Value", "kms:").startswith("kms:") for item in items):
            error: Any = {"Error": {"Code": "AccessDeniedException", "Message": "The ciphertext refers to a key"}}
            raise ClientError(error, model.name)

    client.meta.events.register("after-call.ssm", refuse)
