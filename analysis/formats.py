"""How numbers and texts are shown, in the terminal and on pages alike: plain text, never markup.

There is one notation: ``12.3 %``, ``+1.2`` and ``−1.2`` (with a true minus), ``[10.1, 14.5]`` for an interval, whose ends carry no
plus (``+6.9 [4.2, 9.7]``), and a dash for a number that does not exist. An *estimate* is a mapping with ``value``, ``low`` and ``high``, as
:func:`analysis.statistics.estimates.plain` makes it. Knows nothing of terminals and browsers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

LABEL = 200
"""Characters of a name or a subject that are shown."""
DASH = "–"
MINUS = "−"
NO_VARIATION = "(no variation)"
"""In place of an interval where all runs came to the same, as identical twins do: they say nothing of how far off it might be."""

Numbers = Mapping[str, Any] | None
"""An estimate, or None where there is none."""


def known(value: float | None) -> bool:
    """Return whether there is a number."""
    return value is not None and not math.isnan(value)


# -- single numbers ----------------------------------------------------------------------------------------


def number(value: float | None, digits: int = 0) -> str:
    """Return a number with this many decimals; zero has no sign."""
    if value is None or not known(value):
        return DASH
    return f"{value:,.{digits}f}".replace("-", MINUS if round(value, digits) else "")


def percent(value: float | None, digits: int = 1) -> str:
    """Return a share as per cent."""
    return f"{number(100 * value, digits)} %" if value is not None and known(value) else DASH


def signed(value: float, digits: int = 1) -> str:
    """Return a number with its sign; zero has none."""
    text = f"{abs(value):.{digits}f}"
    return text if not float(text) else ("+" if value > 0 else MINUS) + text


def p_value(p: float | None) -> str:
    """Return a p-value to three decimals."""
    return DASH if p is None or not known(p) else "<0.001" if p < 0.001 else f"{p:.3f}"


def count(times: int, what: str, plural: str = "") -> str:
    """Return a number of things with their noun."""
    return f"{times:,} {what if times == 1 else plural or what + 's'}"


def listed(names: str) -> str:
    """Return names that commas separate as a sentence has them.

    >>> listed("seeds, anchors, people")
    'seeds, anchors and people'
    """
    first, _, last = names.rpartition(", ")
    return f"{first} and {last}" if first else last


def ago(then: float, now: float) -> str:
    """Return the time since ``then`` in its largest unit; both in seconds since the Unix epoch."""
    if not then:
        return DASH
    for unit, seconds in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if (units := int((now - then) // seconds)) > 0:
            return f"{count(units, unit)} ago"
    return "just now"


def duration(seconds: float | None) -> str:
    """Return seconds in the unit that fits."""
    if seconds is None:
        return DASH
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{number(seconds / size, 1)} {unit}"
    return f"{number(seconds)} s"


# -- estimates ---------------------------------------------------------------------------------------------


def bounds(estimate: Numbers, digits: int = 1) -> str:
    """Return an interval of shares in per cent, without its unit; nothing where there is none."""
    return _bounds(estimate, lambda value: number(100 * value, digits))


def rate(estimate: Numbers) -> str:
    """Return a share in per cent with its interval."""
    return f"{percent(estimate['value'])} {bounds(estimate)}".rstrip() if estimate is not None else DASH


def points(estimate: Numbers) -> str:
    """Return a difference of shares in percentage points, with its sign."""
    return signed(100 * estimate["value"]) if estimate is not None and known(estimate["value"]) else DASH


def points_bounds(estimate: Numbers) -> str:
    """Return the interval of a difference of shares in percentage points; nothing where there is none."""
    return _bounds(estimate, lambda value: number(100 * value, 1))


def number_bounds(estimate: Numbers, digits: int = 2) -> str:
    """Return the interval of a number in its own unit; nothing where there is none."""
    return _bounds(estimate, lambda value: number(value, digits))


def measured(estimate: Numbers, digits: int = 2) -> str:
    """Return a number in its own unit with its interval."""
    return f"{number(estimate['value'], digits)} {number_bounds(estimate, digits)}".rstrip() if estimate else DASH


def difference(estimate: Numbers) -> str:
    """Return a difference of shares in percentage points with its interval."""
    return f"{points(estimate)} {points_bounds(estimate)}".rstrip()


def log_odds(estimate: Numbers) -> str:
    """Return a log-odds with its interval; without one where it has no width, as that of the origin."""
    if estimate is None or not known(estimate["value"]):
        return DASH
    interval = "" if estimate["low"] == estimate["high"] else number_bounds(estimate)
    return f"{signed(estimate['value'], 2)} {interval}".rstrip()


def relative(estimate: Numbers) -> str:
    """Return a relative change in per cent; a dash where the base rate is zero."""
    if estimate is None or not known(estimate["value"]):
        return DASH
    return f"{signed(100 * estimate['value'], 0)} %"


def _bounds(estimate: Numbers, show: Callable[[float], str]) -> str:
    if estimate is None:
        return ""
    if not (known(estimate["low"]) and known(estimate["high"])):
        return NO_VARIATION if estimate.get("se") == 0 and known(estimate["value"]) else ""
    return f"[{show(estimate['low'])}, {show(estimate['high'])}]"


# -- texts -------------------------------------------------------------------------------------------------


def comparator_name(others: Iterable[str]) -> str:
    """Return what differences are taken from, as a heading names it: the one arm that all are compared with, if there is one."""
    names = {other for other in others if other}
    return short(names.pop(), 24) if len(names) == 1 else "comparator"


def comparisons(compared: Mapping[str, str]) -> str:
    """Return which arm is compared with which, where a heading cannot name a single one; otherwise nothing.

    Args:
        compared: arm -> the arm that it is compared with; empty for none.
    """
    declared = {arm: other for arm, other in compared.items() if other}
    if len(set(declared.values())) < 2:
        return ""
    return f"Compared: {', '.join(f'{short(arm, 24)} with {short(other, 24)}' for arm, other in declared.items())}."


def short(text: str, width: int = 80) -> str:
    """Return a text on one line, shortened where it is long."""
    line = " ".join(text[: 4 * width].split())
    return line if len(line) <= width else line[: width - 1] + "…"


def model_name(name: str) -> str:
    """Return a model's name without its server or folder."""
    return name.rsplit("#", 1)[-1].rstrip("/").rsplit("/", 1)[-1]


