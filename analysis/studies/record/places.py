"""How a study and its cells are named on a command line: a study's folder, a page, ``STUDY#CELL``, or the folder of a cell."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from analysis.studies.record.layout import Layout, default_folder, is_study
from analysis.studies.record.study_log import CellHistory, StudyLog
from moloch.errors import InputError

SHOWN = 6
"""Cells that an error names."""


def study_of(path: Path) -> Path | None:
    """Return the study that a folder is, or that a run stands in as its cell; None for neither."""
    if is_study(path):
        return path
    above = path.absolute().parent
    return above.parent if above.name == "cells" and is_study(above.parent) else None


def runs_of(path: Path) -> list[Path]:
    """Return the run that a path names, or the runs of the study that it names: those that have begun, in the order of the page.

    Raises:
        InputError: the study has no such cell.
        LogError: the study's log cannot be read.
    """
    if is_study(path):
        state, layout = StudyLog(path).state(), Layout(path)
        return [run for cell in state.cells.values() if (run := run_of(layout, cell)) is not None]
    return [one_run(path)]


def only_inside(folder: Path) -> Path | None:
    """Return the run or study of a folder that is neither and holds exactly one, as an unpacked one does; else None."""
    if (folder / "run.json").is_file() or is_study(folder) or not folder.is_dir():
        return None
    inside = [path for path in folder.iterdir() if (path / "run.json").is_file() or is_study(path)]
    return inside[0] if len(inside) == 1 else None


def log_of(path: Path) -> Path:
    """Return the folder of the log that a path names: a study's own, or a run's.

    Raises:
        InputError, LogError: as :func:`one_run`.
    """
    return Layout(path).log if is_study(path) else one_run(path)


def one_run(path: Path) -> Path:
    """Return the run that a path names.

    Raises:
        InputError: it names a study, and not one of its cells; or the study has no such cell, or the cell has not begun.
        LogError: the study's log cannot be read.
    """
    if is_study(path):
        state = StudyLog(path).state()
        raise InputError(
            "this is a study, and the command takes one run",
            where=str(path),
            fix=f"Name a cell, as {path}#CELL or by its folder: {_some(list(state.cells), path)}.",
        )
    folder, sign, cell = str(path).rpartition("#")
    if not sign or not is_study(Path(folder)):
        return path
    state = StudyLog(folder).state()
    cell = cell_named(cell, list(state.cells), folder)
    run = run_of(Layout(folder), state.cells[cell])
    if run is None:
        raise InputError(f"the cell {cell} has not begun", where=folder, fix="moloch study run carries it out.")
    return run


def cell_named(given: str, cells: list[str], study: str) -> str:
    """Return the cell of a name, of its levels and seed without the hash, or of the beginning that it alone has.

    Raises:
        InputError: the study has none, or several.
    """
    if given in cells:
        return given
    begin = [name for name in cells if name.startswith(given)]
    whole = [name for name in begin if name.rpartition("-")[0] == given]  # s1 is s1-5f3a, not s10-77b2
    if len(whole or begin) == 1:
        return (whole or begin)[0]
    if begin:
        raise InputError(
            f"{len(begin)} cells begin with {given!r}",
            where=study,
            why=_some(begin, study),
            fix="Give more of the name.",
        )
    meant = get_close_matches(given, cells, n=1)
    raise InputError(
        f"the study has no cell {given!r}",
        where=study,
        fix=f"{f'Did you mean {meant[0]}? ' if meant else ''}Its cells are {_some(cells, study)}.",
    )


def run_of(layout: Layout, cell: CellHistory) -> Path | None:
    """Return the folder of a cell's run, a reused one's wherever it is; None for one that has not begun."""
    own = layout.cell(cell.planned.cell)
    places = (
        [layout.folder / cell.run, own] if cell.run else [own]
    )  # from object storage a reused one comes as the cell's own
    return next((run for run in places if (run / "run.json").is_file()), None)


def _some(names: list[str], study: Path | str) -> str:
    more = f" and {len(names) - SHOWN:,} more (moloch study status {study} lists all)" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def folder_of(path: Path, out: Path | None = None) -> Path:
    """Return the folder of the study that a path names: it, or where its page's study is by default.

    Raises:
        InputError: there is neither a study nor a page; or the page has mistakes.
    """
    if out is not None or path.is_dir():
        return out or path
    from analysis.studies.pages.cells import cells_of
    from analysis.studies.pages.page import read_page

    written = read_page(path)
    return default_folder(written.page.name, cells_of(written).base)
