"""Numbers in text, in one spelling: what a message states must stand in its anchor."""

from __future__ import annotations

import re

_WORDS = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
        "eighteen nineteen twenty".split()
    )
} | {"thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_IDLE = {"zero", "one"}
"""Words that mostly do not count anything ("one of the best")."""

_NUMBER = re.compile(
    r"(?<![\w.])(?P<digits>\d{1,3}(?:,\d{3})+|\d+)(?P<part>\.\d+)?(?:\s?(?P<scale>hundred|thousand|million|billion|[kmb])\b)?"
    r"|\b(?P<words>(?:" + "|".join([*_WORDS, *_SCALES]) + r")(?:[\s-](?:and\s)?(?:" + "|".join([*_WORDS, *_SCALES]) + r"))*)\b",
    re.IGNORECASE,
)
_SHORT = {"k": 1_000, "m": 1_000_000, "b": 1_000_000_000}


def quantities(text: str) -> list[tuple[float, str]]:
    """Return each number that ``text`` states, with the words that state it.

    Digits with separators and scales (``1,200``, ``2.5 million``, ``40k``) and number words (``forty-two``, ``two
    hundred``) come out alike. Lone "one" and "zero" are left out.
    """
    found = []
    for match in _NUMBER.finditer(text):
        if words := match["words"]:
            if words.lower() not in _IDLE and (value := _of_words(words)) is not None:
                found.append((value, match[0]))
            continue
        value = float(match["digits"].replace(",", "") + (match["part"] or ""))
        scale = (match["scale"] or "").lower()
        found.append((value * _SCALES.get(scale, _SHORT.get(scale, 1)), match[0]))
    return found


def _of_words(words: str) -> float | None:
    total, current, seen = 0.0, 0.0, False
    for word in re.split(r"[\s-]+", words.lower()):
        if word in _WORDS:
            current, seen = current + _WORDS[word], True
        elif word in _SCALES:
            current = (current or 1) * _SCALES[word]
            if word != "hundred":
                total, current = total + current, 0.0
    return total + current if seen else None


def new_quantities(text: str, source: str) -> list[str]:
    """Return the spellings of numbers in ``text`` that ``source`` does not state.

    A number is known if the source states it in any spelling, or states the digits inside a longer token (``A55``).
    """
    known = {value for value, _ in quantities(source)} | {float(digits) for digits in re.findall(r"\d+", source)}
    return [spelt for value, spelt in quantities(text) if value not in known]
