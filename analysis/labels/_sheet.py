"""Sheets: what a labeller gets, as CSV: an id, the anchor's text, the message, the question, and a column for the label.

A sheet says nothing of arms, votes and verdicts. Spreadsheet programs compute cells that begin like a formula; such a cell gets an
apostrophe before it, which they show as text. Knows files; knows nothing of draws.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from abm.label_events import Label
from analysis.labels._draw import DrawnItem
from moloch.durable import sync
from moloch.errors import InputError
from moloch.plain_text import quoted
from moloch.tables import read_bytes
from moloch.utf8 import from_utf8

COLUMNS = ("id", "anchor", "message", "question", "label")
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "'")
_WORDS: dict[str, Label] = {
    "yes": "yes", "y": "yes", "1": "yes", "true": "yes",
    "no": "no", "n": "no", "0": "no", "false": "no",
    "unsure": "unsure", "u": "unsure", "?": "unsure",
}  # fmt: skip


@dataclass(frozen=True)
class SheetRow:
    """A row of a sheet.

    Attributes:
        at: file:line:column of the id; ``label_at``: of the label, where the row ends.
        label: as it is written, in lower case; empty for none.
    """

    id: str
    anchor: str
    message: str
    question: str
    label: str
    at: str
    label_at: str

    @property
    def meant(self) -> Label | None:
        """The label that is meant; None for none, or for a word that is no label."""
        return _WORDS.get(self.label)


def write_sheet(path: Path, items: Iterable[DrawnItem], question: str, labels: Mapping[str, Label]) -> None:
    """Write a sheet, whole or not at all, and durably.

    Args:
        labels: id -> label, of those that there are.

    Raises:
        InputError: it cannot be written.
    """
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(COLUMNS)
    for item in items:
        rows.writerow([item.id, *map(_as_cell, (item.anchor, item.message, question)), labels.get(item.id, "")])
    replace(path, text.getvalue().encode("utf-8-sig"))  # with the mark by which spreadsheets know UTF-8


def replace(path: Path, data: bytes) -> None:
    """Put a file in another's place, durably: a reader sees the one or the other.

    Raises:
        InputError: it cannot be written.
    """
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        sync(path.parent)
    except OSError as error:
        raise InputError("cannot write the file", where=str(path), why=error.strerror or str(error)) from error
    finally:
        new.unlink(missing_ok=True)


def read_sheet(path: Path) -> list[SheetRow]:
    """Return the rows of a sheet, in their order; columns may stand in any order, others are passed over.

    Raises:
        InputError: it is no CSV of UTF-8, or lacks a column, with line and column.
    """
    text = from_utf8(read_bytes(path, "the sheet"), str(path))
    lines = list(io.StringIO(text, newline=""))
    mark = _mark(lines)
    reader = csv.reader(lines, delimiter=mark, strict=True)
    names: list[str] = []
    rows, begun = list[SheetRow](), 0
    try:
        for cells in reader:
            record = _Record(path, begun, "".join(lines[begun : reader.line_num]), mark)
            begun = reader.line_num
            if not any(cells):
                continue
            if not names:
                names = _header(cells, path)
            else:
                rows.append(_row(record, names, cells))
    except csv.Error as error:
        raise InputError("not a sheet", where=f"{path}:{begun + 1}", why=str(error)) from error
    if not names:
        raise InputError("not a sheet", where=str(path), why="it is empty", fix="Draw it again: moloch labels draw.")
    return rows


def set_label(path: Path, one: str, label: Label) -> None:
    """Write one label into a sheet as it is now, whole or not at all, and durably; all else in it stays.

    Raises:
        InputError: it has no such row, or cannot be read or written.
    """
    read_sheet(path)
    text = from_utf8(read_bytes(path, "the sheet"), str(path))
    lines = list(io.StringIO(text, newline=""))
    mark = _mark(lines)
    rows = list(csv.reader(lines, delimiter=mark, strict=True))
    names = _header(next(filter(any, rows)), path)
    of_id, of_label = names.index("id"), names.index("label")
    there = [row for row in rows if len(row) == len(names) and row[of_id].strip() == one]
    if not there:
        raise InputError(f"no message {quoted(one)} in the sheet", where=str(path))
    for row in there:
        row[of_label] = label
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=mark).writerows(rows)
    replace(path, written.getvalue().encode("utf-8-sig"))


def _mark(lines: Sequence[str]) -> str:
    """Return what parts the columns: spreadsheets of some countries write semicolons."""
    return max(",;\t", key=(lines[0] if lines else "").count)


def _header(cells: Sequence[str], path: Path) -> list[str]:
    names = [cell.strip().casefold() for cell in cells]
    for name in ("id", "label"):
        if names.count(name) != 1:
            why = f"its first row holds {', '.join(map(quoted, cells[:8]))}"
            raise InputError(f"a sheet has one column {name!r}", where=f"{path}:1", why=why)
    return names


def _row(record: _Record, names: Sequence[str], cells: Sequence[str]) -> SheetRow:
    if len(cells) != len(names):
        why = f"{len(names)} columns are named, and the row has {len(cells)}"
        raise InputError("a row does not fit the header", where=record.place(0), why=why)
    of = {name: cells[names.index(name)] for name in COLUMNS if name in names}
    anchor, message, question = (_from_cell(of.get(name, "")) for name in ("anchor", "message", "question"))
    at, label_at = record.place(names.index("id")), record.place(names.index("label"))
    return SheetRow(of["id"].strip(), anchor, message, question, of["label"].strip().casefold(), at, label_at)


@dataclass(frozen=True)
class _Record:
    """A row as it stands in the file, of which cells may have several lines."""

    path: Path
    line: int
    raw: str
    mark: str

    def place(self, column: int) -> str:
        """Return file:line:column of a cell, from 1."""
        begin, within = 0, False
        for place, sign in enumerate(self.raw):
            if column == 0:
                break
            within ^= sign == '"'
            if sign == self.mark and not within:
                column, begin = column - 1, place + 1
        before = self.raw[:begin].rpartition("\n")
        return f"{self.path}:{self.line + before[0].count(chr(10)) + bool(before[1]) + 1}:{len(before[2]) + 1}"


def _as_cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULAS) else text


def _from_cell(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULAS) else cell
