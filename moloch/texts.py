"""Texts from outside: what a model, a server or a file may send is data, whatever it holds.

The rules here depend on neither the machine nor the Python version, so that what follows from a text (an id, a vote) is the same
everywhere. Knows nothing of who sent a text, nor of what it means.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

DEEPEST = 64
"""Brackets in brackets that JSON from outside may hold. Parsers that recurse give up at a depth that depends on who calls."""

PIECE = 512
"""Characters that are composed together; Python's own takes time quadratic in the length of a run of accents."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_PIECES = re.compile(rf"\S{{1,{PIECE}}}|\s+")
_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|([\[{])|([\]}])', re.DOTALL)


def whole(text: str) -> str:
    """Return ``text`` with U+FFFD for each half of a surrogate pair that stands alone: no file and no log can hold one."""
    if _SURROGATE.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def is_deep(json: str, start: int = 0) -> bool:
    """Return whether the JSON value that begins at ``start`` has more than :data:`DEEPEST` brackets in brackets."""
    depth = 0
    for match in _BRACKET.finditer(json, start):
        if match[1]:
            depth += 1
        elif match[2]:
            depth -= 1
            if depth <= 0:
                break
        if depth > DEEPEST:
            return True
    return False


def composed(text: str) -> str:
    """Return ``text`` in Unicode's form NFKC, each word for itself and long ones in pieces: in time linear in its length."""
    return _normal("NFKC", text)


def same_letters(text: str) -> str:
    """Return ``text`` as it is compared with another: in Unicode's form NFC, so that an accent is a part of its letter."""
    return _normal("NFC", text)


def _normal(form: Literal["NFC", "NFKC"], text: str) -> str:
    if text.isascii():
        return text
    return "".join(unicodedata.normalize(form, piece) for piece in _PIECES.findall(text))


def for_terminal(text: str) -> str:
    """Return ``text`` without what a terminal obeys and nobody sees: control characters but line ends and tabs, and marks of direction.

    What is left has the same width: an escape sequence stays as the letters after its first character.
    """
    return _HIDDEN.sub("", text)
