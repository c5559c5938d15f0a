"""A study out of object storage: every log verified on its way in, so that every command works on the folder as on the first one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from abm.llm.ledger import FILE as SPENT
from abm.log import Head
from abm.log.mirror import download
from abm.log.objects import ObjectFolder, StoredObject
from analysis.studies.record.layout import LOG, Layout, is_study
from analysis.studies.record.study_log import CellHistory, StudyLog
from analysis.studies.storage.remote import last_hold
from analysis.studies.storage.uploads import FOLLOWS, CellUpload, note, place_of, prefix_of
from moloch.errors import CorruptLog, InputError, LogError


class FetchedStudy(NamedTuple):
    """What was fetched.

    Attributes:
        folder: the study's.
        cells: whose logs are there, whole or in part; ``missing``: those that ended, and whose logs are not.
        head: of the study's own log.
    """

    folder: Path
    cells: list[str]
    missing: list[str]
    head: Head


def is_there(store: str) -> bool:
    """Tell whether a study is in object storage.

    Raises:
        InputError: it is no URL of a folder there.
        LogError: the storage refuses.
    """
    return ObjectFolder(store).read(f"{LOG}/run.json") is not None


def fetch(
    store: str,
    folder: Path,
    *,
    adapters: bool = True,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> FetchedStudy:
    """Bring a study from object storage into a folder, or what is new there into one that holds it.

    Logs are verified, those of cells that ended against the head that the study's log names. What is here already stays. A
    reused run comes as its cell's own folder.

    Args:
        store: URL of the study's folder there.
        adapters: those that were learnt, too: a cell that has not ended needs them to go on, results do not.
        report: called with cells read, and cells in all.

    Raises:
        InputError: no such URL, no study there, or the folder holds something else.
        Conflict: the folder holds another study, or another history of it.
        CorruptLog: a log is damaged, or not the one that the study's log names.
        LogError: the storage refuses, or the folder cannot be written.
    """
    there, layout = ObjectFolder(store), Layout(folder)
    objects = there.objects()
    if not any(each.name == f"{LOG}/run.json" for each in objects):
        raise InputError("no study there", where=store, why=f"there is no {LOG}", fix="Give the URL that --store had.")
    strangers = (
        folder.is_dir() and any(not each.name.startswith(".") for each in folder.iterdir()) and not _ours(layout)
    )
    if strangers or folder.is_file():
        raise InputError("the folder holds something else", where=str(folder), fix="Give one that is new or empty.")
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch) / LOG
        head = download(there, f"{LOG}/", log, objects)
        hold = last_hold(there, objects)
        if hold is not None and head.seq < hold[2].events:
            raise CorruptLog(
                "the study's log is not all there",
                where=f"{there.url}/{LOG}",
                why=f"{head.seq} events, and {hold[2].events} were put",
                fix="If the study is worked on, run the same command again; else an object was cut or deleted.",
            )
        cells = StudyLog(scratch).state().cells
        by_cell = _by_cell(objects)
        got, missing = list[str](), list[str]()
        for done, (name, cell) in enumerate(cells.items(), 1):
            if name in by_cell:
                _fetch_cell(there, layout, name, cell, by_cell[name], adapters)
                got.append(name)
            elif cell.state in ("ended", "reused"):
                missing.append(name)
            report(done, len(cells))
        for each in objects:
            if each.name.split("/")[0] in (layout.page.name, layout.budget.name, layout.output.name):
                there.save(each.name, _inside(folder, each.name))
        local = ObjectFolder(Path(scratch).resolve().as_uri())  # the same that was folded, even if there is more by now
        download(local, f"{LOG}/", layout.log, local.objects(LOG))
    return FetchedStudy(folder, got, missing, head)


def _ours(layout: Layout) -> bool:
    """Tell whether a folder holds a study, or what an earlier fetch of one left."""
    return is_study(layout.folder) or layout.cells.is_dir() or layout.copy.exists()


def _fetch_cell(
    there: ObjectFolder, layout: Layout, name: str, cell: CellHistory, objects: Sequence[StoredObject], adapters: bool
) -> None:
    prefix, run = prefix_of(name), _inside(layout.cells, name)
    wanted = [folder for folder in FOLLOWS if adapters or folder != "adapters"]
    for each in objects:
        inner = each.name.removeprefix(prefix)
        path = _inside(run, inner)
        if (inner.split("/")[0] in wanted and not (path.is_file() and path.stat().st_size == each.nbytes)) or (
            inner == SPENT and not path.exists()
        ):
            there.save(each.name, path)
    head = download(there, prefix, run, objects)
    if cell.state not in ("ended", "reused") or not cell.head:
        return
    if head.hash != cell.head:
        raise CorruptLog(
            "the log of a cell is not the one that ended",
            where=place_of(there.url, name),
            why=f"its head is {head.hash[:12]}, and the study's log says {cell.head[:12]}",
            fix="If the study is worked on, run the same command again; else the log there was changed, or is not all there.",
        )
    note(layout, name, CellUpload(place_of(there.url, name), cell.head))


def _by_cell(objects: Sequence[StoredObject]) -> dict[str, list[StoredObject]]:
    found: dict[str, list[StoredObject]] = {}
    for each in objects:
        parts = each.name.split("/", 2)
        if parts[0] == "cells" and len(parts) == 3:
            found.setdefault(parts[1], []).append(each)
    return {name: each for name, each in found.items() if any(e.name == f"{prefix_of(name)}run.json" for e in each)}


def _inside(folder: Path, name: str) -> Path:
    """Return the path of a name that came from outside.

    Raises:
        LogError: it leads out of the folder.
    """
    path = folder / name
    if ".." in name.split("/") or "\\" in name or "\0" in name or not path.resolve().is_relative_to(folder.resolve()):
        raise LogError("an object whose name leads out of its folder", where=name)
    return path
