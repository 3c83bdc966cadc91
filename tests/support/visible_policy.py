"""What CloudFront Functions find in a KeyValueStore, whatever was written to it and how far it has propagated."""

import json
from collections.abc import Mapping

from edgecors_admin.key_value_store import pointer_keys
from edgecors_admin.store_plan import Pointer, read_pointer


def visible_policy(content: Mapping[str, str], site: str) -> Pointer | None:
    """The policy that the functions find: the first pointer that loads whole, with all its buckets. None for none."""
    for key in pointer_keys(site):
        pointer = read_pointer(content.get(key))
        if pointer is not None and _is_whole(content, site, pointer):
            return pointer
    return None


def _is_whole(content: Mapping[str, str], site: str, pointer: Pointer) -> bool:
    prefix = f"{site}/{pointer.version}/"
    policy = pointer.policy
    if isinstance(policy, int):
        parts = [content.get(f"{prefix}p{number}") for number in range(policy)]
        if None in parts:
            return False
        policy = json.loads("".join(part or "" for part in parts))
    return all(f"{prefix}{number}" in content for number in range(policy[1]))
