"""What the optimiser did, step by step, as figures: a column of the frame ``steps`` each, an arm a line, an epoch a panel.

Pure functions of a book; knows numbers and places on a page, nothing of pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from abm.columns import Float32s, unpack
from abm.events import ArmFlagged, ArmStopped
from analysis.readings.book import Book
from analysis.ui.address import PageAddress
from analysis.ui.data.doors import event_url, rows_url
from analysis.ui.data.looks import css, looks
from learning.runs.watch import said

COLUMNS = (("loss", "losses"), ("gradient norm", "gradient_norms"), ("learning rate", "learning_rates"))
"""What is drawn -> the field of :class:`abm.events.TrainingMeasured` that holds it."""
WIDTH, HEIGHT, LEFT, TOP, FOOT, GAP = 430, 190, 52, 16, 34, 10
"""Of a figure, in its own units: of all of it, and what lies beside and between its panels."""
MOST_POINTS, MOST_DOTS = 400, 16
"""Points of a line beyond which only the ends of short stretches are drawn; points of a line up to which each is a dot."""


class MeasuredTraining(NamedTuple):
    """One training that was measured: its values, one per step."""

    arm: str
    epoch: int
    adapter: str
    values: NDArray[np.float64]


def step_figures(book: Book, address: PageAddress) -> list[dict[str, Any]]:
    """Return a figure per column of the steps; none where no training was measured."""
    return [_figure(book, name, field, address) for name, field in COLUMNS if any(_trainings(book, field))]


def legend(book: Book) -> list[dict[str, str]]:
    """Return the arms that learnt, each with how it is drawn."""
    of_arms = looks(book.config)
    arms = dict.fromkeys(event.arm for event in book.measured.values())
    return [{"arm": arm, "colour": css(look), "dash": _dash(look)} for arm in arms for look in (of_arms.get(arm),)]


def _trainings(book: Book, field: str) -> Iterator[MeasuredTraining]:
    for event in book.measured.values():
        values = unpack(getattr(event, field), Float32s).astype(np.float64)
        if len(values):
            yield MeasuredTraining(event.arm, event.epoch, event.adapter, values)


def _figure(book: Book, name: str, field: str, address: PageAddress) -> dict[str, Any]:
    trainings = list(_trainings(book, field))
    epochs = sorted({each.epoch for each in trainings})
    finite = np.concatenate([each.values[np.isfinite(each.values)] for each in trainings])
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    low, high = (min(0.0, low), high) if low < 0.4 * high else (low, high)  # from zero, unless all of it lies far above
    width = (WIDTH - LEFT - GAP * len(epochs)) / len(epochs)
    of_arms = looks(book.config)
    panels = []
    for number, epoch in enumerate(epochs):
        left = LEFT + number * (width + GAP)
        here = [each for each in trainings if each.epoch == epoch]
        longest = max(len(each.values) for each in here)
        lines = []
        for each in here:
            look = of_arms.get(each.arm)
            drawn = _line(each.values, (left, width, longest), (low, high))
            behind = rows_url(address, "steps", arm=each.arm, epoch=each.epoch, adapter=each.adapter)
            words = f"{each.arm}, epoch {epoch}: {name} {_range(each.values)}"
            lines.append({"colour": css(look), "dash": _dash(look), "said": words, "to": behind, **drawn})
        marks = [_mark(alarm, here, left, width, longest, address) for alarm in _alarms(book, epoch)]
        panels.append({
            "epoch": epoch, "left": left, "right": left + width, "middle": left + width / 2, "steps": longest, "lines": lines,
            "marks": [mark for mark in marks if mark],
        })  # fmt: skip
    ticks = [{"y": _y(value, low, high), "text": f"{value:.3g}"} for value in (low, (low + high) / 2, high)]
    return {
        "name": name,
        "panels": panels,
        "ticks": ticks if high > low else ticks[:1],
        "said": "; ".join(line["said"] for panel in panels for line in panel["lines"]),
    }


def _line(values: NDArray[np.float64], across: tuple[float, float, int], up: tuple[float, float]) -> dict[str, Any]:
    """Return a line's path and its dots; where a value is no number the line has a gap."""
    left, width, longest = across
    x = left + width * np.arange(len(values)) / max(1, longest - 1)
    y = _y(values, *up)
    path, drawing = [], False
    for i in _kept(values):
        if not np.isfinite(y[i]):
            drawing = False
            continue
        path.append(f"{'L' if drawing else 'M'}{x[i]:.1f} {y[i]:.1f}")
        drawing = True
    dots = [
        {"x": round(float(x[i]), 1), "y": round(float(y[i]), 1), "said": f"step {i + 1}: {values[i]:.4g}"}
        for i in range(len(values))
        if np.isfinite(y[i])
    ]
    return {"path": " ".join(path), "dots": dots if len(values) <= MOST_DOTS else []}


def _kept(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return which points of a line are drawn: of a long one the least and the largest of each stretch."""
    n = len(values)
    if n <= MOST_POINTS:
        return np.arange(n)
    filled = np.where(np.isfinite(values), values, 0.0)
    parts = np.array_split(np.arange(n), MOST_POINTS // 2)
    ends = [(part[filled[part].argmin()], part[filled[part].argmax()]) for part in parts]
    return np.unique(np.array([0, n - 1, *(each for pair in ends for each in pair)]))


def _y(value: Any, low: float, high: float) -> Any:
    return TOP + (HEIGHT - TOP - FOOT) * (1 - (value - low) / ((high - low) or 1.0))


def _range(values: NDArray[np.float64]) -> str:
    known = values[np.isfinite(values)]
    if not len(known):
        return "is no number"
    return f"{known[0]:.4g} to {known[-1]:.4g} over {len(values):,} steps, {known.min():.4g} to {known.max():.4g} in between"


def _alarms(book: Book, epoch: int) -> list[ArmFlagged | ArmStopped]:
    return [alarm for alarm in book.alarms if alarm.epoch == epoch and alarm.moment == "training"]


def _mark(
    alarm: ArmFlagged | ArmStopped,
    here: list[MeasuredTraining],
    left: float,
    width: float,
    longest: int,
    address: PageAddress,
) -> dict[str, Any] | None:
    """Return an alarm's mark, above the last step of the training that gave rise to it."""
    steps = next((len(each.values) for each in here if each.arm == alarm.arm), 0)
    if not steps:
        return None
    x = left + width * (steps - 1) / max(1, longest - 1)
    return {"x": round(x, 1), "said": f"Alarm: {said(alarm)}", "to": event_url(address, alarm.seq)}


def _dash(look: Any) -> str:
    return " ".join(f"{2 * length:g}" for length in look.dash) if look is not None else ""
