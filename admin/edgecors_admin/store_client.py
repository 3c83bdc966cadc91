"""A CloudFront KeyValueStore over boto3: read a site's keys, and write a plan with ETags.

The service takes only signatures of version 4A: botocore needs the package ``awscrt`` for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from edgecors_admin.key_value_store import CompiledPolicy
from edgecors_admin.store_plan import Batch, StorePlan, next_sequence, plan_writes

if TYPE_CHECKING:
    from botocore.client import BaseClient

ATTEMPTS = 5
"""Times that a plan is made anew because somebody else wrote between reading and writing."""


class StoreConflictError(RuntimeError):
    """Others kept writing to the store."""


class KeyValueStore:
    """One store. ``client`` is boto3's ``cloudfront-keyvaluestore``."""

    def __init__(self, client: BaseClient, arn: str) -> None:
        self._client: Any = client
        self._arn = arn

    def read(self, site: str) -> tuple[dict[str, str], str]:
        """All keys of a site, and the store's ETag from before they were read."""
        etag = self._client.describe_key_value_store(KvsARN=self._arn)["ETag"]
        content: dict[str, str] = {}
        token: dict[str, str] = {}
        while True:
            page = self._client.list_keys(KvsARN=self._arn, MaxResults=50, **token)
            for item in page.get("Items") or ():
                if item["Key"].startswith(f"{site}/"):
                    content[item["Key"]] = item["Value"]
            if not page.get("NextToken"):
                return content, etag
            token = {"NextToken": page["NextToken"]}

    def write(self, batches: Iterable[Batch], etag: str) -> str:
        """Write batches one after the other; the store's last ETag.

        Raises:
            StoreConflictError: the store changed since the ETag. What was written before stays.
        """
        for batch in batches:
            try:
                answer = self._client.update_keys(
                    KvsARN=self._arn,
                    IfMatch=etag,
                    Puts=[{"Key": key, "Value": value} for key, value in batch.puts.items()],
                    Deletes=[{"Key": key} for key in batch.deletes],
                )
            except self._client.exceptions.ConflictException as error:
                raise StoreConflictError(str(error)) from None
            etag = answer["ETag"]
        return etag

    def bring_up_to_date(self, site: str, compile_now: Callable[[int], CompiledPolicy], now: int) -> StorePlan:
        """Do the next step for a site, as `edgecors_admin.store_plan` says.

        Args:
            site: the distribution id.
            compile_now: reads Parameter Store and compiles the policy with a sequence number. It is called again after
                a conflict, so that a late run writes what is true then, and not what was true when it started.
            now: seconds since 1970.

        Raises:
            StoreConflictError: the store changed `ATTEMPTS` times in between.
        """
        for attempt in range(1, ATTEMPTS + 1):
            content, etag = self.read(site)
            # Compiled after the store was read: whoever wrote the store later made the ETag stale.
            plan = plan_writes(content, compile_now(next_sequence(content, site, now)), now)
            try:
                self.write(plan.batches, etag)
            except StoreConflictError:
                if attempt == ATTEMPTS:
                    raise
                continue
            return plan
        raise AssertionError("unreachable")
