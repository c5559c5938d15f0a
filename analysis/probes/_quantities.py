"""Quantities in English text: digits, number words, fractions, years, multiples, products, units and rates.

One pass over the tokens, so that time grows with the text; a quantity may have several meanings ("5 pounds" is a mass or
money). Knows nothing of anchors. Of arithmetic it knows products and changes, no sums and no ages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib import resources

import yaml

from analysis.probes._changes import Changes
from analysis.probes._meanings import Meaning, Span
from analysis.probes._measures import below_zero, counted, measured, money
from analysis.probes._numbers import SCALES, SMALL, TENS, Number, Tokens
from analysis.probes._shares import fraction, multiple, part, ratio, vague
from analysis.probes._times import clock, is_year, short_year, year
from analysis.probes._units import CODES, CURRENCIES, named
from analysis.probes.text import plain

_HEDGES = {
    "up": "over|more than|at least|above|upwards of|in excess of|north of|no fewer than|beyond|>",
    "down": "under|less than|fewer than|below|within|not even|<",
    "nearly": "nearly|almost|close to|approaching|just under",
    "about": "about|around|roughly|approximately|some|approx|circa|~|≈",
}
_HEDGED = {tuple(words.split()): hedge for hedge, forms in _HEDGES.items() for words in forms.split("|")}
_LABELS = frozenset("step part tip reason point option chapter item rule fact myth question no nr number".split())
"""Words before a number that only counts paragraphs."""
_LOOK_BACK = 20
"""Tokens before a closing bracket among which it may be opened."""
_ADDED = frozenset("mass volume data time energy charge money".split())
"""What adds up over pieces; lengths and voltages do not."""


_PACKS = frozenset("packs boxes sets cases crates cartons trays bags rows bundles packets".split())
"""What holds equal pieces: three packs of twelve are 36."""


@dataclass(frozen=True)
class Quantity:
    """One stated quantity.

    Attributes:
        text: as it stands in the text, with its hedge.
        meanings: what it may mean; at least one.
        hedge: ``up`` ("over"), ``down``, ``nearly``, ``about``, or empty.
        noun: the word after a bare count, or empty.
        parts: quantities that together say the same; of a rate, the quantity without its "per".
        implied: stated by an article or a product ("an hour"); it bears out, and is itself no claim.
        product: whether it is what a number of equal pieces come to ("2x8GB").
    """

    text: str
    meanings: tuple[Meaning, ...]
    hedge: str = ""
    noun: str = ""
    parts: tuple[Quantity, ...] = ()
    implied: bool = False
    product: bool = False

    @property
    def raw(self) -> float:
        """The number of its first meaning."""
        return self.meanings[0].raw

    @property
    def dimension(self) -> str:
        """What its first meaning measures: ``mass``, ``percent``, ``money``, ``year``, or empty."""
        return self.meanings[0].dimension


_CUT = re.compile(
    r"https?://\S+|www\.\S+"
    r"|^[ \t]*+(?:[-*•][ \t]*+)?\(?[0-9]{1,2}[.):](?=\s|$)"  # a list's marker: at the beginning of a line,
    r"|(?<=[.!?:;,])[ ]\(?[0-9]{1,2}\)(?=\s)"  # in brackets after a mark,
    r"|(?<=[.!?:])[ ][0-9]{1,2}\.(?=\s[A-Z])"  # or between sentences
    r"|[0-9]\ufe0f?\u20e3",
    re.MULTILINE,
)
"""What states no quantity: addresses, markers of lists."""


@cache
def _idioms() -> re.Pattern[str]:
    raw = resources.files("analysis.probes").joinpath("data/idioms.yaml").read_text("utf-8")
    forms = "|".join(form.replace(" ", r"\s+") for form in yaml.safe_load(raw))
    return re.compile(rf"(?<!\w)(?:{forms})(?!\w)", re.IGNORECASE)


@lru_cache(maxsize=4096)
def quantities(text: str) -> tuple[Quantity, ...]:
    """Return the quantities that ``text`` states, in order; idioms, identifiers, list markers and a bare "one" do not count."""
    return tuple(quantity for quantity in implied_too(text) if not quantity.implied)


@lru_cache(maxsize=1024)
def implied_too(text: str, name: str = "") -> tuple[Quantity, ...]:
    """Return the quantities that ``text`` states or implies, in order; numbers in ``name`` are none."""
    cut = _CUT.sub(lambda match: " " * len(match[0]), plain(text.replace(name, "_" * len(name)) if name else text))
    cut = _idioms().sub(lambda match: "_" * len(match[0]), cut)
    return tuple(_in_order(text, Tokens(cut)))


def _in_order(text: str, at: Tokens) -> Iterator[Quantity]:
    i, changes = 0, Changes(at)
    while i < len(at):
        span = _begun(at, i)
        if span is None:
            i += 1
            continue
        span = changes.like(i, _like_its_end(at, span))
        yield _quantity(text, at, i, span, implied=_is_implied(at, i, span))
        for change in changes.take(i, span):
            yield _quantity(text, at, i, change, implied=True)
        if total := _product(at, span):
            yield replace(_quantity(text, at, i, total, implied=True), product=True)
        i = span.end


def _quantity(text: str, at: Tokens, i: int, span: Span, *, implied: bool) -> Quantity:
    hedge, first = _hedge(at, i, span.end)
    stated = text[at[first].start : at[span.end - 1].end]
    parts = tuple(Quantity(stated, each.meanings, "", each.noun) for each in span.parts)
    return Quantity(stated, span.meanings, hedge, span.noun, parts, implied)


def _is_implied(at: Tokens, i: int, span: Span) -> bool:
    """Return whether an article alone is its number, as in "a week"; "a decade" and "an hour and a half" do claim."""
    one = span.meanings[0].raw in (1.0, 2.0) and span.meanings[0].kind != "percent"
    return one and at[i].text in ("a", "an") and at[i + 1].text not in ("decade", "century", "full", "whole")


def _hedge(at: Tokens, i: int, end: int) -> tuple[str, int]:
    """Return the hedge before or behind the quantity at these tokens, and where it begins."""
    for length in (3, 2, 1):
        words = tuple(at[i - k].text for k in range(length, 0, -1))
        if hedge := _HEDGED.get(words):
            return hedge, i - length
    end += at[end].text == ","
    if (at[end].text == "+" and at.glued(end)) or at.words(end, "or", "more") or at[end].text == "plus":
        return ("about" if at.words(end + 2, "or", "less") else "up"), i
    return ("about" if at.words(end, "or", "so") or at.words(end, "more", "or", "less") else ""), i


# -- one quantity ------------------------------------------------------------------------------------------


def _begun(at: Tokens, i: int) -> Span | None:
    """Return the quantity that begins at token ``i``, if one does."""
    match at[i].kind:
        case "mark":
            return _marked(at, i)
        case "word":
            return (
                _coded(at, i)
                or year(at, i)
                or part(at, i)
                or multiple(at, i)
                or vague(at, i)
                or _article(at, i)
                or _in_words(at, i)
            )
        case _ if _is_name(at, i):
            return None
    return ratio(at, i) or fraction(at, i) or clock(at, i) or counted(at, i)


def _in_words(at: Tokens, i: int) -> Span | None:
    word = at[i].text
    begins = word in SMALL or word in TENS or word in SCALES or word in ("a", "an")
    return (ratio(at, i) or counted(at, i)) if begins else None


def _article(at: Tokens, i: int) -> Span | None:
    """Return "a week", "a full kilogram", "a couple of"."""
    if at[i].text not in ("a", "an"):
        return None
    if at[i + 1].text in ("couple", "pair") and at[i + 2].text == "of":
        scale = SCALES.get(at[i + 3].text, 1.0)
        return Span((Meaning(2 * scale, base=2 * scale, grain=scale),), i + 3 + (scale > 1), bare=True)
    j = i + 1 + (at[i + 1].text in ("full", "whole"))
    return measured(at, Number(1.0, 1.0, j), i) if named(at, j) else None


def _coded(at: Tokens, i: int) -> Span | None:
    """Return money after the code of its currency: EUR 40."""
    kind = CODES.get(at[i].written)
    return money(at, i + 1, kind) if kind and at[i + 1].kind == "digits" else None


def _marked(at: Tokens, i: int) -> Span | None:
    """Return money after its sign, a year such as '19, or a temperature below zero."""
    if kind := CURRENCIES.get(at[i].text):
        return money(at, i + 1, kind)
    if at[i].text == "'":
        return short_year(at, i)
    if at[i].text in ("-", "−") and at[i + 1].kind == "digits" and at.glued(i + 1) and not at.glued(i):
        span = counted(at, i + 1)
        return below_zero(span) if span else None
    return None


