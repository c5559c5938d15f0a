"""Quantities in English text: digits, number words, fractions, years, multiples, products, units and rates.

One pass over the tokens; each quantity has one or more readings ("5 pounds" is a mass or money). Knows nothing of anchors.
Cannot do arithmetic (a sum, an age from a year of birth), nor tell what is counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib import resources

import yaml

from analysis.probes._numbers import SCALES, SMALL, TENS, Number, Tokens, number, resolution, slashed, year_in_words
from analysis.probes._units import CURRENCIES, Unit, degrees, money_words, named, rate
from analysis.probes.text import plain

_HEDGES = {
    "up": (
        "over",
        "more than",
        "at least",
        "above",
        "upwards of",
        "in excess of",
        "north of",
        "no fewer than",
        "beyond",
    ),
    "down": ("under", "less than", "fewer than", "below", "within", "not even"),
    "nearly": ("nearly", "almost", "close to", "approaching", "just under"),
    "about": ("about", "around", "roughly", "approximately", "some", "approx", "circa", "~", "≈", "more or less"),
}
_HEDGED = {tuple(words.split()): kind for kind, hedges in _HEDGES.items() for words in hedges}
_FRACTIONS = {
    "third": 3,
    "quarter": 4,
    "fourth": 4,
    "fifth": 5,
    "sixth": 6,
    "seventh": 7,
    "eighth": 8,
    "ninth": 9,
    "tenth": 10,
}
_FRACTIONS |= {f"{word}s": bottom for word, bottom in _FRACTIONS.items()} | {"half": 2, "halves": 2}
_ARTICLES = frozenset("the all our its their my your his her of less more fewer price".split())
_EVERY = {"second": 2, "other": 2, "third": 3, "fourth": 4, "fifth": 5, "tenth": 10}
_MULTIPLES = {
    "doubled": 2,
    "doubles": 2,
    "doubling": 2,
    "tripled": 3,
    "triples": 3,
    "trebled": 3,
    "quadrupled": 4,
    "quadruples": 4,
}
_VAGUE = {
    "dozens": (24, 100),
    "hundreds": (200, 1000),
    "thousands": (2000, 100_000),
    "tens of thousands": (20_000, 100_000),
    "hundreds of thousands": (200_000, 1e6),
    "millions": (1e6, 2e7),
    "tens of millions": (2e7, 1e8),
    "hundreds of millions": (2e8, 1e9),
    "billions": (1e9, 2e10),
}
_PLURALS = frozenset("dozens tens hundreds thousands millions billions".split())
_LABELS = frozenset("step part tip reason point option chapter item rule fact myth question no nr number".split())
_DECADES = {f"{word[:-1]}ies": value for word, value in TENS.items()}
_FUNCTION = frozenset(
    "a an the and or to of in on at by for from with without per than plus as is are was were be been has have had who that which"
    " it its if but so not no all only just over under about nearly almost around up down out off into when while after before"
    " since until each every this these those his her their our your my i you he she we they".split()
)
_LINES = frozenset(("480", "720", "1080", "1440", "2160", "4320"))


@dataclass(frozen=True)
class Reading:
    """One meaning of a quantity.

    Attributes:
        raw: the number as stated, with its scale ("3 million" is 3e6).
        kind: what it measures: a unit's dimension (``mass``, ``money $``, ``mass/time``, ``unit rpm``), ``year``, ``decade``
            (two digits: below 100), ``clock``, ``multiple``, ``vague``, ``ordinal``, or empty for a count.
        base: ``raw`` in the base unit; for ``vague`` the least that it can mean.
        factor: from ``raw`` to ``base``.
        grain: the unit of the last significant place of ``raw``.
        top: for ``vague``, the least that is more than it can mean.
    """

    raw: float
    kind: str = ""
    base: float = 0.0
    factor: float = 1.0
    grain: float = 1.0
    top: float = 0.0


@dataclass(frozen=True)
class Quantity:
    """One stated quantity.

    Attributes:
        text: as it stands in the text.
        readings: what it may mean; at least one.
        hedge: ``up`` ("over"), ``down``, ``nearly``, ``about``, or empty.
        noun: the word after a bare count, or empty.
        parts: quantities that together say the same ("1 hour 30 minutes", "3 of 5").
        implied: stated by an article or a product ("an hour"); it bears out, and is itself no claim.
    """

    text: str
    start: int
    end: int
    readings: tuple[Reading, ...]
    hedge: str = ""
    noun: str = ""
    parts: tuple[Quantity, ...] = ()
    implied: bool = False

    @property
    def raw(self) -> float:
        """The number of its first reading."""
        return self.readings[0].raw

    @property
    def base(self) -> float:
        """Its first reading in the base unit."""
        return self.readings[0].base

    @property
    def dimension(self) -> str:
        """What its first reading measures, without the currency or scale: ``mass``, ``percent``, ``money``, or empty."""
        return self.readings[0].kind.split(" ")[0]


@dataclass(frozen=True)
class _Read:
    """Readings, and the token after them."""

    readings: tuple[Reading, ...]
    end: int
    bare: bool = False
    noun: str = ""
    parts: tuple[_Read, ...] = ()
    begin: int = -1


@cache
def _idioms() -> re.Pattern[str]:
    raw = resources.files("analysis.probes").joinpath("data/idioms.yaml").read_text("utf-8")
    return re.compile(
        r"(?<!\w)(?:" + "|".join(p.replace(" ", r"\s+") for p in yaml.safe_load(raw)) + r")(?!\w)", re.IGNORECASE
    )


_CUT = re.compile(
    r"https?://\S+|www\.\S+"
    r"|^[ \t]*[-*•]?[ \t]*\(?[0-9]{1,2}[.)](?=\s)"  # a list's marker: at the beginning of a line,
    r"|(?<=[.!?:;,])[ ]+\(?[0-9]{1,2}\)(?=\s)"  # in brackets after a mark,
    r"|(?<=[.!?:])[ ]+[0-9]{1,2}\.(?=\s+[A-Z])"  # or between sentences
    r"|[0-9]\ufe0f?\u20e3",
    re.MULTILINE,
)


@lru_cache(maxsize=4096)
def quantities(text: str) -> tuple[Quantity, ...]:
    """Return the quantities that ``text`` states, in order; idioms, identifiers, list markers and a bare "one" do not count."""
    return tuple(quantity for quantity in read(text) if not quantity.implied)


@lru_cache(maxsize=1024)
def read(text: str) -> tuple[Quantity, ...]:
    """Return the quantities that ``text`` states or implies, in order."""
    cut = _CUT.sub(lambda m: " " * len(m[0]), plain(text))
    cut = _idioms().sub(lambda m: "_" * len(m[0]), cut)
    return tuple(_read(text, Tokens(cut)))


def _read(text: str, at: Tokens) -> Iterator[Quantity]:
    i = 0
    while i < len(at):
        one = _at(at, i)
        if one is None:
            i += 1
            continue
        begin = one.begin if one.begin >= 0 else i
        stated = _quantity(text, at, begin, one)
        if one.bare and (end := _other_end(at, one.end)) is not None:
            stated = _like(stated, end)
        yield stated
        yield from (_quantity(text, at, begin, replace(part, end=one.end), implied=True) for part in one.parts)
        yield from _products(text, at, begin, one)
        i = max(one.end, i + 1)


def _quantity(text: str, at: Tokens, begin: int, one: _Read, *, implied: bool = False) -> Quantity:
    start, end = at[begin].start, at[one.end - 1].end
    hedge, first = _hedge(at, begin, one.end)
    parts = tuple(Quantity(text[start:end], start, end, part.readings, "", part.noun) for part in one.parts)
    implied = implied or _is_implied(at, begin, one)
    return Quantity(text[at[first].start : end], at[first].start, end, one.readings, hedge, one.noun, parts, implied)


def _is_implied(at: Tokens, begin: int, one: _Read) -> bool:
    """Return whether an article alone is its number, as in "a week"; "a decade" and "an hour and a half" do claim."""
    if at[begin].text not in ("a", "an"):
        return False
    reading = one.readings[0]
    return (
        reading.raw in (1.0, 2.0)
        and at[begin + 1].text not in ("decade", "century")
        and reading.kind not in ("percent", "multiple")
    )


def _hedge(at: Tokens, begin: int, end: int) -> tuple[str, int]:
    """Return the hedge before, or behind, the quantity at these tokens, and its first token."""
    for length in (3, 2, 1):
        words = tuple(at[begin - k].text for k in range(length, 0, -1))
        if kind := _HEDGED.get(words):
            return kind, begin - length
    if at[end].text == "+" and at.glued(end) or at.words(end, "or", "more") or at.words(end, "plus"):
        return "up", begin
    return ("about" if at.words(end, "or", "so") else ""), begin


# -- one quantity ------------------------------------------------------------------------------------------


def _at(at: Tokens, i: int) -> _Read | None:
    """Return the quantity that begins at token ``i``, if one does."""
    token = at[i]
    if token.kind == "mark":
        return _marked(at, i)
    if token.kind == "word":
        one = _year(at, i) or _part(at, i) or _multiple(at, i) or _vague(at, i)
        if one is not None:
            return one
        if token.text in ("a", "an") and (unit := named(at, i + 1)) and not at.glued(unit.end):
            return _measured(at, Number(1.0, 1.0, i + 1), i)
        if token.text in ("a", "the") and at[i + 1].text in ("couple", "pair") and at[i + 2].text == "of":
            return _Read((Reading(2.0, base=2.0),), i + 3) if token.text == "a" else None
        if (
            token.text not in SMALL
            and token.text not in TENS
            and token.text not in SCALES
            and token.text not in ("a", "an")
        ):
            return None
    elif _is_name(at, i):
        return None
    return _ratio(at, i) or _fraction(at, i) or _clock(at, i) or _counted(at, i)


def _is_name(at: Tokens, i: int) -> bool:
    """Return whether digits at token ``i`` belong to a name, a label, a date or another number."""
    before, glued = at[i - 1], at.glued(i)
    if glued and (before.kind == "word" or before.text in ("#", "_", "/")):
        return not (before.text in ("x", "rs", "us") and at[i - 2].kind == "digits")
    if glued and before.text in (".", ",", ":") and at[i - 2].kind == "digits" and at.glued(i - 1):
        return True
    if glued and before.text == "-" and at[i - 2].kind == "word" and at.glued(i - 1):
        return True
    if at[i + 1].text in (".", ",") and at.glued(i + 1) and at.glued(i + 2) and at[i + 2].kind == "digits":
        return True
    label = at[i - 1 - (before.text == ".")].text
    return label in _LABELS and len(at[i].text) <= 2 and not (label == "no" and before.text != ".")


def _marked(at: Tokens, i: int) -> _Read | None:
    """Return money after its sign, a year such as '19, or a temperature below zero."""
    if kind := CURRENCIES.get(at[i].text):
        read_number = number(at, i + 1, money=True)
        if read_number is None:
            return None
        unit = Unit(kind, 1.0, read_number.end)
        units = [unit] if not (per := rate(at, unit.end, unit)) else [per, unit]
        return _Read(_readings(read_number, units[:1]), units[0].end, parts=_kept(read_number, units[1:]))
    two = at[i + 1]
    if at[i].text == "'" and two.kind == "digits" and len(two.text) == 2 and at.glued(i + 1):
        if at.glued(i) and at[i - 1].kind != "mark" and not at[i - 1].text == "fy":
            return None
        if at[i + 2].text == "s" and at.glued(i + 2):
            return _one("decade", float(two.text), i + 3)
        return None if at.glued(i + 2) and at[i + 2].kind == "word" else _one("year", float(two.text), i + 2)
    if at[i].text in ("-", "−") and two.kind == "digits" and at.glued(i + 1) and not at.glued(i):
        one = _at(at, i + 1)
        if one and one.readings[0].kind.startswith("temperature"):
            reading = one.readings[0]
            offset = 32.0 if reading.kind.endswith("F") else 0.0
            return _Read((replace(reading, raw=-reading.raw, base=(-reading.raw - offset) * reading.factor),), one.end)
    return None


