"""`allow` and `revoke` with every kind of pattern: what `explain` says afterwards, and that nothing else changes."""

import json
from collections.abc import Mapping

import pytest
from edgecors_admin.allow import RuleSelection, allow_in_list, allow_in_site, revoke_in_list, revoke_in_site
from edgecors_admin.covering import Covering
from edgecors_admin.explain import Asked, explain_request
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.conftest import Command

# Each kind of pattern with an origin that it allows and one, nearly the same, that it does not allow.
KINDS = {
    "exact": ("https://app.example.com", "https://app.example.com", "https://example.com"),
    "exact-port": ("https://app.example.com:8443", "https://app.example.com:8443", "https://app.example.com"),
    "http": ("http://localhost:3000", "http://localhost:3000", "http://localhost:3001"),
    "ipv4": ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "http://127.0.0.2:8080"),
    "ipv6": ("http://[::1]:8080", "http://[::1]:8080", "http://[::2]:8080"),
    "scheme": ("capacitor://localhost", "capacitor://localhost", "ionic://localhost"),
    "any-port": ("http://localhost:*", "http://localhost:5173", "http://local.example:5173"),
    "subdomain": ("https://*.example.com", "https://a.b.example.com", "https://example.com"),
    "subdomain-any-port": ("https://*.example.com:*", "https://a.example.com:1", "https://example.com:1"),
    "label-end": ("https://shop-*.example.com", "https://shop-1.example.com", "https://shop-.x.example.com"),
    "label-start": ("https://*-shop.example.com", "https://a-shop.example.com", "https://shop.example.com"),
    "label-middle": ("https://a-*-b.example.com", "https://a-1-b.example.com", "https://a-b.example.com"),
    "label-any-port": ("https://shop-*.example.com:*", "https://shop-1.example.com:81", "https://shop.example.com:81"),
    "null": ("null", "null", "https://null"),
}
OTHER = "https://other.example.org"


def allowed(text: str, origin: str, lists: Mapping[str, str | None] | None = None, path: str = "/") -> bool:
    return explain_request(text, lists or {}, Asked(origin, path=path)).verdict_without_credentials.ok


@pytest.mark.parametrize(("pattern", "origin", "near"), KINDS.values(), ids=KINDS)
def test_allow_and_revoke_a_pattern_of_each_kind(edgecors: Command, pattern: str, origin: str, near: str) -> None:
    added = edgecors.json("allow", "shop", pattern, "--yes")
    assert (added["written"], added["allowed"], added["others"]) == (True, [pattern], [])
    assert allowed(edgecors.value("sites/shop"), origin)
    assert not allowed(edgecors.value("sites/shop"), near)
    assert edgecors("explain", "shop", "--origin", origin).status == 0
    again = edgecors.json("allow", "shop", pattern, "--yes")
    assert (again["written"], [other["why"].partition(" (")[0] for other in again["others"]]) == (
        False,
        ["already listed"],
    )
    assert edgecors.json("revoke", "shop", pattern, "--yes")["revoked"] == [pattern]
    assert edgecors("explain", "shop", "--origin", origin).status == 1


@pytest.mark.parametrize(("pattern", "origin", "near"), KINDS.values(), ids=KINDS)
def test_allow_in_a_list_and_revoke_a_pattern_of_each_kind(pattern: str, origin: str, near: str) -> None:
    text = allow_in_list(OTHER, [pattern]).text
    assert [allowed("@list", o, {"list": text}) for o in (origin, near, OTHER)] == [True, False, True]
    revoked = revoke_in_list(text, [pattern])
    assert (revoked.text, revoked.done) == (OTHER, (pattern,))


labels = st.sampled_from(["a", "b", "a-b", "a-1-b", "shop", "shop-1", "x_y", "1"])
ports = st.sampled_from(["", ":81", ":8443"])


