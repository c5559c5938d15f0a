"""Learning curves: win rate and misbehaviour of each arm after each epoch, with a band over seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.figures.charts import PIXELS, records, said_of
from analysis.figures.figure import Chart, FigureContent, FigureKind, LeftOut
from analysis.figures.frames import frame_of_marks
from analysis.figures.palette import QUIET, RULE, Look
from analysis.figures.scopes import ADAPTERS, NO_INTERVALS, SEEDS
from analysis.figures.style import NORMAL, SMALL, columns_wide
from analysis.figures.subject import RunRead, Subject, words
from analysis.statistics.estimates import mean_of

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row = dict[str, Any]
WINS = "win_rate"
ONE, MEAN = "one run", "mean of runs"
HIGH = 1.6
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
        if any(mark["low"] is not None for mark in marks)
        else NO_INTERVALS
    )
    probes = any(mark["outcome"] != WINS for mark in marks)
    said = [
        subject.extent,
        band,
        "Win rate: share of votes against the base model, which is 50 % for an equal." if not subject.withheld else "",
        "Epoch 0 is the base model." if probes else "",
        *subject.notes,
    ]
    return FigureContent(frame_of_marks(marks), " ".join(filter(None, said)), subject.looks, {"arms": subject.order})


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


def _rows(frame: pl.DataFrame) -> list[tuple[str, str]]:
    """Return (group, outcome) in order, win rates first."""
    pairs = list(dict.fromkeys(zip(frame["group"].to_list(), frame["outcome"].to_list(), strict=True)))
    groups = list(dict.fromkeys(group for group, _ in pairs))
    return sorted(pairs, key=lambda pair: (groups.index(pair[0]), pair[1] != WINS))


def _draw(shown: FigureContent) -> Figure:
    from matplotlib.figure import Figure

    pairs, arms = _rows(shown.frame), shown.facts["arms"]
    every = shown.frame.to_dicts()
    figure = Figure(figsize=(columns_wide(len(arms)), HIGH * len(pairs) + 0.5), layout="constrained")
    axes = figure.subplots(len(pairs), len(arms), sharey="row", sharex=True, squeeze=False)
    for line, (group, outcome) in zip(axes, pairs, strict=True):
        here = [row for row in every if (row["group"], row["outcome"]) == (group, outcome)]
        for axis, arm in zip(line, arms, strict=True):
            _panel(axis, [row for row in here if row["arm"] == arm], shown.looks[arm], outcome)
        title = words(outcome) + (f"\n({group})" if group else "")
        line[0].set_ylabel(f"{title}\nper cent of {'votes' if outcome == WINS else 'messages'}", fontsize=SMALL + 0.5)
        line[0].set_ylim(*_ends(here))
    for axis, arm in zip(axes[0], arms, strict=True):
        axis.set_title(words(arm), pad=4, color=shown.looks[arm].light)
    axes[0][0].set_xticks(sorted({row["epoch"] for row in every}))
    figure.supxlabel("epoch", fontsize=NORMAL)
    return figure


def _ends(rows: Sequence[Row]) -> tuple[float, float]:
    """Return where an axis begins and ends: with all values, and most of the bands."""
    values = [row["value"] for row in rows]
    bounds = sorted(row[end] for row in rows for end in ("low", "high") if row[end] is not None)
    low, high = (bounds[len(bounds) // 6], bounds[-1 - len(bounds) // 6]) if bounds else (min(values), max(values))
    low, high = min([low, *values]), max([high, *values])
    return max(low - 0.05 * (high - low) - 1, -2.0), min(high + 0.05 * (high - low) + 1, 102.0)


def _line(look: Look) -> Any:
    return (0, look.dash) if look.dash else "solid"


def _panel(axis: Axes, rows: Sequence[Row], look: Look, outcome: str) -> None:
    axis.grid(axis="y", color=RULE[0], linewidth=0.4)
    if outcome == WINS:
        axis.axhline(50, color=QUIET[0], linewidth=0.8, zorder=0.5)
    means, ones = ([row for row in rows if row["of"] == of] for of in (MEAN, ONE))
    if means:
        for run in dict.fromkeys(row["run"] for row in ones):
            one = [row for row in ones if row["run"] == run]
            axis.plot(
                [row["epoch"] for row in one],
                [row["value"] for row in one],
                color=look.light,
                linewidth=0.6,
                alpha=0.6,
                zorder=2,
            )
    curve = sorted(means or ones, key=lambda row: row["epoch"])
    bounded = [row for row in curve if row["low"] is not None and row["high"] is not None]
    axis.fill_between(
        [row["epoch"] for row in bounded], [row["low"] for row in bounded], [row["high"] for row in bounded],
        color=look.light, alpha=0.14, linewidth=0, zorder=1,
    )  # fmt: skip
    axis.plot(
        [row["epoch"] for row in curve], [row["value"] for row in curve], color=look.light, linewidth=1.5, linestyle=_line(look),
        marker=look.mark, markersize=5, markeredgecolor="white", markeredgewidth=0.6, zorder=3,
    )  # fmt: skip


def _chart(shown: FigureContent) -> Chart:
    import altair as alt
    import polars as pl

    every, arms = shown.frame, shown.facts["arms"]
    lines = []
    for group, outcome in _rows(every):
        here = every.filter((pl.col("group") == group) & (pl.col("outcome") == outcome))
        scale = alt.Scale(domain=list(_ends(here.to_dicts())), nice=False)
        panels = [
            _panel_chart(here.filter(pl.col("arm") == arm), shown.looks[arm], scale).properties(
                width=1.9 * PIXELS, height=HIGH * PIXELS, title=alt.Title(words(arm), color=shown.looks[arm].light)
            )
            for arm in arms
        ]  # fmt: skip
        lines.append(
            alt.hconcat(*panels, title=alt.Title(words(outcome) + (f" ({group})" if group else ""), anchor="start"))
        )
    return alt.vconcat(*lines)


def _panel_chart(frame: pl.DataFrame, look: Look, scale: Any) -> Chart:
    import altair as alt
    import polars as pl

    curve = frame.filter(pl.col("of") == MEAN) if MEAN in frame["of"].to_list() else frame
    x, y = alt.X("epoch:O", title="epoch", axis=alt.Axis(labelAngle=0)), alt.Y("value:Q", title="per cent", scale=scale)
    base = alt.Chart(records(curve)).encode(x=x, tooltip=said_of(curve))
    ones = frame.filter(pl.col("of") == ONE)
    thin = alt.Chart(records(ones)).mark_line(color=look.light, strokeWidth=0.8, strokeOpacity=0.6, clip=True)
    return alt.layer(
        base.mark_area(color=look.light, opacity=0.15, clip=True).encode(
            y=alt.Y("low:Q", scale=scale, title="per cent"), y2="high:Q"
        ),
        thin.encode(x=x, y=y, detail="run:N", tooltip=said_of(ones)),
        base.mark_line(color=look.light, strokeWidth=2, clip=True).encode(y=y),
        base.mark_point(color=look.light, shape=look.shape, filled=True, size=60, opacity=1).encode(y=y),
    )


EPOCHS = FigureKind("Learning curves", "two evaluated epochs or more", content, _draw, _chart)
