"""Units: how they are written, what they measure, and what a unit "per" another one is. Knows nothing of numbers."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import NamedTuple

import yaml

from analysis.probes._numbers import Tokens

CURRENCIES = {"$": "money $", "€": "money €", "£": "money £", "¥": "money ¥", "₹": "money ₹"}
CODES = {
    "EUR": "money €",
    "USD": "money $",
    "GBP": "money £",
    "JPY": "money ¥",
    "INR": "money ₹",
    "Rs": "money ₹",
}
_CENTS = ("money $", "money €")
_BY = frozenset("a an each every".split())
_AFTER = frozenset("later ago earlier before after from of".split())
"""Words after "a week" that make it a time, not a rate."""
_BEFORE = frozenset(
    "in for within than after of once twice half about over only just took takes take lasts lasted last".split()
)
"""Words before "a week" that do so."""


_ADVERBS = {
    "hourly": 3600.0,
    "daily": 86400.0,
    "nightly": 86400.0,
    "weekly": 604800.0,
    "monthly": 2629800.0,
    "yearly": 31557600.0,
    "annually": 31557600.0,
    "annum": 31557600.0,
}


class Unit(NamedTuple):
    """A unit of measurement.

    Attributes:
        kind: the dimension, with the currency for money ("mass", "money $", "length/time").
        factor: to the dimension's base unit.
        end: index of the token after it.
        offset: of the zero point, in units, for degrees Fahrenheit.
    """

    kind: str
    factor: float
    end: int
    offset: float = 0.0

    @property
    def per(self) -> bool:
        """Whether it is a rate."""
        return "/" in self.kind


CELSIUS, FAHRENHEIT, DEGREES = ("temperature C", 1.0), ("temperature F", 5 / 9), ("temperature", 1.0)


@cache
def _table() -> dict[str, tuple[str, float]]:
    raw = yaml.safe_load(resources.files("analysis.probes").joinpath("data/units.yaml").read_text("utf-8"))
    return {
        name: (kind, float(factor))
        for kind, units in raw.items()
        for names, factor in units.items()
        for name in names.split()
    }


def named(at: Tokens, i: int) -> Unit | None:
    """Return the unit that is named from token ``i`` on, the longest name first."""
    names: list[tuple[str, int]] = []
    name, j = "", i
    while len(names) < 3 and (at[j].kind == "word" or at[j].text in ("%", "×")):
        name = f"{name}_{at[j].text}" if name else at[j].text
        j += 1
        names.append((name, j))
        if at[j].text == "-" and at.glued(j) and at.glued(j + 1):
            j += 1
    if names and at[i].written in _table():  # MBps is not Mbps
        return Unit(*_table()[at[i].written], i + 1)
    return next((Unit(*_table()[name], end) for name, end in reversed(names) if name in _table()), None)


def degrees(at: Tokens, i: int) -> Unit | None:
    """Return the scale of a temperature that is named from token ``i`` on: "°F", "degrees Celsius", "C"."""
    written = at[i].written
    if at[i].text in ("°", "degrees", "degree", "deg", "º"):
        j = i + 1
    elif written in ("C", "F") or at[i].text in ("celsius", "fahrenheit", "centigrade"):
        j = i
    else:
        return None
    if at[j].written in ("C", "c") or at[j].text in ("celsius", "centigrade"):
        return Unit(*CELSIUS, j + 1)
    if at[j].written in ("F", "f") or at[j].text == "fahrenheit":
        return Unit(*FAHRENHEIT, j + 1, 32.0)
    return Unit(*DEGREES, j)


def rate(at: Tokens, i: int, unit: Unit | None, *, words: int = 3) -> Unit | None:
    """Return ``unit`` (or a count) per another unit, if "per kilo", "/h", "a day" follows within a few words.

    Args:
        i: the token after the number and its unit.
    """
    for j in range(i, i + words + 1):
        if at[j].text in _ADVERBS:
            return _per(at, j, unit)
        if at[j].text == "/" and j == i and at.glued(j):
            per = _per(at, j + 1, unit)
            bits = per is not None and per.kind == "data/time" and at[i - 1].written in ("Kb", "Mb", "Gb", "kb")
            return per._replace(factor=per.factor / 8) if per and bits else per
        if at[j].text == "per":
            return _per(at, j + 1, unit)
        if at[j].text in _BY and (j == i or at[j - 1].text not in _BEFORE):
            other = named(at, j + 1)
            timely = at[j + 1].text == "night" or (other and other.kind in ("time", "mass", "volume", "area"))
            if timely and at[other.end if other else j + 2].text not in _AFTER:
                return _per(at, j + 1, unit)
        if at[j].kind != "word":
            return None
    return None


def _per(at: Tokens, j: int, unit: Unit | None) -> Unit | None:
    """Return ``unit`` per the one at token ``j``, which may carry a number: "per 100 ml". None for "per person"."""
    times, k = 1.0, j
    if at[j].kind == "digits" and at[j].text.isdigit() and int(at[j].text[:9]) > 0:
        times, k = float(at[j].text[:9]), j + 1
    kind, factor = (unit.kind, unit.factor) if unit else ("", 1.0)
    if at[k].text in ("night", "nightly"):
        return Unit(f"{kind}/night", factor / times, k + 1)
    other = Unit("time", _ADVERBS[at[k].text], k + 1) if at[k].text in _ADVERBS else named(at, k)
    if other is None or other.kind == "percent":
        return None
    return Unit(f"{kind}/{other.kind}", factor / (other.factor * times), other.end)


def money_words(at: Tokens, i: int) -> list[Unit]:
    """Return the currencies that a word of two meanings at token ``i`` may name: "pounds", "cents"."""
    if at[i].text in ("pound", "pounds"):
        return [Unit("money £", 1.0, i + 1)]
    if at[i].text in ("cent", "cents"):
        return [Unit(kind, 0.01, i + 1) for kind in _CENTS]
    return []