def _one(kind: str, value: float, end: int, *, grain: float = 1.0) -> _Read:
    return _Read((Reading(value, kind, value, 1.0, grain),), end)


def _year(at: Tokens, i: int) -> _Read | None:
    """Return a year or decade that begins with a word: FY21, "nineteen ninety", "the nineties"."""
    word = at[i].text
    if word in ("fy", "fiscal"):
        j = i + 1 + (at[i + 1].text == "year") + (at[i + 1].text == "'")
        if at[j].kind == "digits" and at[j].text.isdigit() and len(at[j].text) in (2, 4):
            return _one("year", float(at[j].text), j + 1)
    if word in _DECADES and at[i - 1].text in ("the", "early", "late", "mid"):
        return _one("decade", float(_DECADES[word]), i + 1)
    spelt = year_in_words(at, i)
    return _one("year", spelt.value, spelt.end) if spelt else None


def _share(top: float, bottom: float, end: int, parts: tuple[_Read, ...] = ()) -> _Read:
    value = 100 * top / bottom
    return _Read((Reading(value, "percent", value, 1.0, value / 10),), end, parts=parts)


def _part(at: Tokens, i: int) -> _Read | None:
    """Return a part in words: "a third of", "half a million", "half an hour", "every second", "two-fifths"."""
    if at[i].text in ("every", "each") and at[i + 1].text in _EVERY and at[i + 2].kind == "word":
        return _share(1, _EVERY[at[i + 1].text], i + 2)
    top, j = 1, i
    if at[i].text in ("a", "an") or SMALL.get(at[i].text, 0) > 0:
        top, j = SMALL.get(at[i].text, 1), i + 1
        j += at[j].text == "-"
    bottom = _FRACTIONS.get(at[j].text)
    if bottom is None or (j == i and bottom != 2 and at[i + 1].text != "of") or top >= bottom * 2:
        return None
    if (top > 1) != at[j].text.endswith("s") and at[j].text not in ("half", "halves"):
        return None
    k = j + 1 + (at[j + 1].text in ("-", "of") and at[j + 2].text in ("a", "an", *SCALES))
    article = at[k].text in ("a", "an") or at[k - 1].text == "-"
    scale = at[k + (at[k].text in ("a", "an"))]
    if scale.text in SCALES and (article or k > j + 1):
        end = k + (at[k].text in ("a", "an")) + 1
        value = top / bottom * SCALES[scale.text]
        return _measured(at, Number(value, value / 10, end, last=scale.text), i)
    if at[k].text in ("a", "an") and named(at, k + 1):
        return _measured(at, Number(top / bottom, 0.01, k + 1), i)
    if (
        bottom == 2
        and at[j + 1].text in ("-", "hour", "mile", "litre", "liter", "pound", "dozen")
        and named(at, j + 1 + (at[j + 1].text == "-"))
    ):
        return _measured(at, Number(top / bottom, 0.01, j + 1), i)
    after = at[j + 1]
    told = (
        after.kind == "mark" or after.text in _ARTICLES or after.text.endswith("er") or j > i and _is_verb(after.text)
    )
    return (
        _share(top, bottom, j + 1) if told and not (top == 1 and bottom > 2 and j == i and after.text != "of") else None
    )


