"""Numbers in English text, in digits and in words, as tokens and values. Knows nothing of units nor of what is counted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_SMALL_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen"
)
_TENS_WORDS = "twenty thirty forty fifty sixty seventy eighty ninety"
SMALL = {word: value for value, word in enumerate(_SMALL_WORDS.split())}
TENS = {word: 10 * (i + 2) for i, word in enumerate(_TENS_WORDS.split())}
SCALES = {"dozen": 12.0, "hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_SHORT = {"k": 1e3, "mn": 1e6, "m": 1e6, "bn": 1e9, "b": 1e9, "tn": 1e12}
_VULGAR = dict(
    zip(
        "½¼¾⅓⅔⅕⅖⅗⅘⅛⅜⅝⅞",
        (1 / 2, 1 / 4, 3 / 4, 1 / 3, 2 / 3, 0.2, 0.4, 0.6, 0.8, 1 / 8, 3 / 8, 5 / 8, 7 / 8),
        strict=True,
    )
)
_TOKEN = re.compile(
    r"(?P<digits>[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?|(?<![0-9])\.[0-9]+)"
    rf"|(?P<vulgar>[{''.join(_VULGAR)}])"
    rf"|(?P<word>[^\W\d_{''.join(_VULGAR)}]+(?:'[^\W\d_]+)?)"
    r"|(?P<mark>\S)"
)
_PAID_IN = frozenset("euros euro dollars pounds yen rupees people users".split())
"""Words behind "1.2m" that make it millions."""
_LONGEST = 18
"""Digits of a quantity; longer ones are an identifier."""
_HALVES = {"half": 0.5, "quarter": 0.25, "third": 1 / 3}


class Token(NamedTuple):
    """A run of digits, a word, or any other character."""

    kind: str
    text: str
    """In lower case."""
    start: int
    end: int
    written: str
    """As it stands in the text."""


class Number(NamedTuple):
    """A number and where it ends.

    Attributes:
        grain: the unit of its last significant place: 0.1 for "32.5", 1e5 for "32.5 million", 1000 for "24,000".
        end: index of the token after it.
        plain: its digits, where it is written in digits alone, without a scale.
        scale: by which it was scaled, 1e6 for "3 million"; 0 for none.
    """

    value: float
    grain: float
    end: int
    plain: str = ""
    scale: float = 0.0


def tokens(text: str) -> list[Token]:
    """Return the tokens of ``text`` in order; white space is in none."""
    return [
        Token(match.lastgroup or "mark", match[0].lower(), match.start(), match.end(), match[0])
        for match in _TOKEN.finditer(text)
    ]


class Tokens:
    """A text's tokens, looked at by index; what lies outside is an empty mark."""

    _NONE = Token("mark", "", -2, -2, "")

    def __init__(self, text: str) -> None:
        self.all: Sequence[Token] = tokens(text)

    def __getitem__(self, i: int) -> Token:
        return self.all[i] if 0 <= i < len(self.all) else self._NONE

    def __len__(self) -> int:
        return len(self.all)

    def glued(self, i: int) -> bool:
        """Return whether token ``i`` stands right behind the one before it."""
        return i > 0 and i < len(self.all) and self.all[i].start == self.all[i - 1].end

    def words(self, i: int, *texts: str) -> bool:
        """Return whether these tokens stand from ``i`` on."""
        return all(self[i + k].text == text for k, text in enumerate(texts))


def number(at: Tokens, i: int, *, money: bool = False) -> Number | None:
    """Return the number that begins at token ``i``, if one does; a currency before it reads "4m" as millions."""
    token = at[i]
    if token.kind == "digits":
        return _scaled(at, _digits(at, i), money=money)
    if token.kind == "vulgar":
        return Number(_VULGAR[token.text], 0.01, i + 1)
    spelt = _spelt(at, i)
    return _scaled(at, spelt, money=False) if spelt else None


def year_in_words(at: Tokens, i: int) -> Number | None:
    """Return a year such as "nineteen ninety-four", if it begins at token ``i``."""
    century = SMALL.get(at[i].text, 20 if at[i].text == "twenty" else 0)
    j = i + 1 + (at[i + 1].text == "-")
    if not 17 <= century <= 20 or at[j].text not in TENS | SMALL or SMALL.get(at[j].text, 10) < 10:
        return None
    rest = _spelt(at, j)
    return Number(100 * century + rest.value, 1.0, rest.end) if rest and 10 <= rest.value < 100 else None


