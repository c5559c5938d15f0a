"""A figure as the bytes of a file: the same figure gives the same bytes, fonts are inside, and nothing is fetched from anywhere."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.figures.figure import FigureContent, FigureKind
from analysis.figures.fonts import with_fonts
from moloch.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("svg", "pdf", "png", "html")
"""For a page of the web or a paper; ``html`` is interactive, in one file."""
_METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "png": {"Software": None},
}
"""No time of writing and no versions, which would differ."""


def file_of(kind: FigureKind, content: FigureContent, form: str) -> bytes:
    """Return a figure in one of :data:`FORMATS`, or its frame as ``csv``."""
    if form == "csv":
        return content.frame.write_csv().encode()
    if form == "html":
        from analysis.figures.web_page import web_page

        return web_page(kind.title, content.caption, kind.chart(content)).encode()
    return rendered(kind.draw(content), form)


def rendered(figure: Figure, form: str) -> bytes:
    """Return a figure of matplotlib as ``svg``, ``pdf`` or ``png``."""
    file = io.BytesIO()
    figure.savefig(file, format=form, metadata=_METADATA[form], bbox_inches="tight", pad_inches=0.06)
    return with_fonts(file.getvalue(), figure) if form == "svg" else file.getvalue()


def write_file(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all, in a folder that is made where it is missing.

    Raises:
        InputError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.{os.getpid()}.new")
        new.write_bytes(content)
        new.replace(path)
    except OSError as error:
        raise InputError("the figure cannot be written", where=str(path), why=error.strerror or str(error)) from error