def _is_verb(word: str) -> bool:
    return word in (
        "use",
        "uses",
        "have",
        "has",
        "are",
        "is",
        "were",
        "was",
        "say",
        "says",
        "said",
        "want",
        "voted",
        "live",
        "in",
        "by",
        "off",
    )


def _multiple(at: Tokens, i: int) -> _Read | None:
    """Return "doubled", or "twice" before "as" or "the"."""
    if at[i].text in _MULTIPLES:
        return _one("multiple", float(_MULTIPLES[at[i].text]), i + 1)
    if at[i].text in ("twice", "thrice", "double", "triple") and at[i + 1].text in ("as", "the"):
        return _one("multiple", 2.0 if at[i].text in ("twice", "double") else 3.0, i + 1)
    return None


def _vague(at: Tokens, i: int) -> _Read | None:
    """Return "dozens of", "hundreds of thousands of", "thousands fled"."""
    if at[i].text not in _PLURALS or at[i - 1].text == "the" and at[i].text == "tens":
        return None
    end = i + 3 if at[i + 1].text == "of" and at[i + 2].text in _PLURALS else i + 1
    bounds = _VAGUE.get(" ".join(at[k].text for k in range(i, end)))
    if bounds is None or (at[end].kind != "word"):
        return None
    return _Read((Reading(bounds[0], "vague", bounds[0], top=bounds[1]),), end)