def _is_name(at: Tokens, i: int) -> bool:
    """Return whether the digits at token ``i`` belong to a name, a label, a date or another number."""
    before, two_before = at[i - 1], at[i - 2]
    if at.glued(i):
        if before.kind == "word" or before.text in ("#", "_", "/"):
            return not (before.text == "x" and two_before.kind == "digits")
        if before.text in (".", ",", ":") and two_before.kind == "digits" and at.glued(i - 1):
            return True
        if before.text == "-" and two_before.kind == "word" and at.glued(i - 1):
            return not (is_year(at[i].text) and two_before.text in ("mid", "pre", "post", "late", "early"))
    if at[i + 1].text in (".", ",") and at.glued(i + 1) and at.glued(i + 2) and at[i + 2].kind == "digits":
        return True
    if _is_marker(at, i):
        return True
    dotted = before.text == "."
    label = at[i - 1 - dotted].text
    return label in _LABELS and len(at[i].text) <= 2 and (label != "no" or dotted)


def _is_marker(at: Tokens, i: int) -> bool:
    """Return whether "2)" stands at token ``i``: a bracket that nothing has opened."""
    if at[i + 1].text != ")" or not at.glued(i + 1) or not at[i].text.isdigit() or len(at[i].text) > 2:
        return False
    return next((at[k].text for k in range(i - 1, i - 1 - _LOOK_BACK, -1) if at[k].text in ("(", ")", "")), ")") != "("


