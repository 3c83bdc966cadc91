"""The work of a command grows with the number of origins, not with its square: function calls are counted."""

import json
import sys
from collections.abc import Callable
from itertools import count

import pytest
from edgecors_admin.access import compare
from edgecors_admin.allow import RuleSelection, allow_in_list, allow_in_site, revoke_in_list, revoke_in_site
from edgecors_admin.explain import Asked, explain_request
from edgecors_admin.lint import lint, lint_list
from edgecors_admin.policy_files import read_policy_text
from edgecors_admin.text_difference import changed_entries, text_difference_lines

_RUNS = count()
SMALL, LARGE = 500, 2000


def origins(size: int) -> list[str]:
    """New origins in each run, so that nothing is remembered."""
    run = next(_RUNS)
    return [f"https://shop-{run}-{number}.example.com" for number in range(size)]


def patterns(size: int) -> list[str]:
    run = next(_RUNS)
    shapes = ("https://s{}-{}-*.example.com", "https://*.s{}-{}.example.com", "https://s{}-{}.example.com:*")
    return [shapes[number % 3].format(run, number) for number in range(size)]


def document(entries: list[str]) -> str:
    return json.dumps({"rules": [{"allow_origins": entries, "allow_credentials": True}]})


WORK: dict[str, Callable[[list[str]], object]] = {
    "lint-plain": lambda entries: lint(",".join(entries)),
    "lint-document": lambda entries: lint(document(entries)),
    "lint-list": lambda entries: lint_list("partners", ",".join(entries)),
    "explain": lambda entries: explain_request(",".join(entries), {}, Asked("https://x.example.com")),
    "compare-none-all": lambda entries: compare(None, ",".join(entries)),
    "compare-lists": lambda entries: compare("@a", "@a", {"a": ",".join(entries)}, {"a": ",".join(entries[1:])}),
    "allow-one": lambda entries: allow_in_site(document(entries[1:]), entries[:1], {}, RuleSelection()),
    "allow-all": lambda entries: allow_in_list("", entries),
    "revoke-one": lambda entries: revoke_in_site(document(entries), entries[:1], {}, RuleSelection()),
    "revoke-all": lambda entries: revoke_in_list(",".join(entries), entries),
    "read-yaml": lambda entries: read_policy_text("sites:\n  shop:\n" + "".join(f"  - '{e}'\n" for e in entries), "x"),
    "read-plain": lambda entries: read_policy_text("\n".join(entries), "x"),
    "difference": lambda entries: text_difference_lines(",".join(entries), ",".join(entries[1:])),
    "history": lambda entries: changed_entries(document(entries), document(entries[::2])),
}


def calls(function: Callable[[], object]) -> int:
    """How many Python and C functions a function calls."""
    number = 0

    def profile(frame: object, event: str, argument: object) -> None:
        nonlocal number
        number += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(None)
    return number


@pytest.mark.parametrize("make", [origins, patterns])
@pytest.mark.parametrize("name", WORK)
def test_work_grows_with_the_number_of_entries(name: str, make: Callable[[int], list[str]]) -> None:
    work = WORK[name]
    work(make(10))  # imports, tables of public suffixes
    few, many = make(SMALL), make(LARGE)
    assert calls(lambda: work(many)) < 1.5 * (LARGE / SMALL) * calls(lambda: work(few))