def _ratio(at: Tokens, i: int) -> _Read | None:
    """Return "one in four", "4 out of 5", "412 of 515" as a share, with its two numbers as parts."""
    top = number(at, i)
    if top is None or at[top.end].text not in ("in", "out", "of") or top.last:
        return None
    joint = at[top.end].text
    j = top.end + (2 if joint == "out" else 1)
    if joint == "out" and at[top.end + 1].text != "of":
        return None
    j += joint != "in" and at[j].text in ("the", "our", "its", "every")
    bottom = number(at, j)
    if (
        bottom is None
        or not 0 < top.value < bottom.value
        or at[j].text == "a"
        or named(at, bottom.end)
        or at.glued(bottom.end + 0)
        and at[bottom.end].kind == "word"
    ):
        return None
    if joint == "in" and not (top.value <= 10 and bottom.value <= 1000 and not (1700 <= bottom.value <= 2100)):
        return None
    parts = tuple(_Read((Reading(n.value, "", n.value, 1.0, n.grain),), n.end) for n in (top, bottom))
    return _share(top.value, bottom.value, bottom.end, parts)


def _fraction(at: Tokens, i: int) -> _Read | None:
    """Return "3/4", or "½ cup"."""
    if at[i].kind == "vulgar" or (pair := slashed(at, i)):
        value = number(at, i).value if at[i].kind == "vulgar" else pair[0] / pair[1]
        end = i + (1 if at[i].kind == "vulgar" else 3)
        if named(at, end):
            return _measured(at, Number(value, 0.01, end), i)
        return _share(value, 1.0, end)
    return None


