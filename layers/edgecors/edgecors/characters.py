"""Alphabets of the grammars, and the quick test of a text against one.

Regular expressions would do as well, but compiling one costs a cold start more than all that is written here.
"""

from __future__ import annotations

DIGITS = b"0123456789"
HEX = b"0123456789abcdefABCDEF"
LOWER = b"abcdefghijklmnopqrstuvwxyz"
ALPHANUMERIC = LOWER + LOWER.upper() + DIGITS
TOKEN = ALPHANUMERIC + b"!#$%&'*+-.^_`|~"
"""Characters of a token: RFC 9110, section 5.6.2."""


def consists_of(text: str, alphabet: bytes) -> bool:
    """Whether every character of the text is one of an ASCII alphabet that does not hold ``?``. Linear, in C."""
    # What is not ASCII becomes a question mark, so it stays over like everything else that is not in the alphabet.
    return not text.encode("ascii", "replace").translate(None, alphabet)


def is_token(text: str) -> bool:
    """Whether text is a token, as method and header names are."""
    return bool(text) and consists_of(text, TOKEN)
