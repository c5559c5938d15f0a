"""Numbers with what follows them: a unit, a rate, an unknown unit that is glued to them, a noun. Knows tokens and units."""

from __future__ import annotations

from analysis.probes._meanings import Meaning, Span, read_as, single
from analysis.probes._numbers import Number, Tokens, number, resolution
from analysis.probes._times import decade, is_year, second_year
from analysis.probes._units import CURRENCIES, DEGREES, Unit, degrees, money_words, named, rate

_FUNCTION = frozenset(
    "a an the and or to of in on at by for from with without per than plus as is are was were be been has have had who that"
    " which it its if but so not no all only just over under about nearly almost around up down out off into when while after"
    " before since until each every this these those his her their our your my i you he she we they".split()
)
"""Words that are no noun."""
_FOOT = 0.3048
_SIDES = frozenset("wide long tall high deep thick x × by".split())
"""Words behind "in" that make it inches."""
_COMPARED = frozenset("as more less the that what".split())
"""Words behind "three times" that make it a multiple."""
_LINES = {"480": 480, "720": 720, "1080": 1080, "1440": 1440, "2160": 4, "4320": 8}
"""Lines of a picture, or the thousands of columns that it is called after."""


def counted(at: Tokens, i: int) -> Span | None:
    """Return the number at token ``i`` with what it measures or counts, if one begins there."""
    value = number(at, i)
    return measured(at, value, i) if value else None


def measured(at: Tokens, value: Number, i: int) -> Span | None:
    """Return what a number that begins at token ``i`` measures or counts, by what stands behind it."""
    end = value.end
    if value.plain and (years := decade(at, value.plain, end)):
        return years
    if value.plain and at[end].text in ("st", "nd", "rd", "th") and at.glued(end):
        return single("", value.value, end + 1)
    if height := _feet_and_inches(at, value):
        return height
    joined = at[end].text == "-" and at[end + 1].kind == "word" and (at.glued(end) or not value.plain)
    if units := _units(at, end + joined, value):
        return _compound(at, value, units) or _with_units(at, value, units)
    attached = value.plain and at.glued(end) and at[end].kind == "word" and at[end].text.isascii()
    if attached and not (at[end].text == "x" and at[end + 1].kind == "digits"):
        return _glued(at, value)
    if at[end].kind == "word" and (per := rate(at, end, None)):
        return Span(read_as(value, [per]), per.end, parts=_without_rate(value, [None]))
    return _bare(at, value, i)


def _units(at: Tokens, i: int, value: Number) -> list[Unit]:
    """Return the units that token ``i`` may name, the likeliest first."""
    if warmth := degrees(at, i):
        letter = at[i].written in ("C", "F")
        return [warmth] if value.plain or not letter else []
    if at[i].text in CURRENCIES and at[i + 1].kind != "digits":
        return [Unit(CURRENCIES[at[i].text], 1.0, i + 1)]
    if at[i].text == '"' and at.glued(i):
        return [Unit("length", 0.0254, i + 1), Unit("", 1.0, i + 1)]  # or the end of a quotation
    if at[i].text in ("x", "×") and number(at, i + 1):
        return []
    if (
        at[i].text == "m"
        and value.plain
        and at.glued(i)
        and at[i + 1].kind == "word"
        and at[i + 1].text not in _FUNCTION
    ):
        return [Unit("length", 1.0, i + 1), Unit("", 1e6, i + 1)]
    if at[i].written == "G" and at.glued(i) and value.plain in ("2", "3", "4", "5", "6"):
        return []  # a network
    if at[i].text == "in" and (at[i + 1].text in _SIDES or (at.glued(i) and value.plain)):
        return [Unit("length", 0.0254, i + 1)]
    if at[i].text == "times" and not (at[i + 1].text in _COMPARED or at[i + 1].text.endswith("er")):
        return []  # how often
    unit = named(at, i)
    return [*([unit] if unit else []), *money_words(at, i)]


