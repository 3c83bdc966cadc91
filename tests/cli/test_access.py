"""Who gains and who loses by a change."""

import json
from typing import Any

import pytest
from edgecors_admin.access import compare

A, B = "https://a.example.com", "https://b.example.com"

DELETED = "everywhere: nobody is allowed; the upstream's own CORS headers are removed"


def policy(*rules: dict[str, Any], **site: Any) -> str:
    return json.dumps({"rules": rules, **site})


@pytest.mark.parametrize(
    ("old", "new", "gained", "lost", "changed"),
    [
        (A, A, [], [], []),
        (A, f"{A},{B}", [(B, "/*")], [], []),
        (f"{A},{B}", A, [], [(B, "/*")], []),
        (A, "https://*.example.com", [("https://*.example.com", "/*")], [], []),
        ("https://*.example.com", A, [], [("https://*.example.com", "/*")], []),
        (A, "*", [("everyone", "/*")], [], []),
        ("*", A, [], [("everyone else", "/*")], []),
        (
            A,
            "{",
            [],
            [(A, "/*")],
            ["the policy after the change is rejected: running containers keep the last good one, new ones have none"],
        ),
        (
            "{",
            A,
            [(A, "/*")],
            [],
            ["the policy before the change is rejected: running containers keep the last good one, new ones have none"],
        ),
        (
            None,
            f'{{"mode": "shadow", "rules": [{{"allow_origins": ["{A}"]}}]}}',
            [(A, "/*")],
            [],
            [
                "/*: managed; the upstream's own CORS headers are removed",
                "mode: shadow, so none of this takes effect yet: the upstream's own CORS headers are kept",
            ],
        ),
        (None, A, [(A, "/*")], [], ["/*: managed; the upstream's own CORS headers are removed"]),
        ("", A, [(A, "/*")], [], ["/*: managed; the upstream's own CORS headers are removed"]),
        (
            None,
            policy({"paths": ["/x/*"], "allow_origins": [A]}),
            [(A, "/x/*")],
            [],
            [
                "/x/*: managed; the upstream's own CORS headers are removed",
                "everything else: not managed; the upstream's own CORS headers are kept",
            ],
        ),
        (
            policy({"allow_origins": [A]}),
            policy({"paths": ["/x/*"], "allow_origins": [A]}),
            [],
            [(A, "/*")],
            ["/*: no longer managed; the upstream's own CORS headers are kept"],
        ),
        (
            policy({"paths": ["/x/*"], "allow_origins": [A]}),
            policy({"allow_origins": [A]}),
            [(A, "/*")],
            [],
            ["/*: managed from now on; the upstream's own CORS headers are removed"],
        ),
        # A deleted parameter is an answer, and nobody is allowed: on every path, also on those without a rule.
        (A, None, [], [(A, "/*")], [DELETED]),
        ("*", None, [], [("everyone else", "/*")], [DELETED]),
        (policy({"paths": ["/x/*"], "allow_origins": [A]}, mode="shadow"), None, [], [(A, "/x/*")], [DELETED]),
        (
            "{",
            None,
            [],
            [],
            [
                "the policy before the change is rejected: running containers keep the last good one, "
                "new ones have none",
                DELETED,
            ],
        ),
        (None, None, [], [], []),
        (
            A,
            policy({"allow_origins": [A], "allow_credentials": True, "max_age": 5}),
            [],
            [],
            ["/*: allow_credentials off -> on", "/*: max_age 7200 -> 5"],
        ),
        (
            policy({"paths": ["/x/*"], "allow_origins": [B]}, {"allow_origins": [A]}),
            policy({"allow_origins": [A]}),
            [(A, "/x/*")],
            [(B, "/x/*")],
            [],
        ),
        (
            policy({"hosts": ["h.example"], "allow_origins": [A]}),
            policy({"hosts": ["h.example"], "allow_origins": [A]}, mode="shadow"),
            [],
            [],
            ["mode: shadow, so nothing is answered or changed"],
        ),
    ],
)
def test_difference(
    old: str | None, new: str | None, gained: list[tuple[str, str]], lost: list[tuple[str, str]], changed: list[str]
) -> None:
    difference = compare(old, new)
    assert (list(difference.gained), list(difference.lost), list(difference.changed)) == (gained, lost, changed)
    assert bool(difference) is bool(gained or lost or changed)


def test_a_rejected_policy_that_stays_as_it_is_makes_no_difference() -> None:
    text = '{"rules": [{"allow_origins": ["@p"], "nonsense": 1}]}'
    assert not compare(text, text, {"p": A, "q": A}, {"p": A, "q": None})
    assert compare(text, text, {"p": A}, {"p": None}).changed
    assert compare(text, f"{text} ", {}, {}).changed


def test_a_list_makes_the_difference() -> None:
    difference = compare("@p", "@p", {"p": A}, {"p": f"{A} {B}"})
    assert difference.gained == ((B, "/*"),)