def _clock(at: Tokens, i: int) -> _Read | None:
    """Return "4:20", "4 pm", "16:20"; 100 for each hour."""
    hour, end, minutes = at[i].text, i + 1, 0
    if not hour.isdigit() or len(hour) > 2 or int(hour) > 24:
        return None
    timed = (
        at[i + 1].text in (":", ".")
        and at.glued(i + 1)
        and at.glued(i + 2)
        and at[i + 2].text.isdigit()
        and len(at[i + 2].text) == 2
    )
    if timed:
        minutes, end = int(at[i + 2].text), i + 3
    half = {"am": 0, "a.m": 0, "pm": 12, "p.m": 12, "o'clock": 0}.get(at[end].text)
    if (
        half is None
        and at[end].text in ("a", "p")
        and at[end + 1].text == "."
        and at[end + 2].text == "m"
        and at.glued(end + 1)
    ):
        half, end = (12 if at[end].text == "p" else 0), end + 2
    if half is None and not (timed and at[i + 1].text == ":"):
        return None
    hours = int(hour) % 12 + half if half is not None and at[end].text != "o'clock" else int(hour)
    time = float(100 * hours + minutes)
    parts = () if minutes else (_Read((Reading(float(hour), "", float(hour)),), end),)
    return _Read((Reading(time, "clock", time),), end + (half is not None), parts=parts)


def _counted(at: Tokens, i: int) -> _Read | None:
    """Return a number with its unit, noun or nothing."""
    read_number = number(at, i)
    return _measured(at, read_number, i) if read_number else None


def _measured(at: Tokens, read_number: Number, i: int) -> _Read | None:
    """Return what a number measures, by the unit behind it."""
    end, digits = read_number.end, read_number.plain
    if digits and at[end].text == "s" and at.glued(end) and int(float(digits)) % 10 == 0 and len(digits) in (2, 4):
        return _one("decade", read_number.value, end + 1)
    if digits and at[end].text in ("st", "nd", "rd", "th") and at.glued(end):
        return _one("", read_number.value, end + 1)
    step = at[end].text == "-" and (at.glued(end) or not digits) and at[end + 1].kind == "word"
    units = _units(at, end + step, read_number)
    glued = digits and at.glued(end) and at[end].kind == "word"
    if not units and glued:
        if at[end].text == "x" and at[end + 1].kind == "digits":
            return _bare(at, read_number, i)
        return _glued(at, read_number)
    if not units:
        per = rate(at, end, None)
        if per is not None and at[end].kind == "word":
            return _Read(_readings(read_number, [per]), per.end, parts=_kept(read_number, [None]))
        return _bare(at, read_number, i)
    return _compound(at, read_number, units) or _with_units(at, read_number, units)


