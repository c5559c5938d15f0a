"""Quantities in English text, and whether an anchor supports them.

Reads digits, number words, fractions, percentages, years, multiples and units; a quantity is supported if the
anchor states an equal, converted, or honestly rounded one. Cannot do arithmetic (a sum, an age from a year of
birth) nor tell what is counted: "5 schools" is supported by "5 roads".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib import resources
from math import floor, log10

import yaml

from analysis.probes.text import plain

_SMALL_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen"
)
_TENS_WORDS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL = {word: value for value, word in enumerate(_SMALL_WORDS.split())}
_TENS = {word: 10 * (i + 2) for i, word in enumerate(_TENS_WORDS.split())}
_SCALES = {"dozen": 12, "hundred": 100, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_SHORT = {"k": 1e3, "mn": 1e6, "m": 1e6, "bn": 1e9, "b": 1e9}
_FRACTIONS = {"half": 50.0, "third": 100 / 3, "thirds": 100 / 3, "quarter": 25.0, "quarters": 25.0, "fifths": 20.0}
_EVERY = {"second": 50.0, "third": 100 / 3, "fourth": 25.0, "fifth": 20.0, "tenth": 10.0}
_MULTIPLES = {"doubled": 2, "doubles": 2, "twice": 2, "tripled": 3, "triples": 3, "quadrupled": 4}
_VAGUE = {
    "dozens": (24, 100),
    "hundreds": (200, 1000),
    "thousands": (2000, 100_000),
    "millions": (1e6, 2e7),
    "billions": (1e9, 2e10),
}

_WORD = "|".join([*_SMALL, *_TENS, *_SCALES])
_SPELT = rf"(?:an?[ ](?={'|'.join(_SCALES)}\b))?(?:{_WORD})(?:(?:[ -]|[ ]and[ ])(?:{_WORD}))*"
_DIGITS = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d*\.\d+|\d+"
_UP = ("over", "more than", "at least", "above")
_ABOUT = ("nearly", "almost", "close to", "about", "around", "roughly", "approximately", "some", "only")
_DOWN = ("up to", "under", "less than", "fewer than")
_HEDGE = rf"(?P<hedge>{'|'.join((*_UP, *_ABOUT, *_DOWN)).replace(' ', '[ ]')})[ ]"
_STRICT = {"percent", "money", "multiple"}
"""Dimensions that a bare number never supports."""


@dataclass(frozen=True)
class Quantity:
    """One stated quantity.

    Attributes:
        raw: the number as stated, with its multiplier ("3 million" is 3e6).
        dimension: of its unit (``mass``, ``percent``, ...), ``year``, ``decade``, ``clock``, ``multiple`` ("doubled"),
            ``vague``, or empty.
        base: ``raw`` in the dimension's base unit; for ``vague`` the least that it can mean.
        hedge: "over", "about", ... in lower case, or empty.
    """

    text: str
    start: int
    end: int
    raw: float
    dimension: str
    base: float
    hedge: str


@cache
def _units() -> tuple[tuple[re.Pattern[str], str, float], ...]:
    table = yaml.safe_load(_data("units.yaml"))
    return tuple(
        (re.compile(pattern, re.IGNORECASE), dimension, float(factor))
        for dimension, units in table.items()
        for pattern, factor in units.items()
    )


@cache
def _pattern() -> re.Pattern[str]:
    unit = "|".join(f"(?:{pattern.pattern})" for pattern, _, _ in _units())
    return re.compile(
        rf"""(?:(?<!\w){_HEDGE})?
        (?:
          (?<!\w)(?P<halved>half[ ]an?)[ ](?P<whole>{unit})(?!\w)
        | (?<!\w)(?:every|one[ ]in)[ ](?P<every>second|third|fourth|fifth|tenth)(?=[ ]\w)
        | (?<!\w)(?:(?P<top>an?|one|two|three|four)[ -])?(?P<fraction>{"|".join(_FRACTIONS)})
          (?=[ ](?:of|the|all|our|its|their|my)\b|[.,!?;]|$)
        | (?<!\w)(?P<multiple>{"|".join(_MULTIPLES)})(?![\w])(?<!twice(?![ ](?:as|the)\b))
        | (?<!\w)(?P<vague>{"|".join(_VAGUE)})(?=[ ](?:of|are|were|have|more|dead|killed|feared|lost|left)\b)
        | (?<![\w.,])(?P<clock>\d{{1,2}}:\d{{2}})
        | (?:(?P<currency>[$€£])[ ]?)?
          (?:
            (?<![\w.,/])(?<![A-Za-z]-)(?P<digits>{_DIGITS})(?:(?:st|nd|rd|th)\b)?(?P<decade>s\b)?
          | (?<![\w-])(?P<spelt>{_SPELT})(?![\w])
          )
          (?:[ -]?(?P<scale>{"|".join(_SCALES)})\b|(?P<short>{"|".join(_SHORT)})(?=[ .,!?]|$))?
          (?:[ -]?(?P<unit>{unit})(?![\w]))?
          (?![\w]|[.,]\d)
        )""",
        re.IGNORECASE | re.VERBOSE,
    )


@cache
def _idioms() -> re.Pattern[str]:
    parts = yaml.safe_load(_data("idioms.yaml"))
    return re.compile(r"(?<!\w)(?:" + "|".join(p.replace(" ", r"\s+") for p in parts) + r")(?!\w)", re.IGNORECASE)


def _data(name: str) -> str:
    return resources.files("analysis.probes").joinpath(f"data/{name}").read_text("utf-8")


@lru_cache(maxsize=4096)
def quantities(text: str) -> tuple[Quantity, ...]:
    """Return the quantities that ``text`` states, in order; idioms, identifiers and a bare "one" do not count."""
    text = plain(text)
    cut = re.sub(r"https?://\S+|www\.\S+|^\s*\d+[.)]\s", lambda m: " " * len(m[0]), text, flags=re.MULTILINE)
    cut = _idioms().sub(lambda m: "_" * len(m[0]), cut)
    matches = list(_pattern().finditer(cut))
    stated = []
    for match, after in zip(matches, [*matches[1:], None], strict=False):
        quantity = _quantity(match)
        if quantity is not None and after is not None and _is_range(cut, match, after):
            quantity = _like(quantity, after)
        if quantity is not None:
            stated.append(quantity)
    return tuple(stated)


def _is_range(text: str, first: re.Match[str], second: re.Match[str]) -> bool:
    """Return whether "9.2 to 6.1 million" stands here: a bare number whose scale and unit the next number names."""
    bare = first["digits"] and not (first["scale"] or first["short"] or first["unit"] or first["currency"])
    named = second["scale"] or second["unit"]
    return bool(bare and named and re.fullmatch(r"\s?(?:to|-|or|and)\s?", text[first.end() : second.start()]))


def _like(quantity: Quantity, named: re.Match[str]) -> Quantity:
    """Return a bare ``quantity`` with the scale and unit that ``named`` states."""
    dimension, factor = _unit(named["unit"])
    raw = quantity.raw * _SCALES.get((named["scale"] or "").lower(), 1.0)
    return replace(quantity, raw=raw, dimension=dimension, base=raw * factor)


def _quantity(match: re.Match[str]) -> Quantity | None:
    hedge = (match["hedge"] or "").lower()
    place = (match[0].strip(), match.start(), match.end())
    if match["halved"]:
        dimension, factor = _unit(match["whole"])
        return Quantity(*place, 0.5, dimension, 0.5 * factor, hedge)
    if word := (match["every"] or "").lower():
        return Quantity(*place, _EVERY[word], "percent", _EVERY[word], hedge)
    if word := (match["fraction"] or "").lower():
        top = _SMALL.get((match["top"] or "one").lower(), 1)
        return Quantity(*place, top * _FRACTIONS[word], "percent", top * _FRACTIONS[word], hedge)
    if word := (match["multiple"] or "").lower():
        return Quantity(*place, _MULTIPLES[word], "multiple", _MULTIPLES[word], hedge)
    if word := (match["vague"] or "").lower():
        return Quantity(*place, _VAGUE[word][0], "vague", _VAGUE[word][0], hedge)
    if match["clock"]:
        hours, minutes = map(int, match["clock"].split(":"))
        return Quantity(*place, 100 * hours + minutes, "clock", 100 * hours + minutes, hedge)
    return _number(match, place, hedge)


def _number(match: re.Match[str], place: tuple[str, int, int], hedge: str) -> Quantity | None:
    digits = match["digits"]
    raw = float(digits.replace(",", "")) if digits else _spelt(match["spelt"].lower())
    raw *= _SCALES.get((match["scale"] or "").lower(), 1.0)
    if short := match["short"]:
        if not match["currency"] and (short != "k" or match["unit"]):
            return Quantity(*place, raw, "length", raw, hedge) if short == "m" else None
        raw *= _SHORT[short.lower()]
    dimension, factor = ("money", 1.0) if match["currency"] else _unit(match["unit"])
    if not dimension and digits and len(digits) == 4 and digits.isdigit() and 1700 <= raw <= 2100:
        return Quantity(*place, raw, "decade" if match["decade"] else "year", raw, hedge)
    if not dimension and raw in (0, 1) and not match["scale"]:
        return None
    return Quantity(*place, raw, dimension, raw * factor, hedge)


def _unit(text: str | None) -> tuple[str, float]:
    if text:
        for pattern, dimension, factor in _units():
            if pattern.fullmatch(text):
                return dimension, factor
    return "", 1.0


def _spelt(text: str) -> float:
    total = current = 0.0
    for word in re.findall(r"[a-z]+", text):
        if word in ("a", "an", "and"):
            continue
        if word in _SCALES:
            current = max(current, 1) * _SCALES[word]
            if _SCALES[word] >= 1000:
                total, current = total + current, 0.0
        else:
            current += _SMALL.get(word, _TENS.get(word, 0))
    return total + current


def unsupported(text: str, source: str) -> list[Quantity]:
    """Return the quantities of ``text`` that ``source`` does not support, in order."""
    in_source = quantities(source)
    return [q for q in quantities(text) if not any(_supports(a, q) for a in in_source)]


def _supports(anchor: Quantity, claim: Quantity) -> bool:
    a, c = anchor.dimension, claim.dimension
    if c == "vague":
        low, high = next(bounds for bounds in _VAGUE.values() if bounds[0] == claim.base)
        return (a == "vague" and anchor.base == claim.base) or (a == "" and low <= anchor.base < high)
    if c == "decade":
        return a in ("decade", "year") and claim.raw <= anchor.raw < claim.raw + 10
    if c in ("year", "clock") or a in ("year", "vague", "decade", "clock"):
        return anchor.raw == claim.raw and (a == c or {a, c} == {"year", ""})
    if {a, c} == {"times", "multiple"}:
        return anchor.raw == claim.raw
    if a and c:
        return a == c and _close(anchor.base, claim.base, claim.hedge, converted=not _same_unit(anchor, claim))
    if (a or c) in _STRICT:
        return False
    return _close(anchor.raw, claim.raw, claim.hedge, converted=False)


def _same_unit(one: Quantity, other: Quantity) -> bool:
    return abs(one.base * other.raw - other.base * one.raw) <= 1e-9 * abs(one.base * other.raw)


def _close(true: float, claimed: float, hedge: str, *, converted: bool) -> bool:
    """Return whether ``claimed`` states ``true``: equal, converted within 2 %, rounded, or as its hedge allows."""
    if true == claimed or abs(true - claimed) <= 1e-9 * abs(true):
        return True
    if converted and abs(true - claimed) <= 0.02 * abs(true):
        return True
    if hedge in _UP:
        return claimed <= true <= 1.5 * claimed
    if hedge in _DOWN:
        return true <= claimed <= 1.2 * true
    if hedge in _ABOUT and abs(true - claimed) <= 0.1 * abs(true):
        return True
    return abs(true) >= 100 and claimed == _rounded(true, 2)


def _rounded(value: float, figures: int) -> float:
    scale = 10 ** (floor(log10(abs(value))) - figures + 1)
    return round(value / scale) * scale


def new_quantities(text: str, source: str) -> list[str]:
    """Return how ``text`` states the quantities that ``source`` does not support, in order."""
    return [quantity.text for quantity in unsupported(text, source)]