@st.composite
def patterns(draw: st.DrawFn) -> str:
    host = ".".join([*draw(st.lists(labels, max_size=2)), "example"])
    shape = draw(st.sampled_from(["", "*.", "a-*.", "*-b.", "a-*-b.", "s*.", "shop-*.", "a_*."]))
    return f"{draw(st.sampled_from(['https', 'http']))}://{shape}{host}{draw(st.sampled_from(['', ':81', ':*']))}"


@st.composite
def origins(draw: st.DrawFn) -> str:
    host = ".".join([*draw(st.lists(labels, min_size=1, max_size=3)), "example"])
    return f"{draw(st.sampled_from(['https', 'http']))}://{host}{draw(ports)}"


def document(entries: list[str], form: str) -> tuple[str, dict[str, str | None]]:
    """The entries of a policy in one of its forms, with the lists it names."""
    if form == "plain":
        return ",".join(entries) or ",", {}
    if form == "list":
        half = len(entries) // 2
        return ",".join([*entries[:half], "@p"]), {"p": ",".join(entries[half:]) or ","}
    rules = [{"paths": ["/other"], "allow_origins": [OTHER]}, {"allow_origins": entries}]
    return json.dumps({"rules": rules}, indent=2 if form == "indented" else None), {}


@settings(max_examples=100, deadline=None)
@given(
    st.lists(patterns(), max_size=4),
    patterns(),
    st.lists(origins(), max_size=6),
    st.sampled_from(["plain", "list", "indented", "one line"]),
)
def test_allow_and_revoke_change_what_they_name_and_nothing_else(
    entries: list[str], pattern: str, probes: list[str], form: str
) -> None:
    before, lists = document(entries, form)
    selection = RuleSelection(path="/") if "rules" in before else RuleSelection()
    stand_in = pattern.replace(":*", ":4711").replace("*", "1")
    probes = [*probes, stand_in, OTHER]
    outcome = allow_in_site(before, [pattern], lists, selection)
    assert allowed(outcome.text, stand_in, lists)
    for probe in probes:
        expected = allowed(before, probe, lists) or allowed(pattern, probe)
        assert allowed(outcome.text, probe, lists) is expected, probe
    revoked = revoke_in_site(outcome.text, [pattern], lists, selection)
    if not revoked.still_allowed:
        assert not allowed(revoked.text, stand_in, lists)
    if outcome.done:
        assert revoked.done == (pattern,)
        for probe in probes:
            assert allowed(revoked.text, probe, lists) is allowed(before, probe, lists), probe
    else:
        assert outcome.text == before


@settings(max_examples=100, deadline=None)
@given(st.lists(patterns(), max_size=4, unique=True), st.lists(origins(), max_size=8))
def test_covering_names_an_entry_that_allows_at_least_the_same(entries: list[str], probes: list[str]) -> None:
    from edgecors.origin import Pattern, parse_pattern

    parsed: list[Pattern] = [pattern for entry in entries if (pattern := parse_pattern(entry)[0]) is not None]
    covering = Covering(parsed)
    for pattern in parsed:
        by = covering.of(pattern)
        for probe in [*probes, pattern.text.replace(":*", ":4711").replace("*", "1")]:
            if by is not None and allowed(pattern.text, probe):
                assert allowed(by, probe), (pattern.text, by, probe)


@pytest.mark.parametrize("entries", [["https://s-*.a.example", "https://s-*.a.example"], ["null", "null"]])
def test_allow_the_same_entry_twice_in_one_command_adds_it_once(edgecors: Command, entries: list[str]) -> None:
    assert edgecors.json("allow", "shop", *entries, "--yes")["allowed"] == entries[:1]
    assert edgecors.value("sites/shop") == entries[0]


def test_allow_an_entry_beside_a_pattern_that_covers_it_adds_the_pattern_only(edgecors: Command) -> None:
    added = edgecors.json("allow", "shop", "https://a-1.example.com", "https://a-*.example.com")
    assert added["allowed"] == ["https://a-*.example.com"]
    assert added["others"][0]["why"] == "already allowed by https://a-*.example.com (also in this command)"
