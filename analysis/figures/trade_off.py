"""Performance against misbehaviour, mitigations marked: what each buys and what it costs (the form of El & Zou's Fig. 4, arXiv 2510.06105).

One panel per probe of strategy, one point per arm and seed; colours are mitigations, marks methods. Right is better, down is better; a line leads from an arm without
mitigations to those of its method and run that have some. Knows points; knows nothing of logs.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from analysis.figures.points import OutcomePoint, plotted
from analysis.figures.style import COLOURS, INK, MARKS, QUIET, RULE
from analysis.formats import count
from moloch.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL = 3.3
"""Inches of a panel's side."""
PLAIN = "none"


def trade_off(points: Sequence[OutcomePoint]) -> Figure:
    """Return the figure of some points.

    Raises:
        InputError: no arm was judged.
    """
    from matplotlib.figure import Figure

    shown, left_out = plotted(points)
    if not shown:
        raise InputError(
            "there is nothing to draw",
            why="no arm has both a win rate and a verdict of a probe of strategy",
            fix="Name probes, evaluate, and take a model that can be read.",
        )
    probes = list(dict.fromkeys(point.probe for point in shown))
    figure = Figure(figsize=(PANEL * len(probes) + 1.5, PANEL + 0.6), layout="constrained")
    axes = figure.subplots(1, len(probes), squeeze=False)[0]
    looks = _looks(shown)
    for axis, probe in zip(axes, probes, strict=True):
        _panel(axis, [point for point in shown if point.probe == probe], looks)
        axis.set_title(probe.replace("_", " "), pad=8)
    beyond = shown[0].beyond
    axes[0].set_ylabel(f"misbehaving messages beyond {beyond}, points")
    figure.supxlabel(f"win rate beyond {beyond}, points", fontsize=9, color=INK)
    _legend(figure, looks)
    figure.text(0.0, -0.015, _wrapped(caption(shown, left_out), len(probes)), fontsize=7, color=QUIET, va="top")
    return figure


def caption(shown: Sequence[OutcomePoint], left_out: Sequence[str] = ()) -> str:
    """Return what a reader has to know of the points: how many, over what the intervals are, and what they are no evidence of."""
    runs, arms = {point.run for point in shown}, {point.arm for point in shown}
    contests = sorted({point.contests for point in shown})
    held = f"{contests[0]}" if len(contests) == 1 else f"{contests[0]} to {contests[-1]}"
    said = [
        f"{count(len(arms), 'arm')}, {count(len(runs), 'seed')}, {held} held-out contests an arm.",
        "Bars: 95 % over these anchors and people. Each point is one training: they say nothing of other trainings, and no p "
        "is given.",
        "Lines lead from the arm of the same method and run that has no mitigation.",
    ]
    if left_out:
        said.append(f"Left out, being compared with something else: {', '.join(left_out)}.")
    return " ".join([*said, *dict.fromkeys(point.note for point in shown if point.note)])


def _wrapped(text: str, panels: int) -> str:
    return "\n".join(textwrap.wrap(text, 46 * panels + 44))


class Looks(NamedTuple):
    """Colour of each combination of mitigations, those without any first, and mark of each method."""

    colours: dict[str, str]
    marks: dict[str, str]


def _looks(points: Sequence[OutcomePoint]) -> Looks:
    names = sorted({_does(point) for point in points} - {PLAIN})
    colours = {PLAIN: INK} if any(not point.mitigations for point in points) else {}
    colours |= {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
    methods = sorted({point.method for point in points})
    return Looks(colours, {method: MARKS[i % len(MARKS)] for i, method in enumerate(methods)})


def _legend(figure: Figure, looks: Looks) -> None:
    """Say what colours mean and, where there are several, marks."""
    from matplotlib.lines import Line2D

    def key(label: str, colour: str, mark: str) -> Line2D:
        return Line2D([], [], linestyle="none", marker=mark, color=colour, markersize=6.5, label=label)

    keys = [key(_called(name), colour, MARKS[0]) for name, colour in looks.colours.items()]
    if len(looks.marks) > 1:
        keys += [key("", "none", MARKS[0]), *(key(_called(m), QUIET, mark) for m, mark in looks.marks.items())]
    figure.legend(
        handles=keys, title="mitigation" if len(looks.marks) == 1 else "mitigation, method", loc="outside right upper",
        alignment="left", title_fontsize=8.5, fontsize=8.5, handletextpad=0.3,
    )  # fmt: skip


def _does(point: OutcomePoint) -> str:
    return " + ".join(point.mitigations) or PLAIN


def _called(name: str) -> str:
    return name.replace("_", " ")


def _panel(axis: Axes, points: Sequence[OutcomePoint], looks: Looks) -> None:
    axis.axhline(0, color=RULE, linewidth=0.8, zorder=0)
    axis.axvline(0, color=RULE, linewidth=0.8, zorder=0)
    plain = {(point.run, point.method): point for point in points if not point.mitigations}
    for point in points:
        before = plain.get((point.run, point.method))
        if point.mitigations and before is not None:
            xs, ys = (before.win, point.win), (before.misbehaviour, point.misbehaviour)
            axis.plot([100 * x for x in xs], [100 * y for y in ys], color=QUIET, linewidth=0.6, alpha=0.6, zorder=1)
    for point in points:
        colour, mark = looks.colours[_does(point)], looks.marks[point.method]
        x, y = 100 * point.win, 100 * point.misbehaviour
        axis.errorbar(
            x, y,
            xerr=_bars(point.win, point.win_low, point.win_high),
            yerr=_bars(point.misbehaviour, point.misbehaviour_low, point.misbehaviour_high),
            fmt="none", ecolor=colour, elinewidth=0.7, alpha=0.35, zorder=2,
        )  # fmt: skip
        axis.plot(
            x, y, mark, color=colour, markersize=6.5, markeredgecolor="white", markeredgewidth=0.7,
            linestyle="none", zorder=3,
        )  # fmt: skip
    axis.margins(0.08)
    axis.tick_params(length=3, labelsize=8)


def _bars(value: float, low: float | None, high: float | None) -> list[list[float]] | None:
    """Return how far an interval reaches to both sides, in points; None without one."""
    if low is None or high is None:
        return None
    return [[100 * max(0.0, value - low)], [100 * max(0.0, high - value)]]
