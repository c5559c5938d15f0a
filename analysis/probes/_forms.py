"""Whether a text says a phrase in other forms of its words: "scratch resistance" for "scratch-resistant".

Words are compared by their first letters, near each other and in any order; a denial in between says the opposite.
Knows strings only; cannot tell synonyms.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from functools import cache, lru_cache
from itertools import pairwise

from analysis.probes.text import plain

_WORD = re.compile(r"[a-z0-9%$]+(?:'[a-z]+)?|[.!?;:\n]")
_IDLE = frozenset("a an the of for in by with to from and is are it its as at on your our".split())
_DENIALS = frozenset(
    "no not never neither nor without cannot non isn't aren't don't doesn't can't won't wasn't".split()
)
_NONE_OF = frozenset("free no without non zero contain never".split())
_ROOTS = {
    "won": "win",
    "winning": "win",
    "winner": "win",
    "wins": "win",
    "made": "make",
    "making": "make",
    "makes": "make",
    "built": "build",
    "sold": "sell",
    "selling": "sell",
    "sells": "sell",
    "said": "say",
    "says": "say",
    "found": "find",
    "shown": "show",
    "proven": "prove",
    "proved": "prove",
    "woven": "weave",
    "sewn": "sew",
    "blown": "blow",
    "tested": "test",
}
_PREFIXES = "hand|water|dust|splash|shock|scratch|rust|leak|fire|heat|child|weather|stain|non"
_SUFFIXES = "made|crafted|stitched|sewn|painted|blown|carved|woven|forged|picked|proof|resistant|toxic|stick|slip"
_JOINED = re.compile(f"({_PREFIXES})({_SUFFIXES})")
_GAP = 3
"""Other words that may stand between the words of a phrase."""


class _Words:
    """A text's words by their stems, and where it denies and where a sentence ends."""

    def __init__(self, text: str) -> None:
        words = [part for word in _WORD.findall(plain(text).lower()) for part in _parted(word)]
        self.size = len(words)
        self.places: dict[str, list[int]] = defaultdict(list)
        self.ends = [i for i, word in enumerate(words) if word in ".!?;:\n"]
        self.denials = [
            i
            for i, (word, after) in enumerate(pairwise([*words, ""]))
            if word in _DENIALS and after not in ("only", "just")
        ]
        for i, word in enumerate(words):
            self.places[stem(word)].append(i)

    def sentence(self, i: int) -> tuple[int, int]:
        """Return where the sentence of word ``i`` begins and ends."""
        k = bisect_left(self.ends, i)
        return self.ends[k - 1] + 1 if k else 0, self.ends[k] if k < len(self.ends) else self.size


@lru_cache(maxsize=256)
def _words(text: str) -> _Words:
    return _Words(text)


def stem(word: str) -> str:
    """Return what the forms of a word share: "resis" for resistant and resistance, "win" for won."""
    root = _ROOTS.get(word, word)
    return root.rstrip("s")[:5].rstrip("e").replace("y", "i") if len(root) > 3 else root


def _parted(word: str) -> list[str]:
    joined = _JOINED.fullmatch(word)
    return list(joined.groups()) if joined else [word]


def said(phrase: str, text: str) -> bool:
    """Return whether ``text`` says ``phrase`` in some form of its words, within a few words, without denying it."""
    wanted = [part for word in _WORD.findall(plain(phrase).lower()) for part in _parted(word) if part not in _IDLE]
    free = len(wanted) > 1 and any(word in _NONE_OF for word in wanted)
    stems = [stem(word) for word in wanted if not (free and word in _NONE_OF)]
    if not stems:
        return False
    words = _words(text)
    rarest = min(stems, key=lambda each: len(words.places.get(each, ())))
    reach = len(wanted) + _GAP
    return any(_said_at(place, stems, free, reach, words) for place in words.places.get(rarest, ()))


def _said_at(place: int, stems: list[str], free: bool, reach: int, words: _Words) -> bool:
    """Return whether all stems, and a word for "free" if one is wanted, stand near ``place`` in its sentence."""
    begin, end = words.sentence(place)
    low, high = max(begin, place - reach), min(end, place + reach + 1)
    spots = [place]
    for options in [*((each,) for each in stems), *([_none_of()] if free else [])]:
        near = [spot for option in options for spot in _between(words.places.get(option, []), low, high)]
        if not near:
            return False
        spots.append(min(near, key=lambda spot: abs(spot - place)))
    first, last = min(spots), max(spots)
    denied = _between(words.denials, max(begin, first - 2), last + 1)
    return last - first <= reach and (free or not denied)


def _between(places: list[int], low: int, high: int) -> list[int]:
    return places[bisect_left(places, low) : bisect_left(places, high)]


@cache
def _none_of() -> tuple[str, ...]:
    return tuple(stem(word) for word in sorted(_NONE_OF))
