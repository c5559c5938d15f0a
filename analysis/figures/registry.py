"""The figures by name, and how they become files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from analysis.figures.figure import DrawnFigure, FigureKind, LeftOut
from analysis.figures.files import FORMATS, file_of, write_file
from analysis.figures.style import drawing
from analysis.figures.subject import Subject
from moloch.errors import InputError
from moloch.registry import Registry

FIGURES: Registry[FigureKind] = Registry(
    "figure",
    {
        "changes": "analysis.figures.changes:CHANGES",
        "outcomes": "analysis.figures.outcomes:OUTCOMES",
        "trade_off": "analysis.figures.beyond:TRADE_OFF",
        "epochs": "analysis.figures.epochs:EPOCHS",
        "mitigations": "analysis.figures.mitigations:MITIGATIONS",
        "reach": "analysis.figures.reach:REACH",
        "paid_for": "analysis.figures.paid_for:PAID_FOR",
        "positions": "analysis.figures.places:POSITIONS",
        "judges": "analysis.figures.judges:JUDGES",
    },
)
"""Name -> the figure; the name is that of its files."""


def draw_all(
    paths: Path | Iterable[Path], formats: Sequence[str] = ("svg",), *, names: Sequence[str] = ()
) -> list[DrawnFigure]:
    """Return figures of a study or of some runs, in the order of the registry; those that lack something say what.

    Args:
        paths: folders of runs or of a study. Whether effects of a study may be seen yet is for the caller to ask.
        formats: of each, among :data:`analysis.figures.files.FORMATS`; the frame is always there, as ``csv``.
        names: of the figures; by default all.

    Raises:
        InputError: there is no such figure or format, or a package of the extra ``figures`` is missing.
        LogError: a path names no run or study, or a log cannot be read.
    """
    if unknown := [form for form in formats if form not in FORMATS]:
        raise InputError(f"no format {unknown[0]!r} of figures", fix=f"Choose among {', '.join(FORMATS)}.")
    kinds = {name: FIGURES.get(name) for name in dict.fromkeys(names or FIGURES)}
    with drawing():
        subject = Subject.read([paths] if isinstance(paths, Path) else list(paths))
        return [drawn(name, kind, subject, formats) for name, kind in kinds.items()]


def drawn(name: str, kind: FigureKind, subject: Subject, formats: Sequence[str]) -> DrawnFigure:
    """Return one figure of some runs, inside :func:`analysis.figures.style.drawing`."""
    content = kind.content(subject) if subject.runs else LeftOut("No run has ended yet.")
    if isinstance(content, LeftOut):
        return DrawnFigure(name, kind.title, left_out=content.why)
    files = {form: file_of(kind, content, form) for form in dict.fromkeys([*formats, "csv"])}
    return DrawnFigure(name, kind.title, content.caption, content.frame, files)


def draw(
    paths: Path | Iterable[Path], folder: Path, *, names: Sequence[str] = (), formats: Sequence[str] = ("svg",)
) -> list[DrawnFigure]:
    """Write :func:`draw_all` into a folder, ``NAME.FORMAT`` and ``NAME.csv``, and return it.

    Raises:
        InputError, LogError: as there; or a file cannot be written.
    """
    figures = draw_all(paths, formats, names=names)
    for figure in figures:
        for form, content in figure.files.items():
            write_file(folder / f"{figure.name}.{form}", content)
    return figures
