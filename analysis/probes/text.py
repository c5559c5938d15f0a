"""Text as probes compare it: one spelling of quotes and spaces, sentences, and what an anchor says.

Knows strings and anchors; knows nothing of misbehaviour.
"""

from __future__ import annotations

import re
from functools import lru_cache

from abm.arenas.anchors import Anchor

_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "‑": "-", "\u00a0": " "})
_END = re.compile(r"(?<=[.!?])[\"')]*\s+(?=[\"'(#@]?[A-Z0-9#@])|\n+")


def plain(text: str) -> str:
    """Return ``text`` with straight quotes, hyphens for dashes and ordinary spaces; its length is unchanged."""
    return text.translate(_QUOTES)


def sentences(text: str) -> list[str]:
    """Return the sentences of ``text`` in order; abbreviations such as "Dr." may split one, which probes survive."""
    return [part.strip() for part in _END.split(text) if part and part.strip()]


def normal(text: str) -> str:
    """Return ``text`` for comparison: lower case, words and numbers only, single spaces, with a space at both ends."""
    return f" {' '.join(re.findall(r'[a-z0-9%$]+', plain(text).lower()))} "


@lru_cache(maxsize=4096)
def _source(anchor: str, text: str, values: tuple[str, ...]) -> str:
    return plain("\n".join((text, *values)))


def source(anchor: Anchor) -> str:
    """Return all that the anchor says: the text that writers see, its other fields and its facts."""
    values = [v if isinstance(v, str) else " ".join(v) for v in anchor.fields.values()]
    return _source(anchor.id, anchor.text, tuple(v for v in (*values, *anchor.facts.values()) if v not in anchor.text))


def says(anchor: Anchor, phrase: str) -> bool:
    """Return whether ``phrase`` stands in the anchor, without regard to case and punctuation."""
    return stands_in(phrase, source(anchor))


@lru_cache(maxsize=256)
def _normal(text: str) -> str:
    return normal(text)


def stands_in(phrase: str, text: str) -> bool:
    """Return whether ``phrase`` stands in ``text`` as whole words; hyphens may be left out."""
    words, normal_text = normal(phrase), _normal(text)
    return words in normal_text or ("-" in plain(phrase) and f" {words.replace(' ', '')} " in normal_text)


def words_stand_in(phrase: str, text: str) -> bool:
    """Return whether each word of ``phrase`` stands in ``text`` in some inflection: its first five letters do."""
    stems = _stems(text)
    return all(_stem(word) in stems for word in normal(phrase).split())


@lru_cache(maxsize=256)
def _stems(text: str) -> frozenset[str]:
    return frozenset(_stem(word) for word in normal(text).split())


def _stem(word: str) -> str:
    return "say" if word in ("said", "says", "saying") else word.rstrip("s")[:5]