def _digits(at: Tokens, i: int) -> Number | None:
    text = at[i].text.replace(",", "")
    if len(text) > _LONGEST:
        return None
    _, _, decimals = text.partition(".")
    value, end = float(text), i + 1
    grain = 10.0 ** -len(decimals) if decimals else grain_of(value)
    if at[end].kind == "vulgar":
        return Number(value + _VULGAR[at[end].text], 0.01, end + 1)
    if not decimals and not at.glued(end) and (part := slashed(at, end)):
        return Number(value + part[0] / part[1], 0.01, end + 3)
    return Number(value, grain, end, text)


def slashed(at: Tokens, i: int) -> tuple[int, int] | None:
    """Return 3, 4 for "3/4" at token ``i``; dates and other numbers with slashes are no fractions."""
    if not (at[i].kind == at[i + 2].kind == "digits" and at[i + 1].text == "/" and at.glued(i + 1) and at.glued(i + 2)):
        return None
    if at[i + 3].text == "/" or not (at[i].text + at[i + 2].text).isdigit() or len(at[i + 2].text) > 2:
        return None
    top, bottom = int(at[i].text[:3]), int(at[i + 2].text)
    return (top, bottom) if 0 < top < bottom and bottom in (2, 3, 4, 5, 8, 10) else None


def _spelt(at: Tokens, i: int) -> Number | None:
    """Return the number in words at token ``i``: "two hundred and fifty thousand", "a dozen", "twenty-three"."""
    total = current = 0.0
    last, end, j = "", i, i
    if at[i].text in ("a", "an") and at[i + 1].text in SCALES:
        j = i + 1
    while True:
        word = at[j].text
        if word in SMALL and (last in ("", "scale") or (last == "tens" and 0 < SMALL[word] < 10)):
            current, last = current + SMALL[word], "small"
        elif word in TENS and last in ("", "scale"):
            current, last = current + TENS[word], "tens"
        elif word in SCALES:
            current, last = max(current, 1) * SCALES[word], "scale"
            if SCALES[word] >= 1000:
                total, current = total + current, 0.0
        else:
            break
        end = j + 1
        j = end
        if (last == "scale" and at[j].text == "and" and (at[j + 1].text in SMALL or at[j + 1].text in TENS)) or (
            at[j].text == "-" and at.glued(j) and at.glued(j + 1)
        ):
            j += 1
    if end == i:
        return None
    value = total + current
    return Number(value, grain_of(value), end, scale=SCALES[at[end - 1].text] if last == "scale" else 0.0)


def _scaled(at: Tokens, read: Number | None, *, money: bool) -> Number | None:
    """Return a number with what follows and belongs to it: "and a half", a scale, a glued k, M or bn."""
    if read is None:
        return None
    value, grain, end, plain, scale = read
    if at.words(end, "and", "a") and at[end + 2].text in _HALVES:
        value += _HALVES[at[end + 2].text] * (scale or 1.0)
        grain, end, plain = min(grain, 0.5 * (scale or 1.0)), end + 3, ""
    step = at[end].text == "-" and at.glued(end)
    while (by := SCALES.get(at[end + step].text)) and by != scale:
        value, grain, end, plain, scale = value * by, grain * by, end + step + 1, "", by
        step = False
    if plain and (by := _short(at, end, plain, money=money)):
        value, grain, end, plain, scale = value * by, grain * by, end + 1, "", by
    return Number(value, grain, end, plain, scale)


def _short(at: Tokens, end: int, plain: str, *, money: bool) -> float | None:
    """Return the scale that a k, M or bn behind digits stands for; None where it may be a unit."""
    token = at[end]
    by = _SHORT.get(token.text)
    if by is None or not (at.glued(end) or money) or (at.glued(end + 1) and at[end + 1].kind == "digits"):
        return None
    if money or at[end + 1].text in _PAID_IN or token.text in ("mn", "bn", "tn") or token.written in ("k", "M"):
        return None if token.written == "k" and not money and resolution(plain) else by
    return by if token.written == "K" and not resolution(plain) else None


def resolution(digits: str) -> bool:
    """Return whether digits before a K name the resolution of a picture: 4K."""
    return digits in ("2", "4", "5", "6", "8", "12", "16")


def grain_of(value: float) -> float:
    """Return the unit of the last place of ``value`` that is not zero: 1000 for 24,000, and at most 1e12."""
    grain = 1.0
    while value and grain < 1e12 and value % (10 * grain) == 0:
        grain *= 10
    return grain
