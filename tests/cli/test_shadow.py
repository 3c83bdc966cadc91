"""`shadow`: what would be refused, by rule, from the logs of all Regions."""

from __future__ import annotations

import pytest
from edgecors.document import load_policy
from edgecors_admin.denied import Refused
from edgecors_admin.shadow import shadow_report

from tests.cli.conftest import Command
from tests.cli.test_denied import EDGE, Logs, row

A, B = "https://a.example", "https://b.example"
POLICY = (
    '{"version": 1, "mode": "shadow", "rules": ['
    f'{{"paths": ["/api/*"], "allow_origins": ["{A}"], "allow_methods": ["GET", "PUT"], "allow_headers": ["x-a"]}},'
    f'{{"allow_origins": ["https://*.c.example"]}}]}}'
)


@pytest.mark.parametrize(
    ("refused", "allowed"),
    [
        (Refused(A, "origin-not-allowed", 0), True),
        (Refused(B, "origin-not-allowed", 0), False),
        (Refused(A, "origin-not-allowed", 1), False),
        (Refused("https://x.c.example", "origin-not-allowed", 1), True),
        (Refused(A, "origin-not-allowed", 7), False),
        (Refused(A, "origin-not-allowed", None), False),
        (Refused(A, "method-not-allowed", 0, request_method="PUT"), True),
        (Refused(A, "method-not-allowed", 0, request_method="DELETE"), False),
        (Refused(A, "headers-not-allowed", 0, request_method="GET", request_headers="x-a"), True),
        (Refused(A, "headers-not-allowed", 0, request_method="GET", request_headers="x-a,x-b"), False),
        (Refused(A, "headers-malformed", 0, request_method="GET", request_headers="x-a"), False),
    ],
)
def test_shadow_report_leaves_out_what_the_policy_allows_now(refused: Refused, allowed: bool) -> None:
    report = shadow_report(load_policy(POLICY), [refused])
    assert (report.allowed_since == (refused,), report.refused == (refused,)) == (allowed, not allowed)


@pytest.fixture
def logged(edgecors: Command, monkeypatch: pytest.MonkeyPatch) -> dict[str, Logs]:
    """Two Regions with logs; tests add rows."""
    regions = {"us-east-1": Logs([EDGE], []), "eu-west-1": Logs([EDGE], [])}
    monkeypatch.setattr("edgecors_admin.denied.POLL_SECONDS", 0)
    monkeypatch.setattr("edgecors_admin.account.Account.regions", lambda _: list(regions))
    monkeypatch.setattr("edgecors_admin.account.Account.logs", lambda _, region: regions[region])
    edgecors.put("sites/shop", POLICY)
    return regions


def test_shadow_groups_by_rule_with_the_line_that_would_allow_it(edgecors: Command, logged: dict[str, Logs]) -> None:
    logged["us-east-1"].rows = [
        row(B, 3),
        row("https://d.example", 1, rule="1"),
        row("https://x.c.example", 1, rule="1"),
    ]
    logged["eu-west-1"].rows = [row(B, 2), row(A, 1, reason="method-not-allowed", last_method="DELETE")]
    ran = edgecors("shadow", "shop")
    assert ran.status == 1
    last = "last 2026-11-22 10:00:00.000"
    assert ran.out.splitlines() == [
        "rules[0]  /api/*",
        f"  {B}  origin-not-allowed",
        f"    5 log lines, {last}, us-east-1, eu-west-1",
        f"    edgecors allow shop {B} --rule 0",
        f"  {A}  method-not-allowed",
        f"    1 log line, {last}, eu-west-1",
        "    allow_methods of rules[0] lacks 'DELETE'",
        "rules[1]  /*",
        "  https://d.example  origin-not-allowed",
        f"    1 log line, {last}, us-east-1",
        "    edgecors allow shop https://d.example --rule 1",
        "1 more were logged, but the policy allows them now.",
        "3 origins would have been refused within 1d.",
    ]


def test_shadow_json_has_paths_and_remedy(edgecors: Command, logged: dict[str, Logs]) -> None:
    logged["us-east-1"].rows = [row(B, 3)]
    assert edgecors.json("shadow", "shop")["refused"] == [
        {
            "origin": B,
            "rule": 0,
            "paths": ["/api/*"],
            "reason": "origin-not-allowed",
            "log_lines": 3,
            "last_seen": "2026-11-22 10:00:00.000",
            "regions": ["us-east-1"],
            "remedy": f"edgecors allow shop {B} --rule 0",
        }
    ]


def test_shadow_without_refusals_says_what_comes_next(edgecors: Command, logged: dict[str, Logs]) -> None:
    ran = edgecors("shadow", "shop", "--since", "1w")
    assert (ran.status, ran.out) == (
        0,
        "Nothing would have been refused within 1w.\nnext: edgecors mode shop enforce\n",
    )


@pytest.mark.parametrize(
    ("groups", "text"),
    [([], "No log group starts with /edgecors/"), ([EDGE], "1 Regions could not be queried (eu-west-1")],
)
def test_shadow_that_could_not_read_all_logs_is_not_clean(
    edgecors: Command, logged: dict[str, Logs], groups: list[str], text: str
) -> None:
    logged["us-east-1"].groups = logged["eu-west-1"].groups = groups
    logged["eu-west-1"].statuses = ["Failed"]
    ran = edgecors("shadow", "shop")
    assert ran.status == 1
    assert text in ran.out
    assert "edgecors mode" not in ran.out


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (A, "shop is not in shadow mode: refusals are enforced. See edgecors denied shop"),
        ('{"version": 1, "rules": 7}', "The policy of shop is rejected. Run edgecors lint shop."),
    ],
)
def test_shadow_of_site_that_is_not_in_shadow_mode_is_refused(edgecors: Command, value: str, message: str) -> None:
    edgecors.put("sites/shop", value)
    ran = edgecors("shadow", "shop")
    assert ran.status == 1
    assert message in ran.err
