"""For tests of handlers that use edgecors: a store of policies without AWS.

def test_preflight():
    with fake_store({"shop": "https://app.example.com"}):
        answer = handler(event, None)
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
    """Policies by site, as `cors(store=...)` and `fake_store` take them; they count at once.

    A policy is what a parameter would hold: a plain list of origins, a JSON document, or the latter as a dict. As in
    Parameter Store, a site that is not there allows nobody.
    """

    def __init__(
        self, sites: Mapping[str, str | Mapping[str, Any]] | None = None, lists: Mapping[str, str] | None = None
    ) -> None:
        """``lists`` are the values of the lists that the policies use as ``@name``."""
        self.lists = dict(lists or {})
        self.available = True
        """Set it to False for a store that has not answered yet."""
        self._sites: dict[str, str] = {}
        for site, policy in (sites or {}).items():
            self.put(site, policy)

    def put(self, site: str, policy: str | Mapping[str, Any]) -> None:
        """Create or change a site's policy. Raises `edgecors.PolicyError` for a wrong one."""
        text = policy if isinstance(policy, str) else json.dumps(dict(policy))
        load_policy(text, self.lists)
        self._sites[site] = text

    def delete(self, site: str) -> None:
        """Remove a site's policy."""
        self._sites.pop(site, None)

    def get(self, site: str) -> Policy | None:
        """The policy of a site; None while nothing is available."""
        return load_policy(self._sites.get(site, ""), self.lists) if self.available else None


@contextmanager
def fake_store(
    sites: Mapping[str, str | Mapping[str, Any]] | None = None, lists: Mapping[str, str] | None = None
) -> Iterator[FakeStore]:
    """Have every handler of this process that names only a site read a `FakeStore` for a while."""
    store = FakeStore(sites, lists)
    before = shared.use(store)
    try:
        yield store
    finally:
        shared.use(before)
