"""Measures over steps, drawn with matplotlib in the colours of the page."""

# solara says of no name that it is public
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import solara
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from mesa.visualization.utils import update_counter
from numpy.typing import NDArray

from abm.views.replay_model import ReplayModel
from analysis.figures.palette import dark_of
from analysis.ui.data.looks import slot_looks
from analysis.ui.solaraviz.models import still

INK = {False: "#1f2328", True: "#e6edf3"}
"""Of lines and letters, on a light and on a dark page."""
NO_DATA = "nothing to show yet"


def plot(
    measure: str | Sequence[str] | Mapping[str, str], post_process: Callable[[Any], None] | None = None
) -> Callable[..., Any]:
    """Return a plot of measures over steps, for SolaraViz; it is drawn again when there is another step.

    Args:
        measure: a column of the model's data collector, which names the axis too; or columns; or columns, each with its colour ``#rrggbb``.
            A column that ends in the name of an arm has the arm's colour, as in every figure.
        post_process: called with the matplotlib axes; see :func:`share_axis`.
    """

    @solara.component
    def Plot(model: ReplayModel):
        update_counter.get()
        with still(model):  # its rows are being written
            steps, rows = model.steps, model.datacollector.get_model_vars_dataframe()
        lines = measure if isinstance(measure, Mapping) else coloured(measure, model.config)
        for each in (
            False,
            True,
        ):  # the server learns late, or never, which theme a page has: the page shows the one that fits
            with solara.v.Html(tag="div", class_="moloch-on-dark" if each else "moloch-on-light"):
                Picture(rows, lines, post_process, each, [id(model), steps])

    return Plot


@solara.component
def Picture(
    rows: Any,
    lines: Mapping[str, str],
    post_process: Callable[[Any], None] | None,
    dark: bool,
    about: list[Any],
):
    """One theme's picture of a plot; drawn again when what it is ``about`` changes."""
    figure = solara.use_memo(lambda: draw(rows, lines, post_process, dark), [*about, dark])
    solara.FigureMatplotlib(figure, dependencies=[*about, dark], format="png", dpi=150)


def coloured(columns: str | Sequence[str], config: Mapping[str, Any]) -> dict[str, str]:
    """Return each column with the colour of the arm whose name ends it; others with colours that no arm of the settings has."""
    names = [columns] if isinstance(columns, str) else list(columns)
    shown = slot_looks(config, [name.rpartition(" ")[2] for name in names])
    return {name: look.light for name, look in zip(names, shown, strict=True)}


def draw(rows: Any, lines: Mapping[str, str], post_process: Callable[[Any], None] | None, dark: bool) -> Figure:
    """Return the figure of columns over steps.

    Args:
        rows: a frame of the data collector.
    """
    figure = Figure(figsize=(6.4, 4.6), layout="constrained", facecolor="none")
    axes = figure.subplots()
    axes.set_facecolor("none")
    for name, colour in lines.items():
        values = np.asarray(rows[name], dtype=float)
        axes.plot(1 + np.arange(len(values)), values, label=name, color=_on(colour, dark), marker="o", markersize=3.5)
    axes.set_xlabel("step")
    axes.set_xlim(0.5, max(4, len(rows)) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(lines) == 1:
        axes.set_ylabel(next(iter(lines)))
        axes.set_ylim(bottom=0)
    else:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(lines), frameon=False)
    if post_process is not None:
        post_process(axes)
    if not _known(axes):
        axes.set(xticks=[], yticks=[])
        if not axes.texts:
            axes.text(0.5, 0.52, NO_DATA, transform=axes.transAxes, ha="center", va="bottom")
    _ink(axes, INK[dark])
    return figure


def share_axis(axes: Any) -> None:
    """Give a plot of shares of a step's votes its axis from 0 to 1, and say so while there is nothing to plot."""
    axes.set_ylim(0, 1)
    axes.set_ylabel("share of the step's votes")
    if not _known(axes):
        axes.text(0.5, 0.52, "known from the first evaluation on", transform=axes.transAxes, ha="center", va="bottom")
    axes.axhline(0.5, color="#8a939c", linewidth=0.8, linestyle=":")


def opinion_axis(axes: Any) -> None:
    """Give a plot of mean opinions its axis around 0; it is as wide as the opinions ask for, -1 to 1 at most."""
    far = max((float(np.nanmax(np.abs(values))) for values in _values(axes) if np.isfinite(values).any()), default=0.0)
    axes.set_ylim(*(np.array([-1.1, 1.1]) * max(far, 0.05)).clip(-1, 1))
    axes.set_ylabel("members' mean opinion (-1 to 1)")
    axes.axhline(0, color="#8a939c", linewidth=0.8, linestyle=":")


def _values(axes: Any) -> list[NDArray[np.float64]]:
    return [np.asarray(line.get_ydata(), dtype=float) for line in axes.lines if line.get_marker() == "o"]


def _known(axes: Any) -> bool:
    return any(np.isfinite(values).any() for values in _values(axes))


def _on(colour: str, dark: bool) -> str:
    """Return a colour of our palettes as it is on a dark page; others are as they are."""
    return dark_of().get(colour, colour) if dark else colour


def _ink(axes: Any, colour: str) -> None:
    """Draw letters and frame in a colour, with no frame where nothing is read off."""
    axes.spines[["top", "right"]].set_visible(False)
    for spine in axes.spines.values():
        spine.set_color(colour)
    axes.tick_params(colors=colour)
    letters = [axes.xaxis.label, axes.yaxis.label, *axes.texts]
    for text in [*letters, *(axes.get_legend().get_texts() if axes.get_legend() else ())]:
        text.set_color(colour)