# -- two that belong together ------------------------------------------------------------------------------


def _like_its_end(at: Tokens, span: Span) -> Span:
    """Return a bare first number with the unit that its range, or its row of sides, ends in."""
    if span.bare and at[span.end].text in ("x", "×", "by"):
        return _side(at, span)
    return _range(at, span)


def _side(at: Tokens, span: Span) -> Span:
    """Return the first number of "12 x 8 x 3 inches" as a length."""
    side = span
    while side.bare and at[side.end].text in ("x", "×", "by") and side.end < span.end + 6:
        following = counted(at, side.end + 1)
        if following is None:
            return span
        side = following
    unit, first = side.meanings[0], span.meanings[0]
    return replace(span, meanings=(unit.scaled(first.raw, first.grain), first)) if unit.kind == "length" else span


def _range(at: Tokens, span: Span) -> Span:
    """Return the first number of "9.2 to 6.1 million" with the scale and unit of the second one, where it has none."""
    if (
        at[span.end].text not in ("to", "-", "or", "and")
        or span.scale
        or not (span.bare or span.meanings[0].dimension == "money")
    ):
        return span
    j = span.end + 1
    other = (
        _marked(at, j)
        if at[j].text in CURRENCIES
        else counted(at, j)
        if at[j].kind == "digits" or at[j].text in SMALL
        else None
    )
    if other is None or not (other.scale or (span.bare and not other.bare)):
        return span
    unit, first = other.meanings[0], span.meanings[0]
    if unit.dimension in ("year", "decade", "clock") or (not span.bare and unit.dimension != "money"):
        return span
    scale = other.scale or 1.0
    meaning = (unit if span.bare else first).scaled(first.raw * scale, first.grain * scale)
    return replace(span, meanings=(meaning,) if scale > 1 else (meaning, *span.meanings))


def _product(at: Tokens, span: Span) -> Span | None:
    """Return what "2x8GB", "6 bottles of 750 ml" and "two 8 GB sticks" come to: 16 GB."""
    count, j = span.meanings[-1].raw, span.end
    if not span.bare or not 2 <= count <= 1000 or count != int(count):
        return None
    if at[j].text in ("x", "×"):
        j += 1
    elif at[j].kind == "word" and at[j + 1].text in ("of", "at", "with"):
        j += 2
    if at[j].kind != "digits" and at[j].text not in SMALL and at[j].text not in TENS:
        return None
    each = counted(at, j)
    packed = at[j - 1].text == "of" and at[j - 2].text in _PACKS
    if each is None or (each.bare and not packed) or (not each.bare and each.meanings[0].dimension not in _ADDED):
        return None
    unit = each.meanings[0]
    return Span((unit.scaled(count * unit.raw, unit.grain),), each.end)
