"""An overfull list or policy is spread over several lists, and nobody loses access."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
from edgecors.packing import unpack
from edgecors_admin.edit import add_to_plain
from edgecors_admin.size import ADVANCED, fitted, size
from edgecors_admin.splitting import pieces

from tests.cli.conftest import Command


def origins(count: int) -> list[str]:
    """Origins that compress badly."""
    return [f"https://{sha256(str(number).encode()).hexdigest()[:40]}.example.com" for number in range(count)]


def stored(edgecors: Command, *names: str) -> set[str]:
    return {entry for name in names for entry in unpack(edgecors.value(f"lists/{name}")).split(",")}


def test_every_piece_fits_a_parameter_and_nothing_is_lost() -> None:
    entries = origins(2000)
    parts = pieces(entries)
    assert len(parts) > 2
    assert all(size(fitted(part)) <= ADVANCED for part in parts)
    assert ",".join(parts).split(",") == entries
    assert pieces([]) == [""]


def test_an_overfull_list_is_offered_to_be_split(edgecors: Command, tmp_path: Path) -> None:
    entries = origins(1000)
    file = tmp_path / "partners.txt"
    file.write_text("\n".join(entries))
    edgecors.put("lists/partners", "https://a.example.org")
    edgecors.put("sites/shop", "https://b.example.org,@partners")
    edgecors.put("sites/api", json.dumps({"rules": [{"allow_origins": ["@partners"]}, {"allow_origins": []}]}))
    refused = edgecors("allow", "@partners", "--from", str(file))
    assert refused.status == 1
    assert "edgecors split @partners --from FILE" in refused.err
    assert edgecors.value("lists/partners") == "https://a.example.org"
    assert edgecors("split", "@partners", "--from", str(file)).status == 2
    split = edgecors.json("split", "@partners", "--from", str(file), "--yes")
    assert split["access"]["shop"]["lost"] == []
    names = [row["target"][1:] for row in split["written"] if row["target"].startswith("@")]
    assert names[-1] == "partners"  # the list that gets shorter is written last
    assert stored(edgecors, *names) == {"https://a.example.org", *entries}
    assert edgecors.value("sites/shop") == f"https://b.example.org,@partners,{','.join(f'@{n}' for n in names[:-1])}"
    assert json.loads(edgecors.value("sites/api"))["rules"][1] == {"allow_origins": []}
    for origin in (entries[0], entries[-1], "https://a.example.org"):
        for site in ("shop", "api"):
            assert edgecors("explain", site, "--origin", origin).status == 0


@pytest.mark.parametrize("document", [False, True])
def test_the_origins_of_a_site_move_to_lists(edgecors: Command, tmp_path: Path, document: bool) -> None:
    entries = origins(600)
    file = tmp_path / "origins.txt"
    file.write_text("\n".join(entries))
    first = "https://a.example.org"
    text = (
        json.dumps({"rules": [{"allow_origins": [first, "@other"], "max_age": 5}]}) if document else f"{first},@other"
    )
    edgecors.put("sites/shop", text)
    edgecors.put("lists/other", "https://o.example.org")
    edgecors.put("lists/shop-1", "https://taken.example.org")
    assert edgecors("split", "shop", "--from", str(file), "--yes").status == 0
    value = edgecors.value("sites/shop")
    assert "@shop-1" not in value.replace("@shop-10", "")
    assert "@other" in value
    assert ("max_age" in value) is document
    for origin in (first, entries[0], entries[-1], "https://o.example.org"):
        assert edgecors("explain", "shop", "--origin", origin).status == 0
    assert edgecors("explain", "shop", "--origin", "https://taken.example.org").status == 1


def test_a_new_site_can_be_split_at_once(edgecors: Command, tmp_path: Path) -> None:
    file = tmp_path / "origins.txt"
    file.write_text("\n".join(origins(600)))
    assert edgecors("split", "shop").status == 1
    assert edgecors("allow", "shop", "--from", str(file)).status == 1
    assert edgecors("split", "shop", "--from", str(file), "--yes").status == 0
    assert edgecors.value("sites/shop").startswith("@shop-1,@shop-2")
    assert add_to_plain(edgecors.value("sites/shop"), []) == edgecors.value("sites/shop")
