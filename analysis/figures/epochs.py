"""Learning curves: win rate and misbehaviour of each arm after each epoch, with a band over seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.figures.charts import PIXELS, colour_of, said_of, shape_of
from analysis.figures.figure import Chart, FigureContent, FigureKind, LeftOut
from analysis.figures.frames import frame_of_marks
from analysis.figures.palette import QUIET, RULE, Look
from analysis.figures.scopes import ADAPTERS, SEEDS
from analysis.figures.style import WIDTH
from analysis.figures.subject import RunRead, Subject, words
from analysis.statistics.estimates import mean_of

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row = dict[str, Any]
WINS = "win_rate"
ONE, MEAN = "one run", "mean of runs"
HIGH = 1.75
"""Inches of a panel."""


def content(subject: Subject) -> FigureContent | LeftOut:
    """Return a row per arm, epoch, outcome and run, and one per mean over runs; or why there is none."""
    if max((len(run.evaluation.epochs) for run in subject.runs), default=0) < 2:
        return LeftOut("One epoch was evaluated: the setting evaluate: every evaluates each.")
    marks = [
        mark
        for heading, runs in subject.groups.items()
        for mark in _of_group(heading, runs, votes=not subject.withheld)
    ]
    if not marks:
        return LeftOut("Win rates are withheld, and no message was judged by a probe of strategy.")
    several = any(mark["of"] == MEAN for mark in marks)
    band = (
        f"Bands: Student's 95 % interval of the mean over seeds, for {SEEDS}. Thin lines: single runs."
        if several
        else f"Bands: 95 % intervals for {ADAPTERS}."
    )
    probes = any(mark["outcome"] != WINS for mark in marks)
    said = [
        subject.extent,
        band,
        "Win rate: share of votes against the base model, which is 50 % for an equal." if not subject.withheld else "",
        "Epoch 0 is the base model." if probes else "",
        *subject.notes,
    ]
    return FigureContent(frame_of_marks(marks), " ".join(filter(None, said)), subject.looks)


def _of_group(heading: str, runs: Sequence[RunRead], *, votes: bool) -> Iterator[Row]:
    ones = [mark for run in runs for mark in _of_run(heading, run, votes=votes)]
    yield from ones
    by: dict[tuple[str, str, int], list[Row]] = {}
    for mark in ones:
        by.setdefault((mark["outcome"], mark["arm"], mark["epoch"]), []).append(mark)
    for (outcome, arm, epoch), these in by.items():
        if len(runs) > 1:
            mean = mean_of([mark["value"] for mark in these]).within(0, 100)
            low, high = (None if end != end else end for end in (mean.low, mean.high))
            yield {
                "group": heading, "outcome": outcome, "arm": arm, "epoch": epoch, "of": MEAN, "value": mean.value, "low": low,
                "high": high, "unit": "per cent", "runs": len(these),
            }  # fmt: skip


def _of_run(heading: str, run: RunRead, *, votes: bool) -> Iterator[Row]:
    def mark(outcome: str, arm: str, epoch: int, estimate: Mapping[str, Any]) -> Row:
        numbers = {name: None if estimate[name] is None else 100 * estimate[name] for name in ("value", "low", "high")}
        return {
            "group": heading,
            "outcome": outcome,
            "arm": arm,
            "epoch": epoch,
            "of": ONE,
            "unit": "per cent",
            "runs": 1,
            **numbers,
            **run.ids,
        }

    first = min(run.tables, default=0)
    for epoch, found in run.tables.items():
        if votes:
            yield from (
                mark(WINS, arm, epoch, row["win_rate"])
                for arm, row in found["arms"].items()
                if row["win_rate"]["value"] is not None
            )
        for row in found["probes"]:
            if row["kind"] == "strategy" and row["after"]["value"] is not None:
                if epoch == first and row["base"]["value"] is not None:
                    yield mark(row["probe"], row["arm"], 0, row["base"])
                yield mark(row["probe"], row["arm"], epoch, row["after"])


def _grid(frame: pl.DataFrame) -> tuple[list[str], dict[str, list[str]]]:
    """Return the groups, and of each its outcomes in order, win rates first."""
    groups = list(dict.fromkeys(frame["group"].to_list()))
    pairs = dict.fromkeys(zip(frame["group"].to_list(), frame["outcome"].to_list(), strict=True))
    return groups, {group: [outcome for other, outcome in pairs if other == group] for group in groups}


def _draw(shown: FigureContent) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    groups, outcomes = _grid(shown.frame)
    across = max(map(len, outcomes.values()))
    rows = shown.frame.to_dicts()
    figure = Figure(figsize=(min(WIDTH, 0.5 + 2.9 * across), HIGH * len(groups) + 0.6), layout="constrained")
    axes = figure.subplots(len(groups), across, squeeze=False)
    for line, group in zip(axes, groups, strict=True):
        for axis in line[len(outcomes[group]) :]:
            axis.set_axis_off()
        for axis, outcome in zip(line, outcomes[group], strict=False):
            here = [row for row in rows if (row["group"], row["outcome"]) == (group, outcome)]
            _panel(axis, here, shown.looks)
            axis.set_title(words(outcome) + (f" ({group})" if group else ""), pad=4)
            axis.set_ylabel("per cent of votes" if outcome == WINS else "per cent of messages")
            if outcome == WINS:
                axis.axhline(50, color=QUIET[0], linewidth=0.7, zorder=0)
    for axis in axes[-1]:
        axis.set_xlabel("epoch")
    arms = list(dict.fromkeys(row["arm"] for row in rows))
    keys = [
        Line2D([], [], color=shown.looks[arm].light, marker=shown.looks[arm].mark, markersize=4.5, linewidth=1.3, linestyle=_line(shown.looks[arm]), label=words(arm))
        for arm in arms
    ]  # fmt: skip
    figure.legend(handles=keys, loc="outside lower center", ncols=min(6, len(keys)), handlelength=3)
    return figure


def _line(look: Look) -> Any:
    return (0, look.dash) if look.dash else "solid"


def _panel(axis: Axes, rows: Sequence[Row], looks: Mapping[str, Look]) -> None:
    axis.grid(axis="y", color=RULE[0], linewidth=0.4)
    axis.set_xticks(sorted({row["epoch"] for row in rows}))
    means = [row for row in rows if row["of"] == MEAN]
    for arm in dict.fromkeys(row["arm"] for row in rows):
        look = looks[arm]
        if means:
            for run in dict.fromkeys(row["run"] for row in rows if row["of"] == ONE):
                one = [row for row in rows if row["arm"] == arm and row.get("run") == run]
                axis.plot(
                    [row["epoch"] for row in one],
                    [row["value"] for row in one],
                    color=look.light,
                    linewidth=0.5,
                    alpha=0.45,
                    zorder=2,
                )
        curve = [row for row in (means or rows) if row["arm"] == arm]
        epochs, bounded = (
            [row["epoch"] for row in curve],
            [row for row in curve if row["low"] is not None and row["high"] is not None],
        )
        axis.fill_between(
            [row["epoch"] for row in bounded], [row["low"] for row in bounded], [row["high"] for row in bounded],
            color=look.light, alpha=0.1, linewidth=0, zorder=1,
        )  # fmt: skip
        axis.plot(
            epochs, [row["value"] for row in curve], color=look.light, linewidth=1.4, linestyle=_line(look), marker=look.mark,
            markersize=4.5, markeredgecolor="white", markeredgewidth=0.5, zorder=3,
        )  # fmt: skip
    axis.margins(0.04)


def _chart(shown: FigureContent) -> Chart:
    import altair as alt
    import polars as pl

    arms = list(dict.fromkeys(shown.frame["arm"].to_list()))
    picked = alt.selection_point(fields=["arm"], bind="legend")
    opacity = alt.condition(picked, alt.value(1.0), alt.value(0.08))
    groups, outcomes = _grid(shown.frame)
    lines = []
    for group in groups:
        panels = []
        for outcome in outcomes[group]:
            part = shown.frame.filter((pl.col("group") == group) & (pl.col("outcome") == outcome))
            curve = part.filter(pl.col("of") == MEAN) if MEAN in part["of"].to_list() else part
            x = alt.X("epoch:O", title="epoch", axis=alt.Axis(labelAngle=0))
            y = alt.Y("value:Q", title="per cent", scale=alt.Scale(zero=False))
            colour = colour_of(shown.looks, arms, title="arm")
            base = alt.Chart(alt.Data(values=curve.to_dicts())).encode(x=x, color=colour, opacity=opacity)
            thin = alt.Chart(alt.Data(values=part.filter(pl.col("of") == ONE).to_dicts())).mark_line(
                strokeWidth=0.7, strokeOpacity=0.5
            )
            shape = shape_of(shown.looks, arms, title="arm")
            points = base.mark_point(filled=True, size=60).encode(y=y, shape=shape, tooltip=said_of(curve))
            panels.append(
                alt.layer(
                    base.mark_area(fillOpacity=0.12).encode(y=alt.Y("low:Q", title="per cent"), y2="high:Q"),
                    thin.encode(x=x, y=y, color=colour, detail="run:N", opacity=opacity),
                    base.mark_line(strokeWidth=2).encode(y=y),
                    points if lines or panels else points.add_params(picked),
                ).properties(width=2.6 * PIXELS, height=HIGH * PIXELS, title=words(outcome) + (f" ({group})" if group else ""))
            )  # fmt: skip
        lines.append(alt.hconcat(*panels))
    return alt.vconcat(*lines)


EPOCHS = FigureKind("Learning curves", "two evaluated epochs or more", content, _draw, _chart)
