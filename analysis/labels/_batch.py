"""A folder of labels to give: sheets for labellers, and the key, which says what was drawn, from where and with which chance.

The key is for who analyses; labellers get sheets alone. It is written before the logs of labels, so that a kill between them loses
nothing: what a log lacks is taken from the key.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from abm.label_events import LabelsDrawn
from analysis.labels._draw import LABELLER, Allotment, Draw
from analysis.labels._label_log import LabelLog
from analysis.labels._sheet import replace, write_sheet
from moloch.content import canonical
from moloch.errors import InputError
from moloch.near_files import did_you_mean

KEY = "key.json"


class KeyedRun(msgspec.Struct, frozen=True):
    """A run that was drawn from, and what its log of labels keeps of it."""

    cell: str
    folder: str
    drawn: LabelsDrawn


class BatchKey(msgspec.Struct, frozen=True):
    """What the key of a folder says.

    Attributes:
        sheets: file -> who labels it, and the messages in their order.
    """

    draw: str
    question: str
    runs: list[KeyedRun]
    sheets: dict[str, Allotment]

    @property
    def probe(self) -> str:
        """The probe whose messages these are."""
        return self.runs[0].drawn.probe


def write_batch(out: Path, drawn: Draw) -> BatchKey:
    """Write what was drawn into a new or empty folder, then into the logs of labels; the same draw again writes what is missing.

    Raises:
        InputError: the folder holds something else, or cannot be written.
        Locked: another process writes a log of labels.
    """
    key = BatchKey(
        drawn.name,
        drawn.by_run[0].question,
        [
            KeyedRun(run.cell, str(run.folder.resolve()), event)
            for run, event in zip(drawn.runs, drawn.by_run, strict=True)
        ],
        {_sheet_of(each.labeller): each for each in drawn.allotments},
    )
    try:
        out.mkdir(parents=True, exist_ok=True)
        there = {entry.name for entry in out.iterdir()}
    except OSError as error:
        raise InputError("no folder for labels", where=str(out), why=error.strerror or str(error)) from error
    if there and (KEY not in there or read_key(out).draw != drawn.name):
        raise InputError(
            "the folder cannot take a sample",
            where=str(out),
            why="it holds something else",
            fix="Choose another --out.",
        )
    if KEY not in there:
        replace(out / KEY, msgspec.json.format(canonical(key), indent=1) + b"\n")
    for file, allotment in key.sheets.items():
        if file not in there:  # what is there may have labels
            write_sheet(out / file, [drawn.items[one] for one in allotment.ids], key.question, {})
    record(read_key(out))
    return key


def record(key: BatchKey) -> None:
    """See that the logs of labels hold what was drawn.

    Raises:
        InputError: a run is not where it was.
    """
    for run in key.runs:
        log = LabelLog(run_folder(run))
        if all(event.draw != key.draw for event in log.draws()):
            log.append([run.drawn])


def run_folder(run: KeyedRun) -> Path:
    """Return the folder of a run that was drawn from.

    Raises:
        InputError: it is not where it was.
    """
    folder = Path(run.folder)
    if not (folder / "run.json").is_file():
        raise InputError(
            "the run that was drawn from is not there",
            where=str(folder),
            fix=f"Put it back, or write its new place into {KEY}.",
        )
    return folder


def read_key(folder: Path) -> BatchKey:
    """Return the key of a folder.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    path = folder / KEY
    try:
        return msgspec.json.decode(path.read_bytes(), type=BatchKey)
    except FileNotFoundError as error:
        raise InputError(
            "no sample to label here", where=str(folder), why=f"there is no {KEY}", fix="Draw one: moloch labels draw."
        ) from error
    except OSError as error:
        raise InputError("cannot read the key", where=str(path), why=error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise InputError("the key cannot be read", where=str(path), why=str(error)) from error


def sheets(path: Path) -> tuple[BatchKey, dict[Path, Allotment]]:
    """Return the key and the sheets of a folder; or of one sheet, by its file.

    Raises:
        InputError: no such folder or sheet.
    """
    folder = path if path.is_dir() else path.parent
    if not path.exists() and not (folder / KEY).is_file():
        fix = f"{did_you_mean(path)}Draw a sample: moloch labels draw."
        raise InputError("no sample to label here", where=str(path), why="there is nothing of that name", fix=fix)
    key = read_key(folder)
    if path == folder:
        return key, {folder / file: allotment for file, allotment in key.sheets.items()}
    if path.name not in key.sheets:
        raise InputError("no sheet of that name", where=str(path), fix=f"The key has {', '.join(key.sheets)}.")
    return key, {path: key.sheets[path.name]}


def _sheet_of(labeller: str) -> str:
    return "sheet.csv" if labeller == LABELLER else f"sheet-{labeller}.csv"
