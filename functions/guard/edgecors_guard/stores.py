"""CloudFront KeyValueStores: the policies that CloudFront Functions read.

A store is brought up to date from the home Region's state, never from an event; `edgecors_admin.store_plan` has the
order of writes. If anything else was written meanwhile, the store refuses the request, and the guard reads the home
Region and plans again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgecors.allowlist import Allowlist, read_list
from edgecors.document import load_policy, read_document
from edgecors_admin.account import aws_errors
from edgecors_admin.errors import AwsError
from edgecors_admin.key_value_store import CompiledPolicy, PolicyTooLargeError, compile_policy, pointer_keys
from edgecors_admin.store_client import KeyValueStore, StoreConflictError
from edgecors_admin.store_plan import StorePlan, read_pointer

from . import revert
from .home import site_of_alias
from .review import review

if TYPE_CHECKING:
    from edgecors.document import Document
    from edgecors.findings import Finding
    from edgecors_admin.parameter_store import Kind, Stored

    from .home import HomeParameters


_UNREADABLE = ("AccessDeniedException", "InvalidKeyId", "KMSInvalidStateException", "NotFoundException")
"""Error codes for a SecureString whose key the guard may not use, or whose key is disabled or deleted."""


@dataclass(frozen=True)
class StorePolicy:
    """The policy that a store should have for a distribution.

    Attributes:
        compiled: None to keep what the store has: no valid version is known, or it is too large.
        too_large: why the functions can't hold the policy, or not with all its lists.
        left_out: the lists that were left out because of that.
    """

    compiled: CompiledPolicy | None
    too_large: tuple[Finding, ...] = ()
    left_out: tuple[str, ...] = ()


def find_policy(home: HomeParameters, distribution: str, sequence: int = 1) -> StorePolicy:
    """The policy of a distribution: its own site's, or that of the site which its alias names.

    Args:
        home: the home Region's parameters.
        distribution: its id.
        sequence: the number that its pointers get.

    Raises:
        AwsError: the site or a list could not be read for now.
    """
    exists, site = _good(home, "sites", distribution)
    if not exists:
        has_alias, alias = _good(home, "aliases", distribution)
        if has_alias and alias is None:
            return StorePolicy(None)
        if alias is not None:
            exists, site = _good(home, "sites", site_of_alias(alias))
    if not exists:
        # A deleted policy allows nobody.
        return StorePolicy(compile_policy(load_policy(""), distribution, sequence))
    return StorePolicy(None) if site is None else _compile(read_document(site.value), home, distribution, sequence)


def _good(home: HomeParameters, kind: Kind, name: str) -> tuple[bool, Stored | None]:
    """Whether a parameter exists, and its valid version: the current one or the last good one."""
    history = home.history_of(kind, name)
    if history is None:
        return False, None
    return True, history.current if review(kind, history.current).valid else revert.last_good(kind, history)


def _compile(document: Document, home: HomeParameters, distribution: str, sequence: int) -> StorePolicy:
    lists: dict[str, Allowlist | None] = {name: _read_list(home, name) for name in document.lists}
    too_large: tuple[Finding, ...] = ()
    left_out: list[str] = []
    while True:
        try:
            compiled = compile_policy(document.compile(lists), distribution, sequence)
        except PolicyTooLargeError as error:
            # One owner's list must not keep the other owners' changes from arriving.
            names = [] if too_large else _too_large_alone(document, lists, distribution)
            too_large = too_large or error.findings
            names = names or _largest(lists)
            if not names:
                return StorePolicy(None, too_large)
            lists |= dict.fromkeys(names)
            left_out += names
            continue
        return StorePolicy(compiled, too_large, tuple(left_out))


def _too_large_alone(document: Document, lists: Mapping[str, Allowlist | None], distribution: str) -> list[str]:
    """The lists that the functions can't hold even without the other lists, such as one with a host on many ports."""
    names = []
    for name, list_ in lists.items():
        if list_ is not None:
            try:
                compile_policy(document.compile({**dict.fromkeys(lists), name: list_}), distribution)
            except PolicyTooLargeError:
                names.append(name)
    return names


def _read_list(home: HomeParameters, name: str) -> Allowlist | None:
    """A list's entries, of its last good version where the current one is invalid; None for no such list."""
    try:
        _, list_ = _good(home, "lists", name)
    except AwsError as error:
        if error.code in _UNREADABLE:
            return None
        raise
    return None if list_ is None else read_list(name, list_.value)


def _largest(lists: Mapping[str, Allowlist | None]) -> list[str]:
    """The name of the largest list that is not empty; none if all are."""
    sizes = {name: len(list_.index) for name, list_ in lists.items() if list_ is not None and len(list_.index)}
    return [max(sizes, key=lambda name: sizes[name])] if sizes else []


class _NoPolicyError(Exception):
    """The store keeps what it has."""


def update_store(
    client: Any, arn: str, distribution: str, find: Callable[[int], StorePolicy], now: float
) -> tuple[StorePlan | None, StorePolicy]:
    """Do the next step that a distribution's part of a store needs.

    Args:
        client: of ``cloudfront-keyvaluestore``.
        arn: the store's.
        distribution: whose keys are written.
        find: reads the distribution's policy from the home Region, for a sequence number.
        now: seconds since 1970.

    Returns:
        What was done, None where the store keeps what it has; and the policy that it was done for.

    Raises:
        AwsError: a request failed, the store kept changing, or it is too early for a change.
    """
    result = StorePolicy(None)

    def compile_now(sequence: int) -> CompiledPolicy:
        nonlocal result
        result = find(sequence)
        if result.compiled is None:
            raise _NoPolicyError
        return result.compiled

    store = KeyValueStore(client, arn)
    with aws_errors():
        try:
            plan = store.bring_up_to_date(distribution, compile_now, int(now))
        except _NoPolicyError:
            return None, result
        except StoreConflictError as error:
            raise AwsError(f"The store {arn} keeps changing.", "store keeps changing") from error
        if plan.step == "none" and plan.wait_seconds and not _is_published(store, result.compiled):
            message = f"The store was changed recently. The policy can be written in {plan.wait_seconds} seconds."
            raise AwsError(message, "changed just now")
    return plan, result


def _is_published(store: KeyValueStore, compiled: CompiledPolicy | None) -> bool:
    """Whether the first pointer names the policy."""
    if compiled is None:
        return True
    content, _ = store.read(compiled.site)
    wanted = read_pointer(compiled.pointer)
    return wanted is not None and wanted.names_the_same(read_pointer(content.get(pointer_keys(compiled.site)[0])))
