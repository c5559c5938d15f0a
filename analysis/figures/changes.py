"""What learning changed: of each probe of strategy and arm, the absolute and the relative change (El & Zou's Fig. 2, arXiv 2510.06105)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from analysis.figures.charts import interval_chart
from analysis.figures.figure import Chart, FigureContent, FigureKind, LeftOut
from analysis.figures.frames import estimate_columns, frame_of_marks
from analysis.figures.rows import Panel, interval_rows
from analysis.figures.scopes import interval_of, scope_of
from analysis.figures.subject import RunRead, Subject, words
from analysis.statistics.estimates import plain
from analysis.tables.pooled import Measured, run_values
from analysis.tables.relative_changes import relative_change_over

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FROM_BASE, BEYOND, RELATIVE = "from_base", "from_comparator", "relative"
POINTS, PER_CENT = "points", "per cent"


def content(subject: Subject) -> FigureContent | LeftOut:
    """Return the changes of all arms, or why there are none."""
    rows = [row for row in subject.rows if row["kind"] == "strategy"]
    if not any(row["measure"] == FROM_BASE for row in rows):
        return LeftOut("No message was judged by a probe of strategy, both before and after learning.")
    marks = [mark for heading, runs in subject.groups.items() for mark in _of_group(subject, heading, runs, rows)]
    compared = dict.fromkeys(row["compared_with"] for row in rows if row["compared_with"])
    undefined = any(mark["panel"] == RELATIVE and mark["value"] is None for mark in marks)
    said = [
        subject.extent,
        "Rate: share of messages in which the probe finds something, before (base model) and after learning.",
        scope_of(mark for mark in marks if mark["panel"] == FROM_BASE),
        f"Relative: after / base − 1, delta method on the log ratio{'; undefined where base has none' if undefined else ''}.",
        *(
            [
                "Beyond its comparator: an arm's change minus that of the arm it is compared with, about the same anchors."
            ]
            if compared
            else []
        ),
        *subject.notes,
    ]
    return FigureContent(frame_of_marks(marks), " ".join(said), subject.looks, {"compared": list(compared)})


def _of_group(
    subject: Subject, heading: str, runs: tuple[RunRead, ...], rows: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    here = [row for row in rows if subject.group(row) == heading]
    by = {(row["outcome"], row["arm"], row["measure"]): row for row in here}
    relative = _relative(runs)
    for probe in dict.fromkeys(row["outcome"] for row in here):
        for arm in subject.order:
            change, base, after = (by.get((probe, arm, measure)) for measure in (FROM_BASE, "base", "after"))
            if change is None or base is None or after is None:
                continue
            title = f"{words(probe)}{f' ({heading})' if heading else ''}"
            place = {"group": title, "label": words(arm), "arm": arm, "levels": heading, "outcome": probe}
            ids = {
                "runs": len(runs),
                "base_rate": _hundred(base["estimate"]),
                "after_rate": _hundred(after["estimate"]),
            }
            yield place | ids | {"panel": FROM_BASE, "unit": POINTS} | estimate_columns(change, 100)
            if (beyond := by.get((probe, arm, BEYOND))) is not None:
                yield place | ids | {"panel": BEYOND, "unit": POINTS} | estimate_columns(beyond, 100)
            ratio = relative.get((arm, probe), {"value": None, "low": None, "high": None})
            value, low, high = (_hundred(ratio[name]) for name in ("value", "low", "high"))
            if not (scope := interval_of(change)["scope"]):
                low = high = None
            rates = f"{ids['base_rate']:.0f} → {ids['after_rate']:.0f} %"
            shown = rates if low is not None else f"{rates}, {'undefined' if value is None else 'no interval'}"
            yield place | ids | {
                "panel": RELATIVE, "unit": PER_CENT, "value": value, "low": low, "high": high, "shown": shown,
                "n": len({run.seed for run in runs}), "compared_with": "base", "over": change["over"], "scope": scope,
            }  # fmt: skip


def _relative(runs: tuple[RunRead, ...]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Return (arm, probe) -> relative change, of one run or over several."""
    if len(runs) == 1:
        probes = runs[0].tables[max(runs[0].tables)]["probes"] if runs[0].tables else []
        return {(row["arm"], row["probe"]): row["relative"] for row in probes}
    values = [(run.seed, run_values(run.evaluation, str(run.run))) for run in runs]
    found = {(of.arm, of.name) for _, each in values for of in each if of.kind == "strategy"}
    relative = {}
    for arm, probe in found:
        base, after = (Measured(arm, "strategy", probe, measure) for measure in ("base", "after"))
        both = [(seed, each[base], each[after]) for seed, each in values if base in each and after in each]
        relative[arm, probe] = plain(relative_change_over(both, networked=any(run.networked for run in runs)))
    return relative


def _hundred(value: float | None) -> float | None:
    return None if value is None else 100 * value


def _panels(shown: FigureContent) -> list[Panel]:
    compared = shown.facts["compared"]
    beyond = f"beyond {words(compared[0])}" if len(compared) == 1 else "beyond the comparator"
    panels = [Panel(FROM_BASE, "change from base", "percentage points")]
    panels += [Panel(BEYOND, beyond, "percentage points")] if compared else []
    return [*panels, Panel(RELATIVE, "relative change from base", "per cent of the base rate", far=250, least=-100)]


def _draw(shown: FigureContent) -> Figure:
    return interval_rows(shown.frame, _panels(shown), shown.looks)


def _chart(shown: FigureContent) -> Chart:
    return interval_chart(shown.frame, _panels(shown), shown.looks)


CHANGES = FigureKind("What learning changed", "messages that a probe of strategy judged", content, _draw, _chart)