def _units(at: Tokens, i: int, read_number: Number) -> list[Unit]:
    """Return the units that token ``i`` may name, the likeliest first."""
    if warmth := degrees(at, i):
        return [warmth] if not (at[i].written in ("C", "F") and not read_number.plain) else []
    if at[i].text == '"' and at.glued(i):
        return [Unit("length", 0.0254, i + 1)]
    if at[i].text in ("x", "×") and number(at, i + 1):
        return []
    if (
        at[i].text == "m"
        and read_number.plain
        and at.glued(i)
        and at[i + 1].kind == "word"
        and at[i + 1].text not in _FUNCTION
    ):
        return [Unit("length", 1.0, i + 1), Unit("", 1e6, i + 1)]
    if at[i].written == "G" and at.glued(i) and read_number.plain in ("2", "3", "4", "5", "6"):
        return []
    if at[i].text == "km" and at[i + 1].text == "h":
        return [Unit("length/time", 0.277778, i + 2)]
    unit = named(at, i)
    return [*([unit] if unit else []), *money_words(at, i)]


def _with_units(at: Tokens, read_number: Number, units: list[Unit]) -> _Read:
    rates = [(rate(at, unit.end, unit) if not unit.per else None) for unit in units]
    whole = [per or unit for per, unit in zip(rates, units, strict=True)]
    kept = [unit for per, unit in zip(rates, units, strict=True) if per]
    plain_inch = at[units[0].end - 1].text == '"'
    readings = _readings(read_number, whole)
    if plain_inch:  # or the end of a quotation
        readings += _readings(read_number, [Unit("", 1.0, units[0].end)])
    return _Read(readings, max(unit.end for unit in whole), parts=_kept(read_number, kept))


def _compound(at: Tokens, first: Number, units: list[Unit]) -> _Read | None:
    """Return "1 hour 30 minutes", "5 ft 6 in" as one quantity with two parts, or "an hour and a half"."""
    unit, end = units[0], units[0].end
    if at.words(end, "and", "a", "half"):
        return _Read(_readings(Number(first.value + 0.5, 0.5, end), [unit]), end + 3)
    end += at[end].text in ("and", ",")
    second = number(at, end)
    if second is None or unit.per:
        return None
    other = named(at, second.end)
    if (
        other is None
        or other.kind != unit.kind
        or not other.factor < unit.factor
        or second.value * other.factor >= unit.factor
    ):
        return None
    total = Number(first.value + second.value * other.factor / unit.factor, 0.01, other.end)
    parts = (_Read(_readings(first, [unit]), unit.end), _Read(_readings(second, [other]), other.end))
    return _Read(_readings(total, [unit]), other.end, parts=parts)


def _glued(at: Tokens, read_number: Number) -> _Read | None:
    """Return a number with a unit that is not known, written to it: 7200RPM, 1080p, 4K, 5G."""
    end, digits = read_number.end, read_number.plain
    if at.glued(end + 1) and at[end + 1].kind == "digits" or len(at[end].text) > 10:
        return None  # an identifier
    if at[end].text == "k" and resolution(digits) or at[end].text == "p" and digits in _LINES:
        lines = {"2160": 4.0, "4320": 8.0}.get(digits, float(digits))
        return _one("unit picture", lines, end + 1)
    return _one(f"unit {at[end].text}", read_number.value, end + 1, grain=read_number.grain)


