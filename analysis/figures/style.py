"""How figures look: one style for all, fit for a column of a paper, with colours that a colour-blind reader distinguishes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from moloch.errors import InputError
from moloch.extras import need

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("svg", "pdf", "png")
INK, QUIET, RULE = "#1a1a1a", "#6b6b6b", "#d0d0d0"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1")
"""Okabe and Ito's, without yellow, and a violet."""
MARKS = ("o", "s", "D", "^", "v", "P", "X")
_STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "text.color": INK,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text: it can be searched and set in the paper's own type
    "svg.hashsalt": "moloch",  # the same figure is the same file
    "pdf.fonttype": 42,
    "figure.dpi": 150,
    "savefig.dpi": 200,
}


@contextmanager
def drawing() -> Iterator[None]:
    """Let figures inside the block have the house's style, whatever a user's own settings of matplotlib say.

    Raises:
        InputError: matplotlib is not installed.
    """
    need("figures", "drawing figures")
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(cast(Any, _STYLE))
        yield


def save(figure: Figure, folder: Path, name: str, form: str) -> Path:
    """Write a figure to ``folder/name.form`` and return its path; the same figure gives the same bytes.

    Raises:
        InputError: the file cannot be written.
    """
    path = folder / f"{name}.{form}"
    # no time of writing, which would differ
    metadata: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}[form]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format=form, metadata=metadata, bbox_inches="tight", pad_inches=0.06)
    except OSError as error:
        raise InputError("the figure cannot be written", where=str(path), why=error.strerror or str(error)) from error
    return path
