"""For tests of handlers that use edgecors: a store of policies without AWS.

def test_preflight():
    with fake_store({"shop": "https://app.example.com"}):
        response = handler(event, None)
"""

from __future__ import annotations

import json
from contextlib import contextmanager

from .decorator import shared
from .document import load_policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from .policy import Policy


class FakeStore:
    """A store of policies in memory, for `cors(store=...)`. A change applies to the next request.

    A site that is missing allows nobody, as in Parameter Store.

    Args:
        sites: The policy of each site: a plain list of origins, a JSON document, or a document as a dict.
        lists: The value of each list that the policies use as ``@name``.
    """

    def __init__(
        self, sites: Mapping[str, str | Mapping[str, Any]] | None = None, lists: Mapping[str, str] | None = None
    ) -> None:
        self.lists = dict(lists or {})
        self.available = True
        """Set it to False to test a handler before any policy could be loaded."""
        self._sites: dict[str, str] = {}
        for site, policy in (sites or {}).items():
            self.put(site, policy)

    def put(self, site: str, policy: str | Mapping[str, Any]) -> None:
        """Create or change a site's policy. Raises `edgecors.PolicyError` for an invalid one."""
        text = policy if isinstance(policy, str) else json.dumps(dict(policy))
        load_policy(text, self.lists)
        self._sites[site] = text

    def delete(self, site: str) -> None:
        """Remove a site's policy."""
        self._sites.pop(site, None)

    def get(self, site: str) -> Policy | None:
        """The policy of a site; None while `available` is False."""
        return load_policy(self._sites.get(site, ""), self.lists) if self.available else None


@contextmanager
def fake_store(
    sites: Mapping[str, str | Mapping[str, Any]] | None = None, lists: Mapping[str, str] | None = None
) -> Iterator[FakeStore]:
    """Let every handler of this process that has only a site read a `FakeStore` inside a ``with`` block."""
    store = FakeStore(sites, lists)
    previous = shared.replace_store(store)
    try:
        yield store
    finally:
        shared.replace_store(previous)
