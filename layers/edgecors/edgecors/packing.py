"""Packed values: ``gz:`` and base64 of gzip, so that more than 8 KB of text fits a parameter."""

from __future__ import annotations

PREFIX = "gz:"
MAX_TEXT = 4 * 1024 * 1024
"""Bytes of a value after unpacking. 100,000 origins need less; 8 KB of gzip could unpack to 8 MB."""


class TooLargeError(ValueError):
    """A value beyond a limit of this library. It is refused, and the last good one stays in use."""


def is_packed(text: str) -> bool:
    """Whether a value is to be unpacked. White space before ``gz:`` has no meaning, as in lists and JSON."""
    return text.removeprefix("\ufeff").lstrip().startswith(PREFIX)


def unpack(text: str) -> str:
    """The text behind ``gz:``, or the text itself; a byte order mark, which some editors write, is dropped.

    Raises:
        TooLargeError: more than `MAX_TEXT` bytes.
        ValueError: not base64 of gzip of UTF-8.
    """
    text = text.removeprefix("\ufeff")
    if not is_packed(text):
        return text
    import binascii  # two modules that few values need
    import zlib

    try:
        # The base64 command breaks lines; white space has no meaning in base64.
        packed = binascii.a2b_base64("".join(text.split())[len(PREFIX) :], strict_mode=True)
        # 16 + MAX_WBITS: a gzip header is required. The limit on the output stops a decompression bomb.
        inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
        data = inflater.decompress(packed, MAX_TEXT + 1)
    except (ValueError, zlib.error) as error:  # binascii.Error is a ValueError, and so is the error for non-ASCII
        raise ValueError(f"the value after gz: is not base64 of gzip ({error})") from None
    if len(data) > MAX_TEXT:
        raise TooLargeError(f"the value after gz: is too large: more than {MAX_TEXT:,} bytes unpacked")
    if not inflater.eof or inflater.unused_data:
        raise ValueError("the value after gz: is truncated, or has trailing data")
    try:
        return data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise ValueError("the value after gz: is not UTF-8") from None