def hypothesis_words(each: Mapping[str, Any]) -> str:
    """Return what a declared hypothesis is about: outcome, arms with the direction, levels.

    >>> hypothesis_words({"outcome": "win_rate", "arm": "rft", "direction": "greater", "measure": "from_comparator",
    ...                   "compared_with": "placebo", "where": {"arena": "sales"}})
    'win rate: rft > placebo, arena=sales'
    >>> hypothesis_words({"outcome": "populism", "arm": "rft", "direction": "greater", "measure": "from_base",
    ...                   "compared_with": "", "where": {"audience": "default"}, "minus": {"audience": "neutral"}})
    'populism: rft from base, audience=default > audience=neutral'
    """
    other = {"from_base": "base", "rate": "50 %"}.get(each["measure"], each["compared_with"] or "its comparator")
    sign = {"greater": ">", "less": "<"}.get(each["direction"], "≠")
    where = "".join(f", {factor}={level}" for factor, level in each["where"].items())
    if minus := ", ".join(f"{factor}={level}" for factor, level in each.get("minus", {}).items()):
        return f"{each['outcome'].replace('_', ' ')}: {each['arm']} from {other}{where} {sign} {minus}"
    return f"{each['outcome'].replace('_', ' ')}: {each['arm']} {sign} {other}{where}"


USUAL_LEVEL = 0.95
"""What every interval holds but those of hypotheses, of whose alpha a part may be spent on looks before the end."""


def hypotheses_hold(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return what the intervals of declared hypotheses hold, where that is not what all others do; else an empty text."""
    levels = {round(row["level"], 6) for row in rows if row["level"] and row["family"] == "confirmatory"}
    if levels <= {USUAL_LEVEL}:
        return ""
    shown = " or ".join(f"{100 * level:.4g} %" for level in sorted(levels))
    return f"Intervals of the declared hypotheses hold {shown}, each by itself; all others hold 95 %."


def conclusions_corrected(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return why a difference whose interval leaves 0 out can be 'cannot tell'; an empty text where there is none such.

    Args:
        rows: of a study's tidy frame.
    """
    family = [row for row in rows if row.get("family") == "exploratory" and row["p_adjusted"] is not None]
    if not any(
        row["conclusion"] == "cannot tell"
        and row["low"] is not None
        and row["low"] * row["high"] > 0
        and row["measure"].startswith("from_")
        for row in family
    ):
        return ""
    return (
        f"Conclusions follow the p adjusted over all {count(len(family), 'exploratory estimate')} (Benjamini-Hochberg), and intervals are not adjusted: "
        "one can exclude 0 where the conclusion is 'cannot tell'."
    )
