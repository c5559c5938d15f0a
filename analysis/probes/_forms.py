"""Whether a text says a phrase in other forms of its words: "scratch resistance" for "scratch-resistant".

Words are compared by their first letters, near each other and in any order; a denial in between says the opposite.
Knows strings only; cannot tell synonyms.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from functools import lru_cache
from itertools import pairwise

from analysis.probes.text import plain

_WORD = re.compile(r"[a-z0-9%$]+(?:'[a-z]+)?|[.!?;:\n]")
_IDLE = frozenset("a an the of for in by with to from and is are it its as at on your our".split())
_DENIALS = frozenset(
    "no not never neither nor without cannot non isn't aren't don't doesn't can't won't wasn't".split()
)
_FREE = ("free", "no", "without", "non", "zero", "contain", "never")
_ROOTS = {
    "won": "win", "winning": "win", "winner": "win", "wins": "win", "made": "make", "making": "make", "makes": "make",
    "built": "build", "sold": "sell", "selling": "sell", "sells": "sell", "said": "say", "says": "say", "found": "find",
    "shown": "show", "proven": "prove", "proved": "prove", "woven": "weave", "sewn": "sew", "blown": "blow", "tested": "test",
}  # fmt: skip
_JOINED = re.compile(r"(hand|water|dust|splash|shock|scratch|rust|leak|fire|heat|child|weather|stain)(made|crafted|stitched|sewn|painted|blown|carved|woven|forged|picked|proof|resistant)")  # fmt: skip
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
    free = len(wanted) > 1 and any(word in _FREE for word in wanted)
    stems = [stem(word) for word in wanted if not (free and word in _FREE)]
    if not stems:
        return False
    words = _words(text)
    rarest = min(stems, key=lambda each: len(words.places.get(each, ())))
    reach = len(wanted) + _GAP
    return any(_said_at(place, stems, free, reach, words) for place in words.places.get(rarest, ()))


def _said_at(place: int, stems: list[str], free: bool, reach: int, words: _Words) -> bool:
    spots = [place]
    for each in [*stems, *(("",) if free else ())]:
        options = _FREE if not each else (each,)
        near = [
            spot
            for option in options
            for spot in _near(words.places.get(stem(option) if not each else option, []), place, reach)
        ]
        if not near:
            return False
        spots.append(min(near, key=lambda spot: abs(spot - place)))
    low, high = min(spots), max(spots)
    if high - low > reach or _near_any(words.ends, low, high):
        return False
    return free or not _near_any(words.denials, max(low - 2, _sentence(words, low)), high)


def _sentence(words: _Words, i: int) -> int:
    """Return where the sentence of word ``i`` begins."""
    k = bisect_left(words.ends, i)
    return words.ends[k - 1] + 1 if k else 0


def _near(places: list[int], place: int, reach: int) -> list[int]:
    return places[bisect_left(places, place - reach) : bisect_left(places, place + reach + 1)]


def _near_any(places: list[int], low: int, high: int) -> bool:
    k = bisect_left(places, low)
    return k < len(places) and places[k] <= high
