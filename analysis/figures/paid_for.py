"""What the audience paid for: how much of each arm's win rate comes from what its messages have more of (:mod:`analysis.tables.explained`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from analysis.figures.charts import interval_chart
from analysis.figures.figure import Chart, FigureContent, FigureKind, LeftOut
from analysis.figures.frames import estimate_columns, frame_of_marks
from analysis.figures.rows import Panel, interval_rows
from analysis.figures.scopes import ADAPTERS, NEW
from analysis.figures.subject import Subject, words
from analysis.statistics.estimates import Estimate
from analysis.tables.explained import PLACE, UNEXPLAINED, Explained, explained
from moloch.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 6
"""Features that are shown, beside the place and what is unexplained."""
GAIN, BEYOND = "gain", "from_comparator"


def content(subject: Subject) -> FigureContent | LeftOut:
    """Return the parts of each arm's win rate, or why votes cannot be explained."""
    if subject.withheld:
        return LeftOut(f"Win rates are withheld: {subject.withheld}.")
    found: list[tuple[str, int, Explained]] = []
    why = ""
    for heading, runs in subject.groups.items():
        for arm in subject.order:
            if not any(arm in run.evaluation.arms() for run in runs):
                continue
            try:
                found.append((heading, len(runs), explained([run.run for run in runs], arm)))
            except InputError as error:
                why = why or " ".join(filter(None, [error.what, f"({error.why})" if error.why else ""]))
    if not found:
        return LeftOut(f"Votes cannot be explained: {why}." if why else "No arm was evaluated.")
    marks = [
        mark
        for heading in dict.fromkeys(heading for heading, *_ in found)
        for mark in _of_group(heading, [each for each in found if each[0] == heading])
    ]
    rules = list(dict.fromkeys(each.rule for *_, each in found))
    fitted = any(each.fitted for *_, each in found)
    said = [
        subject.extent,
        f"Parts of the win rate minus one half, by the audience's rule ({', '.join(rules)}{', fitted to these votes' if fitted else ''}), exact vote by vote; "
        "they say what the rule rewarded, not why an arm writes that way.",
        f"Lines: 95 % for {NEW if max(n for _, n, _ in found) > 1 else ADAPTERS}; clustered on {'runs, ' if max(n for _, n, _ in found) > 1 else ''}anchors and people.",
        f"Shown are the {MOST} features with the largest parts; the rest is in the table beside the figure.",
        *subject.notes,
    ]
    compared = list(dict.fromkeys(each.compared_with for *_, each in found if each.compared_with))
    return FigureContent(frame_of_marks(marks), " ".join(said), subject.looks, {"compared": compared})


def _of_group(heading: str, found: list[tuple[str, int, Explained]]) -> Iterator[dict[str, Any]]:
    sizes: dict[str, float] = {}
    for _, _, each in found:
        for part in each.parts:
            sizes[part.name] = max(sizes.get(part.name, 0.0), abs(part.gain.value))
    features = sorted(
        (name for name in sizes if name not in (PLACE, UNEXPLAINED) and sizes[name] > 0), key=lambda name: -sizes[name]
    )
    for name in (*features, PLACE, UNEXPLAINED):
        for _, runs, each in found:
            part = next(part for part in each.parts if part.name == name)
            place = {
                "group": heading, "label": words(name), "arm": each.arm, "unit": "percentage points",
                "part": name, "levels": heading, "epoch": each.epoch, "runs": runs, "contests": each.contests, "rule": each.rule,
                "change": None if part.change != part.change else part.change, "drawn": name not in features[MOST:],
            }  # fmt: skip
            yield place | {"panel": GAIN} | _columns(part.gain, "base", each)
            if each.compared_with:
                yield place | {"panel": BEYOND} | _columns(part.from_comparator, each.compared_with, each)


def _columns(estimate: Estimate, compared: str, each: Explained) -> dict[str, Any]:
    value, low, high = (None if x != x else x for x in (estimate.value, estimate.low, estimate.high))
    row = {
        "estimate": value,
        "low": low,
        "high": high,
        "compared_with": compared,
        "anchors": each.anchors,
        "people": each.personas,
    }
    return estimate_columns(row, 100) | {"shown": ""}


def _panels(shown: FigureContent) -> list[Panel]:
    compared = shown.facts["compared"]
    panels = [Panel(GAIN, "part of the win rate over base", "percentage points of votes")]
    name = words(compared[0]) if len(compared) == 1 else "the comparator"
    return panels + ([Panel(BEYOND, f"beyond {name}", "percentage points of votes")] if compared else [])


def _draw(shown: FigureContent) -> Figure:
    return interval_rows(shown.frame.filter("drawn"), _panels(shown), shown.looks)


def _chart(shown: FigureContent) -> Chart:
    return interval_chart(shown.frame.filter("drawn"), _panels(shown), shown.looks)


PAID_FOR = FigureKind("What the audience paid for", "votes of personas in an isolated world", content, _draw, _chart)
