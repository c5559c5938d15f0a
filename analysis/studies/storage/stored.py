"""A study's cells as object storage has them, for frames that are read there. Fetches nothing but the study's own log."""

from __future__ import annotations

import tempfile
from pathlib import Path

from abm.log.mirror import download
from abm.log.objects import ObjectFolder
from abm.log.votes import VOTES
from analysis.frames import CellRun
from analysis.studies.record.layout import LOG, Layout
from analysis.studies.record.study_log import CellHistory, StudyLog
from analysis.studies.storage.uploads import place_of


def stored_cells(store: str) -> list[tuple[CellRun, CellHistory]]:
    """Return each cell, with the URL of its run if that is there whole, and what the study's log says of it.

    Args:
        store: URL of the study's folder.

    Raises:
        InputError: it is no URL of a folder in object storage.
        LogError: there is no study, its log is damaged, or the storage refuses.
    """
    there = ObjectFolder(store)
    objects = there.objects()
    whole = {each.name.split("/")[1] for each in objects if each.name.split("/")[2:3] == [VOTES.folder]}
    with tempfile.TemporaryDirectory() as scratch:
        download(there, f"{LOG}/", Path(scratch) / LOG, objects)
        cells = StudyLog(scratch).state().cells
        gone = Layout(scratch)  # a folder that will not be there: cells without rows
        return [
            (
                CellRun(
                    name,
                    cell.planned.seed,
                    cell.planned.factors,
                    place_of(store, name).rstrip("/") if name in whole else gone.cell(name),
                ),
                cell,
            )
            for name, cell in cells.items()
        ]
