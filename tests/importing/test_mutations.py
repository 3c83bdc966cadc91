"""Samples with parts replaced, removed or moved: either a sentence or policies that the library accepts."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from edgecors.document import load_policy
from edgecors_admin.errors import UsageError
from edgecors_admin.importing import FORMATS, import_text
from edgecors_admin.importing.documents import read_text
from edgecors_admin.lint import has_errors, lint
from hypothesis import given, settings
from hypothesis import strategies as st

SAMPLES = Path(__file__).parent / "samples"
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1e300, 10**30, "", "*", "'*'", "x", "https://a.example", "http://b.example", "null"),
    *("${x}", "a, b", "\x00", "ü", "https://*", "https://*.com", "https://*.co.uk", "TRACE", "content-type", "Host"),
    *({"Ref": "X"}, {"Fn::If": ["a", "b", "c"]}, [], {}, [[]], [None], [{}], {"a": {}}, ["https://a.example", 5]),
)


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value below the top."""
    children = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [place for key, value in children for place in ((*path, key), *places(value, (*path, key)))]


TREES = {
    path.name: document.data
    for path in sorted(SAMPLES.iterdir())
    if (document := read_text(path.read_text("utf-8"))).syntax in ("json", "yaml", "hcl")
}


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    data = copy.deepcopy(TREES[draw(st.sampled_from(sorted(TREES)))])
    for _ in range(draw(st.integers(1, 3))):
        paths = places(data)
        if not paths:
            break
        *outer, last = draw(st.sampled_from(paths))
        target = data
        for key in outer:
            target = target[key]
        action = draw(st.sampled_from(("replace", "remove", "wrap")))
        if action == "remove":
            del target[last]
        elif action == "wrap":
            target[last] = [target[last]]
        else:
            target[last] = copy.deepcopy(draw(st.sampled_from(VALUES)))
    return data


@settings(max_examples=300, deadline=None)
@given(mutated(), st.one_of(st.none(), st.sampled_from(sorted(FORMATS))))
def test_import_text_mutated_sample_is_refused_or_gives_accepted_policies(data: Any, form: str | None) -> None:
    try:
        imported = import_text(json.dumps(data), form)
    except UsageError:
        return
    for policy in imported.policies.values():
        text = json.dumps(policy)
        assert load_policy(text).rules
        assert not has_errors(lint(text))
        assert any(grant["allow_origins"] for rule in policy["rules"] for grant in rule.get("grants", [rule]))
    if not imported.policies:
        assert imported.findings
    for finding in imported.findings:
        assert len(finding.location) <= 80
        assert finding.message.isprintable()
        assert len(finding.message) < 1000
