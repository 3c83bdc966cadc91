"""The fronts of one local edge: which one answers, and what a switch keeps and leaves out."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from edgecors_local.banner import how_to_allow
from edgecors_local.errors import LocalError
from edgecors_local.front_names import FRONTS
from edgecors_local.fronts import Fronts, Parts, plan_for
from edgecors_local.http import HttpRequest
from edgecors_local.plan import LocalPlan
from edgecors_local.policy_source import Source


def handler(event: Any, context: Any) -> Any:
    """Answers at every front: CloudFront's viewer-request, or a gateway."""
    if "Records" in event:
        return {"status": "200", "statusDescription": "OK", "headers": {}, "body": "cloudfront"}
    return {"statusCode": 200, "headers": {"content-type": "text/plain"}, "body": "gateway"}


def switched(plan: LocalPlan, *names: str) -> list[tuple[str, bytes]]:
    """The front and the body of an answer at first and after each switch."""

    async def run() -> list[tuple[str, bytes]]:
        async with AsyncExitStack() as stack:
            fronts = Fronts(Parts(plan, Source("demo", {}), "http://127.0.0.1:9", handler, lambda line: None, stack))
            stack.push_async_callback(fronts.close)
            answers = []
            for name in (plan.front, *names):
                await fronts.select(name)
                answers.append((fronts.name, (await fronts.handle(HttpRequest("GET", "/"))).response.body))
            return answers

    return asyncio.run(run())


def test_fronts_switch_lets_another_front_answer_and_goes_back() -> None:
    assert switched(LocalPlan(), "http-api", "cloudfront-viewer") == [
        ("cloudfront-viewer", b"cloudfront"),
        ("http-api", b"gateway"),
        ("cloudfront-viewer", b"cloudfront"),
    ]


def test_fronts_switch_that_fails_keeps_the_front(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> str:
        async with AsyncExitStack() as stack:
            fronts = Fronts(
                Parts(LocalPlan(), Source("demo", {}), "http://127.0.0.1:9", handler, lambda line: None, stack)
            )
            stack.push_async_callback(fronts.close)
            with pytest.raises(LocalError, match="There is no front 'nonsense'"):
                await fronts.select("nonsense")
            return fronts.name

    assert asyncio.run(run()) == "cloudfront-viewer"


def test_page_names_every_front() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "local.md").read_text("utf-8")
    assert [name for name in FRONTS if f"`{name}`" not in page] == []


def test_command_can_name_the_fronts_without_the_extra() -> None:
    program = "import sys, edgecors_local.front_names\nprint(*(m for m in sys.modules if m.startswith('edgecors')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {"edgecors_local", "edgecors_local.front_names"}


@pytest.mark.parametrize(
    ("name", "unkeyed", "stage"),
    [("cloudfront-origin", ("Origin",), None), ("http-api", (), "live"), ("function-url", (), None)],
)
def test_plan_for_another_front_leaves_out_the_options_it_does_not_have(
    name: str, unkeyed: tuple[str, ...], stage: str | None
) -> None:
    plan = plan_for(LocalPlan(front=FRONTS[0], unkeyed=("Origin",), stage="live"), name)
    assert (plan.front, plan.unkeyed, plan.stage) == (name, unkeyed, stage)


@pytest.mark.parametrize(
    ("plan", "line"),
    [
        (LocalPlan(site="shop"), "edgecors allow shop {origin}"),
        (LocalPlan(policy=Path("policy.json")), "Add {origin} to policy.json"),
    ],
)
def test_how_to_allow_an_origin_depends_on_where_the_policy_is(plan: LocalPlan, line: str) -> None:
    assert how_to_allow(plan, Source("shop", {})) == line
