"""Labels from sheets into the logs of labels: every mistake at once, and nothing is kept while there is one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from abm.label_events import Label, LabelGiven
from analysis.labels._batch import record, run_folder, sheets
from analysis.labels._draw import Allotment
from analysis.labels._label_log import LabelLog
from analysis.labels._sheet import SheetRow, read_sheet
from moloch.errors import InputError, Mistakes, together
from moloch.plain_text import quoted

LISTED = 20
"""Messages without a label that are listed, of each sheet."""


class Imported(NamedTuple):
    """What came of an import.

    Attributes:
        new, corrected, known: labels that were not there, replaced another one, or were there.
        missing: messages of the sheets without a label.
        by_label: yes, no and unsure -> labels of these sheets.
    """

    draw: str
    probe: str
    new: int
    corrected: int
    known: int
    missing: int
    by_label: dict[str, int]


def import_labels(path: Path, *, partial: bool = False, correct: bool = False) -> Imported:
    """Keep the labels of a folder's sheets, or of one sheet, in the logs of labels beside the runs.

    Args:
        partial: messages without a label are no mistake; the rest may follow.
        correct: a label may replace the one that the same labeller gave before; the log keeps both.

    Raises:
        InputError: all mistakes of the sheets together, each with file, line and column; nothing was kept.
        Locked: another process writes a log of labels.
    """
    key, files = sheets(path)
    logs = {run.cell: LabelLog(run_folder(run)) for run in key.runs}
    held = {cell: log.given() for cell, log in logs.items()}
    places = {one.id: (run.cell, one.message) for run in key.runs for one in run.drawn.messages}
    given: dict[str, list[LabelGiven]] = {cell: [] for cell in logs}
    mistakes, missing, known, corrected = list[InputError](), 0, 0, 0
    counts: dict[str, int] = dict.fromkeys(("yes", "no", "unsure"), 0)
    for file, allotment in files.items():
        try:
            labels, rows, wrong = _labels_of(file, allotment, places)
        except Mistakes as several:
            mistakes += several.each
            continue
        except InputError as mistake:
            mistakes.append(mistake)
            continue
        missing += (lacking := len(allotment.ids) - len(labels))
        mistakes += wrong + ([] if partial or not lacking else _missing(file, allotment, labels, rows))
        for one, label in labels.items():
            counts[label] += 1
            cell, message = places[one]
            before = held[cell].get((message, allotment.labeller))
            if before is not None and before.label == label:
                known += 1
                continue
            if before is not None and not correct:
                mistakes.append(
                    InputError(
                        f"the label of {one} was {before.label!r} when it was imported, and is {label!r} now",
                        where=rows[one].label_at,
                        fix="Give --correct to replace it; the log keeps both.",
                    )
                )
            corrected += before is not None
            told = LabelGiven(draw=key.draw, id=one, message=message, labeller=allotment.labeller, label=label)
            given[cell].append(told)
    if mistakes:
        raise together(mistakes)
    record(key)
    for cell, events in given.items():
        logs[cell].append(events)
    new = sum(map(len, given.values())) - corrected
    return Imported(key.draw, key.probe, new, corrected, known, missing, dict(counts))


_Rows = dict[str, SheetRow]


def _labels_of(
    file: Path, allotment: Allotment, places: Mapping[str, object]
) -> tuple[dict[str, Label], _Rows, list[InputError]]:
    """Return the labels of a sheet, its rows by id, and what is wrong with it."""
    labels, rows = dict[str, Label](), _Rows()
    mistakes, own = list[InputError](), set(allotment.ids)
    for row in read_sheet(file):
        if row.id not in own:
            elsewhere = "it is in another sheet of the key" if row.id in places else "the key has no such message"
            mistakes.append(InputError(f"unknown id {quoted(row.id)}", where=row.at, why=elsewhere))
            continue
        first = rows.setdefault(row.id, row)
        if not row.label:
            continue
        if row.meant is None:
            fix = "Give yes, no or unsure."
            mistakes.append(InputError(f"not a label: {quoted(row.label)}", where=row.label_at, fix=fix))
        elif labels.setdefault(row.id, row.meant) != row.meant:
            what = f"{row.id} is labelled {labels[row.id]!r} and {row.meant!r}"
            mistakes.append(InputError(what, where=row.label_at, why=f"the first label is at {first.label_at}"))
        elif not first.label:
            rows[row.id] = row
    return labels, rows, mistakes


def _missing(file: Path, allotment: Allotment, labels: Mapping[str, Label], rows: _Rows) -> list[InputError]:
    """Return mistakes for messages without a label; of a word that is no label another one speaks."""
    lacking = [one for one in allotment.ids if one not in labels]
    empty = [one for one in lacking if one in rows and not rows[one].label]
    absent = [one for one in lacking if one not in rows]
    fix = "Label it, or give --partial to keep what there is."
    told = [InputError(f"no label for {one}", where=rows[one].label_at, fix=fix) for one in empty[:LISTED]]
    told += [InputError(f"no row for {one}", where=str(file), why="it was drawn", fix=fix) for one in absent[:LISTED]]
    if more := len(empty[LISTED:]) + len(absent[LISTED:]):
        told.append(InputError(f"{more:,} more messages have no label", where=str(file), fix=fix))
    return told
