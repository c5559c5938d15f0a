"""Whether the quantities of one text bear out a quantity of another: equal, rounded, converted, or as hedged.

A number is borne out if it is a correct rounding of a stated one at its own precision and lies within ``TOLERANCE`` of it;
a converted one lies within ``TOLERANCE``; a hedge widens this. Knows no text.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

from analysis.probes._meanings import Meaning
from analysis.probes._quantities import Quantity, implied_too
from analysis.probes._times import without_dates
from analysis.probes._units import CELSIUS, FAHRENHEIT

TOLERANCE = 0.02
"""Share of the true value by which a rounded or converted number may differ."""
POINTS = 0.5
"""Percentage points by which a percentage of 10 or more may differ if it is rounded: 12.4 % is 12 %."""
ABOUT, OVER, UNDER = 0.1, 0.5, 0.2
"""What hedges allow: "about" and "nearly" 10 % of the true value, "over X" up to half more than X, "under X" down to 20 % less."""
_STRICT = ("percent", "change", "money", "multiple", "temperature", "year", "decade", "clock", "vague")
"""Kinds that a bare number neither bears out nor is borne out by."""
_EXACT = 1e-9


class Stated:
    """All quantities of a source, ready to be asked: sorted, so that a claim is looked up and not compared with each."""

    def __init__(self, stated: Iterable[Quantity]) -> None:
        self._values: dict[str, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
        self._vague: set[float] = set()
        self._products: set[str] = set()
        for quantity in stated:
            for meaning in (*quantity.meanings, *(r for part in quantity.parts for r in part.meanings)):
                self._add(meaning, quantity.noun)
            if quantity.product:
                self._products.add(quantity.meanings[0].kind)
        for by_factor in self._values.values():
            for values in by_factor.values():
                values.sort()

    def _add(self, meaning: Meaning, noun: str) -> None:
        kind = meaning.kind
        if kind == "vague":
            self._vague.add(meaning.base)
        self._values[kind][meaning.factor].append(meaning.base)
        if not kind:
            self._values[f"unit {noun}" if noun else "bare"][1.0].append(meaning.raw)
        if meaning.dimension not in _STRICT:
            self._values["any"][1.0].append(meaning.raw)
        if kind.startswith("temperature"):
            self._values["any temperature"][1.0].append(meaning.raw)
        if kind == "year":
            self._values["year of two digits"][1.0].append(meaning.raw % 100)

    def bears_out(self, claim: Quantity) -> bool:
        """Return whether the source states the claim in one of its meanings, or each of its parts."""
        if any(self._states(meaning, claim.hedge, claim.noun) for meaning in claim.meanings):
            return True
        if claim.dimension == "percent" and not claim.parts and self._near("change", claim.meanings[0], claim.hedge):
            return True  # it fell by half; one in two is another claim
        parts = claim.parts if claim.meanings[0].kind == "percent" or len(claim.parts) > 1 else ()
        return bool(parts) and parts[0].raw != 1 and all(self.bears_out(part) for part in parts)

    def multiplies_otherwise(self, claim: Quantity) -> bool:
        """Return whether the source has products of this kind, and none of them, nor a total, is the claimed one."""
        return claim.product and claim.meanings[0].kind in self._products and not self.bears_out(claim)

    def _states(self, claim: Meaning, hedge: str, noun: str) -> bool:
        kind = claim.kind
        match kind:
            case "vague":
                return claim.base in self._vague or self._any("", claim.base, claim.top * (1 - 1e-6))
            case "year":
                return self._states_year(claim.raw)
            case "decade":
                return self._states_decade(claim.raw)
            case "clock":
                return self._any("clock", claim.raw, claim.raw)
            case "multiple" | "times":
                return any(self._near(name, claim, hedge) for name in ("multiple", "times"))
            case "":
                return self._states_count(claim, hedge, noun)
        if kind.startswith("temperature"):
            return self._states_temperature(claim, hedge)
        if self._near(kind, claim, hedge):
            return True
        if claim.dimension in _STRICT or "/" in kind or kind.startswith("unit "):
            return False
        return self._near("bare", Meaning(claim.raw, "", claim.raw, 1.0, claim.grain), hedge)

    def _states_count(self, claim: Meaning, hedge: str, noun: str) -> bool:
        """Return whether a count is stated: of what it counts, if the source counts that; else of anything, of a measure exactly."""
        if noun and f"unit {noun}" in self._values:
            return self._near(f"unit {noun}", claim, hedge) or self._near("bare", claim, hedge)
        if self._any("year", claim.raw, claim.raw) or self._near("", claim, hedge):
            return True
        return self._any("any", claim.raw, claim.raw) if noun else self._near("any", claim, hedge)

    def _states_year(self, year: float) -> bool:
        if year < 100:
            return self._any("year of two digits", year, year)
        short = self._any("year", year % 100, year % 100) and 1930 <= year < 2030
        return short or self._any("year", year, year) or self._any("", year, year)

    def _states_decade(self, decade: float) -> bool:
        if decade < 100:
            return any(self._states_decade(century + decade) for century in (1700, 1800, 1900, 2000))
        last = decade + 9
        return (
            self._any("year", decade, last)
            or self._any("decade", decade, last)
            or self._any("decade", decade % 100, decade % 100)
        )

    def _states_temperature(self, claim: Meaning, hedge: str) -> bool:
        if claim.kind == "temperature":
            bare = Meaning(claim.raw, "any temperature", claim.raw, 1.0, claim.grain)
            return self._near("any temperature", bare, hedge)
        unscaled = Meaning(claim.raw, "temperature", claim.raw, 1.0, claim.grain)
        if self._near(claim.kind, claim, hedge) or self._near("temperature", unscaled, hedge):
            return True
        other, factor = FAHRENHEIT if claim.kind == CELSIUS[0] else CELSIUS
        margin = max(1.0, abs(claim.base) * (ABOUT if hedge else TOLERANCE))
        return self._any(other, claim.base - margin, claim.base + margin, factor)

    def _near(self, kind: str, claim: Meaning, hedge: str) -> bool:
        """Return whether a value of ``kind`` may be stated as ``claim``: rounded if of its own unit, else converted."""
        for factor in self._values.get(kind, {}):
            same = abs(factor - claim.factor) <= _EXACT * claim.factor
            low, high = _interval(claim, hedge, rounded=same)
            if self._any(kind, low, high, factor):
                return True
        return False

    def _any(self, kind: str, low: float, high: float, factor: float = 1.0) -> bool:
        """Return whether a value of ``kind``, stated in a unit of ``factor``, lies between two bounds."""
        values = self._values.get(kind, {}).get(factor, [])
        slack = _EXACT * abs(high)
        i = bisect_left(values, low - slack)
        return i < len(values) and values[i] <= high + slack


def _interval(claim: Meaning, hedge: str, *, rounded: bool) -> tuple[float, float]:
    """Return between which true values the claim is fair, in the base unit."""
    value = claim.base
    if value < 0:
        low, high = _interval(
            Meaning(-claim.raw, claim.kind, -value, claim.factor, claim.grain), hedge, rounded=rounded
        )
        return -high, -low
    low, high = value / (1 + TOLERANCE), value / (1 - TOLERANCE)
    if claim.kind == "percent" and value >= 10:
        low, high = min(low, value - POINTS), max(high, value + POINTS)
    if rounded:
        half = claim.grain * claim.factor / 2
        low, high = max(low, value - half), min(high, value + half)
    match hedge:
        case "up":
            return min(low, value), max(high, value * (1 + OVER))
        case "down":
            return min(low, value * (1 - UNDER)), max(high, value)
        case "nearly":
            return min(low, value * (1 - ABOUT)), high
        case "about":
            return min(low, value / (1 + ABOUT)), max(high, value / (1 - ABOUT))
    return low, high


@lru_cache(maxsize=256)
def _stated(source: str) -> Stated:
    return Stated(implied_too(source))


def unsupported(text: str, source: str, name: str = "") -> list[Quantity]:
    """Return the quantities of ``text`` that ``source`` does not support, in order; ``name`` is what it is about."""
    stated = _stated(source)
    return [
        claim
        for claim in implied_too(without_dates(text, source), name)
        if (stated.multiplies_otherwise(claim) if claim.implied else not stated.bears_out(claim))
    ]


def new_quantities(text: str, source: str, name: str = "") -> list[str]:
    """Return how ``text`` states the quantities that ``source`` does not support, in order."""
    return [quantity.text for quantity in unsupported(text, source, name)]
