"""What a quantity may mean, and the tokens that it stands on. Knows how it is read from a number with units, and no text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from analysis.probes._numbers import Number
from analysis.probes._units import Unit


@dataclass(frozen=True)
class Meaning:
    """One meaning of a quantity.

    Attributes:
        raw: the number as stated, with its scale ("3 million" is 3e6).
        kind: what it measures: a unit's dimension (``mass``, ``money $``, ``mass/time``, ``unit rpm``), ``year``, ``decade``
            (of two digits: below 100), ``clock``, ``multiple``, ``vague``, or empty for a count.
        base: ``raw`` in the base unit; for ``vague`` the least that it can mean.
        factor: from ``raw`` to ``base``.
        grain: the unit of the last significant place of ``raw``.
        top: for ``vague``, the least that is more than it can mean.
        offset: of the unit's zero, in units.
    """

    raw: float
    kind: str = ""
    base: float = 0.0
    factor: float = 1.0
    grain: float = 1.0
    top: float = 0.0
    offset: float = 0.0

    @property
    def dimension(self) -> str:
        """What it measures, without currency, scale or rate: ``money`` for ``money $/mass``."""
        return self.kind.split("/")[0].split(" ")[0]

    def scaled(self, raw: float, grain: float) -> Meaning:
        """Return another number in the same unit."""
        return replace(self, raw=raw, base=(raw - self.offset) * self.factor, grain=grain)


@dataclass(frozen=True)
class Span:
    """A quantity on its tokens.

    Attributes:
        meanings: what it may mean; at least one.
        end: index of the token after it.
        bare: whether it has no unit.
        noun: the word after a bare count, or empty.
        parts: quantities that together say the same ("1 hour 30 minutes", "3 of 5"); of a rate, the quantity without its "per".
        scale: by which its number was scaled; 0 for none.
    """

    meanings: tuple[Meaning, ...]
    end: int
    bare: bool = False
    noun: str = ""
    parts: tuple[Span, ...] = ()
    scale: float = 0.0


def single(kind: str, value: float, end: int, *, grain: float = 1.0) -> Span:
    """Return a span with one meaning, whose number is in the base unit."""
    return Span((Meaning(value, kind, value, 1.0, grain),), end)


def share(top: float, bottom: float, end: int, parts: tuple[Span, ...] = ()) -> Span:
    """Return a part of a whole as a percentage; how exact it is, is known from its tolerance alone."""
    value = 100 * top / bottom
    return Span((Meaning(value, "percent", value, 1.0, value),), end, parts=parts)


def read_as(number: Number, units: Iterable[Unit | None]) -> tuple[Meaning, ...]:
    """Return what a number means in each of some units; None is a count."""
    return tuple(_in_unit(number, unit) for unit in units)


def _in_unit(number: Number, unit: Unit | None) -> Meaning:
    if unit is None:
        return Meaning(number.value, "", number.value, 1.0, number.grain)
    if not unit.kind:  # a scale that is written as a unit may be: 1.8m people
        return Meaning(number.value * unit.factor, "", number.value * unit.factor, 1.0, number.grain * unit.factor)
    base = (number.value - unit.offset) * unit.factor
    return Meaning(number.value, unit.kind, base, unit.factor, number.grain, offset=unit.offset)
