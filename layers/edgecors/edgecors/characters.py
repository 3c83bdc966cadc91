"""Alphabets of the grammars, and a quick test of a text against one.

Regular expressions would do as well, but compiling one costs a cold start more than this whole module.
"""

from __future__ import annotations

DIGITS = b"0123456789"
LOWER = b"abcdefghijklmnopqrstuvwxyz"
ALPHANUMERIC = LOWER + LOWER.upper() + DIGITS
VISIBLE = bytes(range(0x21, 0x7F))
TOKEN = ALPHANUMERIC + b"!#$%&'*+-.^_`|~"
"""Characters of a token: RFC 9110, section 5.6.2."""


def consists_of(text: str, alphabet: bytes) -> bool:
    """Whether every character of the text is one of an ASCII alphabet that does not hold ``?``. Linear, in C."""
    # Non-ASCII characters become question marks, which are in no alphabet, so they are not deleted either.
    return not text.encode("ascii", "replace").translate(None, alphabet)


def is_token(text: str) -> bool:
    """Whether text is a token, as method and header names are."""
    return bool(text) and consists_of(text, TOKEN)
