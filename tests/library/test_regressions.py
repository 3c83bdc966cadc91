"""Errors this library has had, each by name. What peers got wrong is in test_wounds.py."""

from __future__ import annotations

import json

import pytest
from edgecors.decision import Request, decide, parse_header_names
from edgecors.document import PolicyError, load_policy
from edgecors.events.vary import merge_vary
from edgecors.origin import parse_pattern


def codes(document: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        load_policy(document)
    return [error.code for error in caught.value.errors]


@pytest.mark.parametrize("star", [" *", "* ", "\t*", "\u00a0*"])
def test_a_star_with_blanks_beside_origins_does_not_open_to_everyone(star: str) -> None:
    """It was repaired to `*`, which then stood for the whole list."""
    for origins in ([star, "https://a.example"], ["https://a.example", star], ["@partners", star], [star, star]):
        assert codes(json.dumps({"rules": [{"allow_origins": origins}]})) == ["wildcard-not-alone"]


@pytest.mark.parametrize("plain", ["*, https//app.example", "app.example *", "* @", "*,https://a.example/x"])
def test_a_star_beside_an_unreadable_entry_does_not_open_to_everyone(plain: str) -> None:
    """The other entry was skipped, so that the star stood alone."""
    policy = load_policy(plain)
    assert policy.rules[0].grants[0].allow_origins is not None
    assert list(policy.rules[0].grants[0].allow_origins) == []
    assert policy.findings[-1].code == "wildcard-not-alone"


def test_a_kelvin_sign_is_no_letter_k() -> None:
    """`"\u212a".lower()` is an ASCII k: what is no token became one."""
    assert parse_header_names("x-\u212aey") is None
    assert codes('{"rules": [{"allow_origins": [], "hosts": ["\u212aiosk.example"]}]}') == ["bad-glob"]
    assert codes('{"rules": [{"allow_origins": [], "allow_headers": ["x-\u212aey"]}]}') == ["not-a-token"]


@pytest.mark.parametrize("depth", [900, 950, *range(970, 1000), 5000])
def test_nesting_is_an_error_of_the_document_and_not_of_its_reader(depth: int) -> None:
    """Between the decoder's and the encoder's limit the message about the value could not be made."""
    nested = "[" * depth + "]" * depth
    for document in (
        f'{{"rules": {nested}}}',
        f'{{"rules": [{{"allow_origins": [{nested}]}}]}}',
        f'{{"mode": {nested}, "rules": [{{"allow_origins": []}}]}}',
        f'{{"rules": [{{"allow_origins": [], "tolerate": [{nested}]}}]}}',
    ):
        assert set(codes(document)) <= {"invalid-json", "wrong-type", "unknown-value"}


def test_a_byte_order_mark_makes_no_plain_list_of_a_json_document() -> None:
    """Every word of the document was skipped as an entry, and the site was left with a policy that allows nobody."""
    document = '\ufeff{"rules": [{"allow_origins": ["https://a.example"]}]}'
    assert list(load_policy(document).rules[0].grants[0].allow_origins or ()) == ["https://a.example"]
    assert codes('\ufeff{"rules": []}') == ["empty"]
    plain = load_policy("\ufeffhttps://a.example")
    assert (list(plain.rules[0].grants[0].allow_origins or ()), plain.findings) == (["https://a.example"], ())


def test_an_entry_longer_than_any_origin_is_no_entry() -> None:
    """It was taken for exact, and matched before its length was looked at."""
    long = "a" * 512 + "://host"
    pattern, findings = parse_pattern(long)
    assert pattern is None
    assert [finding.code for finding in findings] == ["origin-too-long"]
    assert decide(load_policy(long), Request("GET", "/", origin=long)).reason == "origin-malformed"


def test_two_trailing_slashes_are_a_path() -> None:
    assert [finding.code for finding in parse_pattern("https://a.example//")[1]] == ["origin-has-path"]


@pytest.mark.parametrize("host", ["shop.example:", "shop.example.:", "SHOP.example:443"])
def test_a_port_of_a_host_may_be_empty(host: str) -> None:
    policy = load_policy('{"rules": [{"hosts": ["shop.example"], "allow_origins": "*"}]}')
    assert decide(policy, Request("GET", "/", host)).reason == "not-cors"


def test_a_blocked_request_loses_the_upstream_s_timing_header_like_every_refused_one() -> None:
    rule = {"allow_origins": [], "on_refused": "block", "timing_allow_origin": True}
    decision = decide(load_policy(json.dumps({"rules": [rule]})), Request("GET", "/", "b", origin="https://a.example"))
    assert (decision.status, decision.remove) == (403, ("timing-allow-origin",))


def test_nothing_to_add_to_no_vary_is_no_vary() -> None:
    """An empty Vary header came of it."""
    assert merge_vary([], ()) is None
    assert merge_vary([""], ()) is None
    assert merge_vary([" , "], ()) is None


def test_findings_stay_on_one_line_and_short_whatever_the_document_holds() -> None:
    """Names of fields and methods went into messages and places as they were."""
    long = "x" * 10_000
    document = {
        "rules\n": 1,
        "\ud800": 1,
        "rules": [{"allow_origins": ["@" + "\n" + long], long: 1, "allow_methods": ["TRACE\n", "trace"]}],
    }
    with pytest.raises(PolicyError) as caught:
        load_policy(json.dumps(document))
    texts = [str(finding) for finding in caught.value.findings]
    texts += [str(finding) for finding in load_policy("@" + long + "!").findings]
    texts += [str(finding) for finding in parse_pattern(" A\b" + long)[1]]
    twice = f'{{"{long}": 1, "{long}": 2, "rules": []}}'
    with pytest.raises(PolicyError) as caught:
        load_policy(twice)
    texts += [str(finding) for finding in caught.value.findings]
    assert len(texts) > 8
    assert all(text.isprintable() and len(text) < 800 for text in texts), texts