def _with_units(at: Tokens, value: Number, units: list[Unit]) -> Span:
    rates = [None if unit.per else rate(at, unit.end, unit) for unit in units]
    whole = [per or unit for per, unit in zip(rates, units, strict=True)]
    kept = [unit for per, unit in zip(rates, units, strict=True) if per]
    return Span(
        read_as(value, whole), max(unit.end for unit in whole), parts=_without_rate(value, kept), scale=value.scale
    )


def money(at: Tokens, i: int, kind: str) -> Span | None:
    """Return an amount whose currency stands before token ``i``."""
    value = number(at, i, money=True)
    return _with_units(at, value, [Unit(kind, 1.0, value.end)]) if value else None


def _without_rate(value: Number, units: list[Unit | None] | list[Unit]) -> tuple[Span, ...]:
    """Return what a rate is when its "per" is left out."""
    return (Span(read_as(value, units), value.end),) if units else ()


def _compound(at: Tokens, first: Number, units: list[Unit]) -> Span | None:
    """Return "1 hour 30 minutes" or "5 ft 6 in" as one quantity with two parts, or "an hour and a half"."""
    unit, end = units[0], units[0].end
    if at.words(end, "and", "a", "half"):
        return Span(read_as(Number(first.value + 0.5, 0.5, end), [unit]), end + 3)
    end += at[end].text in ("and", ",")
    second = number(at, end)
    other = named(at, second.end) if second else None
    if second and unit.factor == _FOOT and at[second.end].text == "in":
        other = Unit("length", _FOOT / 12, second.end + 1)
    if second is None or other is None or unit.per or other.kind != unit.kind:
        return None
    if other.factor >= unit.factor or second.value * other.factor >= unit.factor:
        return None
    total = Number(first.value + second.value * other.factor / unit.factor, 0.01, other.end)
    parts = (Span(read_as(first, [unit]), unit.end), Span(read_as(second, [other]), other.end))
    return Span(read_as(total, [unit]), other.end, parts=parts)


def _feet_and_inches(at: Tokens, value: Number) -> Span | None:
    """Return 5'10" as a length."""
    end = value.end
    if not (value.plain and at[end].text == "'" and at.glued(end) and at.glued(end + 1) and at[end + 2].text == '"'):
        return None
    inches = number(at, end + 1)
    if inches is None or inches.end != end + 2 or inches.value >= 12:
        return None
    return Span(read_as(Number(value.value + inches.value / 12, 0.01, end), [Unit("length", _FOOT, end)]), end + 3)


def _glued(at: Tokens, value: Number) -> Span | None:
    """Return a number with a unit that is not known, written to it: 7200RPS, 1080p, 4K, 5G; None for an identifier."""
    end, digits, word = value.end, value.plain, at[value.end].text
    if (at.glued(end + 1) and at[end + 1].kind == "digits") or len(word) > 10:
        return None
    if word == "k" and resolution(digits):
        columns = Meaning(value.value, "unit picture", value.value)
        count = Meaning(1000 * value.value, "", 1000 * value.value, 1.0, 1000 * value.grain)
        return Span((columns, count), end + 1)
    if word == "p" and digits in _LINES:
        return single("unit picture", _LINES[digits], end + 1)
    return single(f"unit {word}", value.value, end + 1, grain=value.grain)


def _bare(at: Tokens, value: Number, i: int) -> Span | None:
    end, word = value.end, at[value.end]
    noun = word.text if word.kind == "word" and word.text not in _FUNCTION else ""
    count = read_as(value, [None])
    if is_year(value.plain) and at[i].text == value.plain:
        year = Meaning(value.value, "year", value.value)
        if second := second_year(at, end):
            return Span((year,), second.end, parts=(second,))
        return Span((year, *count) if noun and word.written.islower() else (year,), end)
    if value.value in (0, 1) and not value.scale:
        return None
    return Span(count, end, bare=True, noun=noun, scale=value.scale)


def below_zero(span: Span) -> Span | None:
    """Return a temperature with its sign changed; None for what cannot be negative."""
    first = span.meanings[0]
    if first.dimension != DEGREES[0]:
        return None
    return Span((first.scaled(-first.raw, first.grain),), span.end)
