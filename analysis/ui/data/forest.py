"""The forest plot as a page shows it: where each mark of the figure of outcomes stands on its axis, what it says, and where it leads.

Takes the marks of :func:`analysis.figures.outcomes.outcome_marks`, in percentage points. Computes no statistic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from analysis.figures.palette import Look
from analysis.formats import known
from analysis.ui.data.looks import css

ENDS = (1, 2, 5, 10, 25, 50, 100)
"""Ends of the axis, in percentage points; the least that holds every interval of an outcome is taken."""
MOST = 60
"""Panels that are shown."""
CANNOT_TELL = "cannot tell"
TONES = {
    "effect": "effect",
    "effect, smaller than the margin": "small",
    "equivalent to none": "same",
    CANNOT_TELL: "unclear",
}
"""Conclusion -> how it is marked."""
OF_ADAPTERS = "The interval leaves zero out, for other anchors and people. Each arm was trained once: it says nothing about new trainings."
ALONE = (
    "One society, or one training: nothing in it is independent, and there is no interval. That takes several seeds."
)
Mark = Mapping[str, Any]


def forest(
    marks: Sequence[Mark], looks: Mapping[str, Look], url: Callable[[Mark], str], comparator: str = ""
) -> list[dict[str, Any]]:
    """Return a panel per outcome and combination of levels; panels of one outcome share an axis.

    Args:
        url: of the rows behind a mark; empty for none.
        comparator: what all are compared with; empty where they differ, and then each row says it.
    """
    groups: dict[tuple[str, str], list[Mark]] = {}
    for mark in marks:
        groups.setdefault((mark["outcome"], mark["group"]), []).append(mark)
    axes = {outcome: _end(mark for mark in marks if mark["outcome"] == outcome) for outcome, _ in groups}
    panels, outcomes = [], list(axes)
    ordered = sorted(groups.items(), key=lambda each: outcomes.index(each[0][0]))
    for (outcome, title), group in ordered[:MOST]:
        end = axes[outcome]
        rows = [_row(mark, end, looks.get(mark["arm"]), url(mark), comparator) for mark in group]
        panels.append({"title": title, "outcome": outcome, "end": f"{end:g}", "rows": rows})
    return panels


def left_out(marks: Sequence[Mark]) -> int:
    """Return how many panels are not shown."""
    return max(0, len({(mark["outcome"], mark["group"]) for mark in marks}) - MOST)


def shown_estimate(mark: Mark) -> str:
    """Return a mark's estimate with its interval, without its conclusion."""
    return mark["shown"].removesuffix(mark["conclusion"]).strip()


def verdict(mark: Mark) -> dict[str, str]:
    """Return what a mark lets one conclude: ``text``, its ``tone`` and what it ``says`` in a sentence.

    The conclusion is the figure's. Of adapters that were trained once it is always that one cannot tell, of competition; then what the
    interval says of these adapters stands beside it.
    """
    said, low, high = mark["conclusion"], mark["low"], mark["high"]
    if not (known(low) and known(high)):
        return {"text": CANNOT_TELL, "tone": "unclear", "says": ALONE}
    if mark["scope"] == "adapters" and said in ("", CANNOT_TELL) and not low <= 0 <= high:
        return {"text": f"{'above' if low > 0 else 'below'} 0, these adapters", "tone": "adapters", "says": OF_ADAPTERS}
    text = said or (CANNOT_TELL if low <= 0 <= high else "leaves zero out")
    least = mark.get("detectable")
    could = f" An effect of {least:.2g} points can be found with 80 % power." if known(least) else ""
    says = {
        "effect": "The test finds an effect.",
        "effect, smaller than the margin": "There is an effect, and it is smaller than the declared margin.",
        "equivalent to none": "Any effect is smaller than the declared margin.",
        CANNOT_TELL: "Neither an effect nor its absence is shown.",
    }.get(text, "")
    return {"text": text, "tone": TONES.get(text, "effect"), "says": says + could}


def _end(marks: Iterable[Mark]) -> float:
    ends = [abs(mark[name]) for mark in marks for name in ("value", "low", "high", "margin") if known(mark.get(name))]
    return next((end for end in ENDS if end >= max(ends, default=0)), ENDS[-1])


def _row(mark: Mark, end: float, look: Look | None, url: str, comparator: str) -> dict[str, Any]:
    low, high, value = mark["low"], mark["high"], mark["value"]
    estimate = shown_estimate(mark)
    compared = mark["compared_with"] or "base"
    return {
        "arm": mark["label"],
        "compared": "" if compared == comparator else f"beyond {compared}",
        "colour": css(look),
        "at": _at(value, end) if known(value) else None,
        "line": _span(low, high, end),
        "inner": _span(mark.get("low_90"), mark.get("high_90"), end),
        "margin": _span(-mark["margin"], mark["margin"], end) if known(mark.get("margin")) else None,
        "found": [_at(sign * mark["detectable"], end) for sign in (-1, 1)]
        if known(mark.get("detectable")) and mark["detectable"] <= end
        else [],
        "cut": [bool(known(low) and low < -end), bool(known(high) and high > end)],
        "shown": estimate,
        "verdict": verdict(mark),
        "url": url,
        "said": f"{mark['label']}, {mark['outcome'].replace('_', ' ')} beyond {compared}: {estimate} percentage points",
    }


def _at(value: float, end: float) -> float:
    """Return a place on the axis from -``end`` to ``end``, in per cent of its width."""
    return round(50 + 50 * min(end, max(-end, value)) / end, 3)


def _span(low: float | None, high: float | None, end: float) -> list[float] | None:
    if not (known(low) and known(high)):
        return None
    start, stop = _at(low, end), _at(high, end)  # pyright: ignore[reportArgumentType]
    return [start, round(stop - start, 3)]
