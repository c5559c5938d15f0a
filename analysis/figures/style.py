"""How figures of matplotlib look: one style for all, fit for a column or a page of a paper."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from analysis.figures.palette import GROUND, INK, QUIET
from moloch.extras import need

WIDTH = 7.2
"""Inches: the text width of a page with two columns."""
SMALL, NORMAL = 7.0, 8.0
"""Points."""


def columns_wide(columns: int) -> float:
    """Return the inches of a figure with a panel for each of so many arms: a page's width, or more where they would be too narrow."""
    return min(WIDTH, 0.75 + 2.1 * columns) if columns <= 4 else 0.75 + 1.6 * columns


STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: a figure is the same on every machine
    "font.size": NORMAL,
    "axes.titlesize": NORMAL,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": NORMAL,
    "axes.labelcolor": INK[0],
    "axes.edgecolor": QUIET[0],
    "axes.facecolor": GROUND[0],
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "xtick.color": QUIET[0],
    "ytick.color": QUIET[0],
    "xtick.labelcolor": INK[0],
    "ytick.labelcolor": INK[0],
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "text.color": INK[0],
    "legend.frameon": False,
    "legend.fontsize": SMALL,
    "figure.facecolor": GROUND[0],
    "figure.dpi": 150,
    "savefig.dpi": 200,
    "svg.fonttype": "none",  # text stays text: it can be searched
    "svg.hashsalt": "moloch",  # the same figure is the same file
    "pdf.fonttype": 42,
}


@contextmanager
def drawing() -> Iterator[None]:
    """Let figures inside the block have the house's style, whatever a user's own settings of matplotlib say.

    Raises:
        InputError: a package of the extra ``figures`` is not installed.
    """
    need("figures", "drawing figures")
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(cast(Any, STYLE))
        yield
