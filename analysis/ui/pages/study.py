"""One study: how its cells stand, and what it came to as far as effects may be seen."""

from __future__ import annotations

from pathlib import Path

from analysis.studies.findings.results import StudyResults
from analysis.studies.frames.study_frames import cell_runs
from analysis.studies.record.status import StudyStatus
from analysis.ui.address import PageAddress
from analysis.ui.data import study as data
from analysis.ui.data.questions import nearest_cells
from analysis.ui.data.run_list import LOST
from analysis.ui.data.runs import quoted
from analysis.ui.framework import solara
from analysis.ui.library import Library, library
from analysis.ui.live import use_ticks
from analysis.ui.pages import background, parts, vue
from analysis.ui.studies import ShownStudy
from moloch.errors import MolochError

LOOK_S = 2.0
"""Seconds between looks at how its cells stand."""


@solara.component
def Study(study: ShownStudy, address: PageAddress, go: vue.Go) -> None:
    """Its cells, at once; the answer once it is counted."""
    use_ticks(LOOK_S)
    status = background.use_reading(lambda: _status(study), study)
    sent, send = solara.use_state(False)  # the cells first: counting would keep them from the browser
    solara.use_effect(lambda: send(True) if status is not None else None, [status is not None])
    results = background.use_reading(lambda: _results(study) if sent else None, study, "effects", sent)
    if status is None:
        vue.Header(run=None, page="", tabs=[], home="/", event_go=go)
        vue.Notice(first=True, title="Reading the study's log", text=str(study.path), busy=True)
    elif isinstance(status, str):
        vue.Header(run=None, page="", tabs=[], home="/", event_go=go)
        vue.Notice(
            first=True,
            title="This study cannot be read",
            text=status,
            command=f"moloch log verify {quoted(study.path)}",
        )
    else:
        Shown(study, status, results, address, go)


@solara.component
def Shown(
    study: ShownStudy, status: StudyStatus, results: StudyResults | str | None, address: PageAddress, go: vue.Go
) -> None:
    """All that is known of it."""
    shown, path, closed = library(), quoted(study.path), study.closed
    keys = solara.use_memo(
        lambda: keys_of_cells(shown, study.path), [status.states, sum(cell.attempts for cell in status.cells)]
    )
    counted = results if isinstance(results, StudyResults) and not closed else None
    looks = solara.use_memo(lambda: _looks(shown, keys, counted), [id(counted)])
    found = data.study_result(counted, looks, address, over=status.over) if counted is not None else None
    table = data.cell_table(
        status, counted, address, lambda cell: PageAddress(run=keys[cell]).url if cell in keys else ""
    )
    vue.Header(run=None, page="", tabs=[], home="/", event_go=go)
    vue.StudyView(
        head=data.study_head(study.key, status, path, counted),
        found=found,
        waiting=waiting(study, status, results, closed=closed) if found is None else {},
        table=table,
        failures=data.failures(status),
        next=data.study_steps(path, found["advice"] if found else [], over=status.over, closed=closed),
        pager=parts.pager(address, table["found"], data.PAGE),
        find=address.find,
        event_go=go,
        event_search=lambda text: go(address.at(find=text, page_no=0).url),
    )


def waiting(
    study: ShownStudy, status: StudyStatus, results: StudyResults | str | None, *, closed: bool
) -> dict[str, str]:
    """Return why no effect is shown."""
    ended = sum(cell.state in ("ended", "reused") for cell in status.cells)
    if closed:
        return {
            "title": "Effects are hidden until its end",
            "text": f"{data.HIDDEN} {ended:,} of {len(status.cells):,} cells have ended.",
        }
    if isinstance(results, str):
        return {"title": "It cannot be counted", "text": results}
    if not ended:
        return {"title": "No cell has ended yet", "text": "The answer appears here with the first one."}
    done, of = study.read
    return {
        "title": "Counting",
        "text": f"{done:,} of {of:,} cells are read." if of else "Reading the cells that have ended.",
    }


def keys_of_cells(shown: Library, study: Path) -> dict[str, str]:
    """Return name of a cell -> key of its run, wherever that stands, of those that are shown."""
    there = {path: key for key, path in shown.paths().items()}
    folders = {run.cell: Path(run.folder).resolve() for run in cell_runs(study)}
    return {cell: there[folder] for cell, folder in folders.items() if folder in there}


def nearest_cell(shown: Library, run: Path) -> str:
    """Return the key of the cell that differs least from another one of its study, of those that are shown and can be read; empty for none."""
    study = shown.study(shown.study_of(run))
    if study is None:
        return ""
    try:
        lost = {cell.cell for cell in data.as_counted(study.status().cells, study.counted) if cell.state in LOST}
        cells = [each for each in cell_runs(study.path) if each.cell not in lost]
    except MolochError:  # the study's own page says what is wrong with it
        return ""
    there = {path: key for key, path in shown.paths().items()}
    keys = {each.cell: there[path] for each in cells if (path := Path(each.folder).resolve()) in there}
    return next((keys[cell] for cell in nearest_cells(run.name, cells) if cell in keys), "")


def _looks(shown: Library, keys: dict[str, str], results: StudyResults | None) -> dict[str, data.Look]:
    if results is None:
        return {}
    follower = shown.follower(next(iter(keys.values()))) if keys else None
    return data.looks_of(follower.info().config if follower is not None else {}, results)


def _status(study: ShownStudy) -> StudyStatus | str:
    try:
        return study.status()
    except MolochError as error:
        return str(error)


def _results(study: ShownStudy) -> StudyResults | str | None:
    try:
        return study.results()
    except MolochError as error:
        return str(error)
