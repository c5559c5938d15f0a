"""A run's or a study's report in one form. Reads logs only; equal logs give equal bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from analysis.reports.document import Document
from analysis.reports.html import html
from analysis.reports.latex import latex
from analysis.reports.markdown import markdown
from analysis.reports.plates import figure_blocks
from analysis.reports.run_report import run_report
from analysis.reports.study_report import study_report
from analysis.studies.record.layout import is_study
from moloch.errors import InputError

FORMATS: dict[str, Callable[[Document], str]] = {"html": html, "md": markdown, "latex": latex}
"""Form of a report -> what writes it."""
SUFFIXES = {".html": "html", ".htm": "html", ".md": "md", ".markdown": "md", ".tex": "latex"}


def report(path: Path | str, form: str = "html") -> str:
    """Return the report of a run or a study.

    Args:
        form: one of :data:`FORMATS`.

    Raises:
        InputError: there is no such form, or no cell of the study has ended.
        LogError: there is no run or study, or its log cannot be read.
    """
    if form not in FORMATS:
        raise InputError(f"no form {form!r} of reports", fix=f"Choose among {', '.join(FORMATS)}.")
    place = Path(path)
    figures = tuple(figure_blocks(place))
    made = study_report(place, figures) if is_study(place) else run_report(place, figures)
    return FORMATS[form](made)


def form_of(out: Path) -> str:
    """Return the form that a file's name asks for; HTML where it has no suffix.

    Raises:
        InputError: its suffix is that of another kind of file.
    """
    if out.suffix and out.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"no report is written as {out.suffix}",
            where=str(out),
            fix=f"Give a name that ends in {', '.join(SUFFIXES)}, or say --format.",
        )
    return SUFFIXES.get(out.suffix.lower(), "html")


def check_place(out: Path) -> None:
    """Check that a report can be written to a file, as far as can be seen before.

    Raises:
        InputError: there is a folder of that name.
    """
    if out.is_dir():
        raise InputError(
            "the report cannot be written", where=str(out), why="it is a folder", fix="Give a file: --out."
        )


def write_report(text: str, out: Path) -> None:
    """Write a report to a file, which is there whole or as it was before.

    Raises:
        InputError: it cannot be written.
    """
    new = out.with_name(f".{out.name}.new")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(text, "utf-8")
        new.replace(out)
    except OSError as error:
        why = error.strerror or str(error)
        raise InputError("the report cannot be written", where=str(out), why=why, fix="Give another --out.") from error
