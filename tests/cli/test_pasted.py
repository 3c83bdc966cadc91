"""What people paste, and what is made of it."""

import pytest
from edgecors_admin.pasted import read_pasted


@pytest.mark.parametrize(
    ("text", "entry", "notes"),
    [
        ("https://a.example.com", "https://a.example.com", 0),
        ("  'https://a.example.com', ", "https://a.example.com", 0),
        ("https://a.example.com/", "https://a.example.com", 0),
        ("https://A.Example.com/Path?q#f", "https://a.example.com", 2),
        ("a.example.com", "https://a.example.com", 1),
        ("//a.example.com/x", "https://a.example.com", 2),
        ("a.example.com:8443", "https://a.example.com:8443", 1),
        ("https://a.example.com:443", "https://a.example.com", 1),
        ("localhost:3000", "http://localhost:3000", 1),
        ("127.0.0.1:3000/app", "http://127.0.0.1:3000", 2),
        ("https://user:secret@a.example.com", "https://a.example.com", 1),
        ("https://bücher.example", "https://xn--bcher-kva.example", 1),
        ("https://BÜCHER.example", "https://xn--bcher-kva.example", 1),
        ("https://*.bücher.example", "https://*.xn--bcher-kva.example", 1),
        ("https://faß.example", "https://xn--fa-hia.example", 1),
        ("https://*.example.com", "https://*.example.com", 0),
        ("https://shop-*.example.com:*", "https://shop-*.example.com:*", 0),
        ("http://[0:0:0:0:0:0:0:1]:80/", "http://[::1]", 2),
        ("capacitor://localhost", "capacitor://localhost", 0),
        ("NULL", "null", 0),
        ("@partners", "@partners", 0),
    ],
)
def test_read_pasted_text_gives_entry_and_notes(text: str, entry: str, notes: int) -> None:
    pasted = read_pasted(text)
    assert pasted.entry == entry
    assert len(pasted.notes) == notes, pasted.notes


@pytest.mark.parametrize(
    "text",
    ["", "*", "@", "@a b", "https://", "https://a b", "file:///x", "https://a..b", "https://a.*.b", "https://ﷺ é.x"],
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\."):
        read_pasted(text)
