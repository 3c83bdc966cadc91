"""What to write to a KeyValueStore so that no request ever sees a mixture of two policies, or none. Pure.

The functions read the first pointer, and the second one only when the first, or a key below it, is missing: AWS says
nothing of the order in which an edge location sees written keys, and a key that changes may be missing for a while. So:

1. Publish: the keys of the new version, then the first pointer. The second pointer still names the version before.
2. Settle, after `SETTLE_SECONDS`: the second pointer follows. The first one has not changed for long.
3. Clean, after `SETTLE_SECONDS` more: keys that neither pointer names are deleted.

A run that stops anywhere leaves a store that the next run goes on from. A pointer's sequence number is the time of its
write in seconds, so that nothing else has to be remembered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgecors_admin.key_value_store import FORMAT, CompiledPolicy, pointer_keys

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html
MAX_BATCH_KEYS = 50
"""Keys of one UpdateKeys call. Its limit of 3 MB is out of reach: fifty keys have at most 512 + 1024 bytes each."""
SETTLE_SECONDS = 600
"""How long a written pointer is left alone, far longer than any measured propagation (half a minute)."""
PROPAGATION_SECONDS = 60
"""How long a publication waits for the second pointer, so that both pointers are never on their way together."""


@dataclass(frozen=True)
class Batch:
    """One UpdateKeys call: all of it happens, or nothing."""

    puts: Mapping[str, str] = field(default_factory=dict)
    deletes: tuple[str, ...] = ()


@dataclass(frozen=True)
class StorePlan:
    """The next writes.

    Attributes:
        step: ``publish``, ``settle``, ``clean``, or ``none``.
        batches: in order; each needs the store's ETag after the one before.
        wait_seconds: when to plan again because something is left to do; 0 for never.
    """

    step: str
    batches: tuple[Batch, ...] = ()
    wait_seconds: int = 0


@dataclass(frozen=True)
class Pointer:
    """A pointer's value, decoded."""

    sequence: int
    version: str
    policy: Any

    def names_the_same(self, other: Pointer | None) -> bool:
        """Whether both name the same policy, whenever they were written."""
        return other is not None and (self.version, self.policy) == (other.version, other.policy)


def read_pointer(value: str | None) -> Pointer | None:
    """Decode a pointer; None for an absent one, another format's, or anything else."""
    try:
        number, sequence, version, policy = json.loads(value or "")
    except (ValueError, TypeError):
        return None
    if number != FORMAT or type(sequence) is not int or not isinstance(version, str):
        return None
    return Pointer(sequence, version, policy)


def next_sequence(content: Mapping[str, str], site: str, now: int) -> int:
    """The sequence number for a publication at this time: never lower than one that was written before."""
    pointers = (read_pointer(content.get(key)) for key in pointer_keys(site))
    return max([now, *(pointer.sequence + 1 for pointer in pointers if pointer is not None)])


def plan_writes(content: Mapping[str, str], policy: CompiledPolicy, now: int) -> StorePlan:
    """The next step for a site.

    Args:
        content: the store's keys of the site (`edgecors_admin.store_client` reads them); other keys are ignored.
        policy: compiled from what Parameter Store holds now, with the sequence number of `next_sequence`.
        now: seconds since 1970.
    """
    first_key, second_key = pointer_keys(policy.site)
    first, second = read_pointer(content.get(first_key)), read_pointer(content.get(second_key))
    wanted = read_pointer(policy.pointer)
    assert wanted is not None
    is_whole = all(content.get(key) == value for key, value in policy.keys.items())
    if not (wanted.names_the_same(first) and is_whole):
        # While the second pointer is on its way, the first one has to stay. Without a first pointer nothing is lost.
        wait = 0 if first is None else _wait(now, PROPAGATION_SECONDS, second)
        return StorePlan("none", (), wait) if wait > 0 else _publish(content, policy, second)
    assert first is not None
    if second is None or not second.names_the_same(first):
        wait = 0 if second is None else _wait(now, SETTLE_SECONDS, first)
        if wait > 0:
            return StorePlan("none", (), wait)
        sequence = next_sequence(content, policy.site, now)
        return StorePlan("settle", (Batch({second_key: _with_sequence(policy.pointer, sequence)}),), SETTLE_SECONDS)
    named = {first_key, second_key, *policy.keys}
    unused = sorted(key for key in content if key.startswith(f"{policy.site}/") and key not in named)
    if not unused:
        return StorePlan("none")
    wait = _wait(now, SETTLE_SECONDS, first, second)
    return StorePlan("none", (), wait) if wait > 0 else StorePlan("clean", tuple(_batches({}, unused)))


def _wait(now: int, seconds: int, *pointers: Pointer | None) -> int:
    """Seconds until all of the pointers are so old. One from the future says nothing about when it was written."""
    written = [pointer.sequence for pointer in pointers if pointer is not None and pointer.sequence <= now]
    return max([0, *(time + seconds - now for time in written)])


def _publish(content: Mapping[str, str], policy: CompiledPolicy, second: Pointer | None) -> StorePlan:
    first_key, second_key = pointer_keys(policy.site)
    missing = {key: value for key, value in policy.keys.items() if content.get(key) != value}
    pointers = {first_key: policy.pointer}
    if second is None:
        pointers[second_key] = policy.pointer
    return StorePlan("publish", (*_batches(missing, ()), Batch(pointers)), SETTLE_SECONDS)


def _with_sequence(pointer: str, sequence: int) -> str:
    number, _, version, policy = json.loads(pointer)
    return json.dumps([number, sequence, version, policy], separators=(",", ":"))


def _batches(puts: Mapping[str, str], deletes: tuple[str, ...] | list[str]) -> list[Batch]:
    """As few batches as AWS's limits allow."""
    keys = list(puts)
    batches = [
        Batch({key: puts[key] for key in keys[start : start + MAX_BATCH_KEYS]})
        for start in range(0, len(keys), MAX_BATCH_KEYS)
    ]
    batches += [
        Batch({}, tuple(deletes[start : start + MAX_BATCH_KEYS])) for start in range(0, len(deletes), MAX_BATCH_KEYS)
    ]
    return batches