def _bare(at: Tokens, read_number: Number, i: int) -> _Read | None:
    value, grain, end, digits, last = read_number
    word = at[end]
    noun = word.text if word.kind == "word" and word.text not in _FUNCTION else ""
    count = Reading(value, "", value, 1.0, grain)
    if len(digits) == 4 and digits.isdigit() and at[i].text == digits and 1700 <= value <= 2100:
        year = Reading(value, "year", value)
        if span := _span_of_years(at, end):
            return _Read((year,), span[0], parts=(_Read((Reading(span[1], "year", span[1]),), span[0]),))
        return _Read((year, count) if noun and word.written.islower() else (year,), end)
    if value in (0, 1) and not last:
        return None
    return _Read((count,), end, bare=True, noun=noun)


def _span_of_years(at: Tokens, end: int) -> tuple[int, float] | None:
    """Return the end of "2019-20" and its second year."""
    two = at[end + 1]
    if (
        at[end].text in ("-", "/")
        and at.glued(end)
        and at.glued(end + 1)
        and two.kind == "digits"
        and len(two.text) == 2
    ):
        return end + 2, float(two.text)
    return None


def _readings(read_number: Number, units: Iterable[Unit | None]) -> tuple[Reading, ...]:
    value = read_number.value
    readings = []
    for unit in units:
        kind, factor, offset = (unit.kind, unit.factor, unit.offset) if unit else ("", 1.0, 0.0)
        if not kind and factor != 1.0:  # a scale that was written as if it were a unit: 1.8m people
            readings.append(Reading(value * factor, "", value * factor, 1.0, read_number.grain * factor))
        else:
            readings.append(Reading(value, kind, (value - offset) * factor, factor, read_number.grain))
    return tuple(readings)


def _kept(read_number: Number, units: Iterable[Unit | None]) -> tuple[_Read, ...]:
    """Return what a rate is when its "per" is left out."""
    readings = _readings(read_number, units)
    return (_Read(readings, read_number.end),) if readings else ()


# -- what two quantities make ------------------------------------------------------------------------------


def _other_end(at: Tokens, i: int) -> _Read | None:
    """Return the second number of "9.2 to 6.1 million", whose scale and unit the bare first one has too."""
    if at[i].text not in ("to", "-", "or", "and"):
        return None
    other = (
        _counted(at, i + 1) if at[i + 1].kind == "digits" or at[i + 1].text in SMALL or at[i + 1].text in TENS else None
    )
    return other if other and (not other.bare or other.readings[0].raw >= 1000) else None


def _like(quantity: Quantity, other: _Read) -> Quantity:
    """Return a bare quantity with the unit and the scale of ``other``, or as it stands."""
    named_by = other.readings[0]
    if named_by.kind in ("year", "decade", "clock"):
        return quantity
    raw, grain = quantity.raw, quantity.readings[0].grain
    scale = next((s for s in (1e12, 1e9, 1e6, 1e3) if named_by.raw >= s and raw < 1000), 1.0)
    offset = 32.0 if named_by.kind == "temperature F" else 0.0
    reading = replace(named_by, raw=raw * scale, base=(raw * scale - offset) * named_by.factor, grain=grain * scale)
    return replace(quantity, readings=(reading, *quantity.readings) if scale == 1.0 else (reading,))


def _products(text: str, at: Tokens, begin: int, one: _Read) -> Iterator[Quantity]:
    """Yield what "2x8GB", "6 bottles of 750 ml" and "two 8 GB sticks" come to: 16 GB; implied."""
    count = one.readings[-1]
    if count.kind or not one.bare or not 2 <= count.raw <= 1000 or count.raw != int(count.raw):
        return
    j = one.end
    if at[j].text in ("x", "×"):
        j += 1
    elif at[j].kind == "word" and at[j + 1].text in ("of", "at", "with") and at[j + 2].kind == "digits":
        j += 2
    if at[j].kind != "digits" and at[j].text not in SMALL and at[j].text not in TENS:
        return
    each = _at(at, j)
    if each is None or each.bare or each.readings[0].kind.split(" ")[0] not in _ADDED:
        return
    reading = each.readings[0]
    total = replace(reading, raw=count.raw * reading.raw, base=count.raw * reading.base, grain=reading.grain)
    yield _quantity(text, at, begin, _Read((total,), each.end), implied=True)


_ADDED = frozenset("mass volume data time energy charge money power".split())
"""What adds up over pieces; lengths and voltages do not."""
