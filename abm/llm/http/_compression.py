"""Bodies that came compressed although plain ones were asked for, as some proxies send them. Knows bytes only."""

from __future__ import annotations

import zlib

EITHER = 32 + zlib.MAX_WBITS
"""Headers of gzip or of zlib."""


def plain(coding: bytes, body: bytes, most: int) -> bytes:
    """Return a body as it was before it was compressed; unchanged where it is not as its header says, or a coding is unknown.

    Args:
        coding: the header ``Content-Encoding``.
        most: bytes; a longer body is cut there.
    """
    if coding.strip().lower() not in (b"gzip", b"x-gzip", b"deflate"):
        return body
    for form in (EITHER, -zlib.MAX_WBITS):  # some send a deflated body without its header
        try:
            return zlib.decompressobj(form).decompress(body, most)
        except zlib.error:
            continue
    return body
