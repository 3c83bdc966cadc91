"""Packed values."""

from __future__ import annotations

import base64
import gzip
import zlib

import pytest
from edgecors.packing import is_packed, unpack

from tests.unit.cases import APP


def packed(data: bytes) -> str:
    return "gz:" + base64.b64encode(data).decode()


def test_unpack_of_more_than_four_mebibytes_is_refused() -> None:
    def packed(length: int) -> str:
        return "gz:" + base64.b64encode(gzip.compress(b" " * length, 1)).decode()

    assert len(unpack(packed(4_194_304))) == 4_194_304
    with pytest.raises(ValueError, match="too large"):
        unpack(packed(4_194_305))


def test_unpack_of_anything_but_base64_of_gzip_is_refused() -> None:
    text = packed(gzip.compress(APP.encode()))
    assert unpack(text) == APP
    for value in (
        text[:9] + "!" + text[9:],
        text[:9] + "-" + text[9:],
        packed(zlib.compress(APP.encode())),
    ):
        with pytest.raises(ValueError, match="not base64 of gzip"):
            unpack(value)


@pytest.mark.parametrize("before", ["", " ", "\n", "\ufeff", "\ufeff\r\n\t "])
def test_unpack_ignores_white_space_and_a_byte_order_mark_before_the_prefix(before: str) -> None:
    value = before + packed(gzip.compress(APP.encode()))
    assert is_packed(value)
    assert unpack(value) == APP


@pytest.mark.parametrize("value", ["", "gz", "GZ:AAAA", "https://a gz:AAAA", f"{APP}\n"])
def test_unpack_of_any_other_text_returns_it(value: str) -> None:
    assert not is_packed(value)
    assert unpack(value) == value


def test_unpack_of_text_that_repeats_after_a_whole_window_returns_it() -> None:
    # The longest distance that gzip knows is 32 KiB; half of that window would not be enough.
    piece = "".join(f"https://a{number:x}.example " for number in range(1300))
    assert 20_000 < len(piece) < 32_000
    assert unpack(packed(gzip.compress((piece * 2).encode(), 9))) == piece * 2


def test_unpack_drops_a_byte_order_mark_inside_the_packed_text() -> None:
    assert unpack(packed(gzip.compress(f"\ufeff{APP}".encode()))) == APP
