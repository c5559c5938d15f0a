"""Rows of a frame, as an address asks for them: filtered, sorted, a page at a time; and the Python code that gives the same rows.

Knows frames and addresses; knows nothing of how rows are shown. Nothing is counted here but rows.
"""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.formats import short
from analysis.frames import CellRun, FrameColumn, columns_of, columns_of_cells, of_cells, of_run
from analysis.ui.address import PageAddress
from analysis.ui.data.doors import equals_of
from moloch.errors import InputError

if TYPE_CHECKING:
    import polars as pl

PAGE = 50
"""Rows on one page."""
USUAL = "contests"
"""The frame that is shown where none is named."""


@dataclass(frozen=True)
class RowsQuery:
    """Which rows of which frame.

    Attributes:
        equals: column -> values that it may have; a list holds one of them.
        find: a text that some column of texts holds, whatever the case.
        sort: a column, after ``-`` for descending; empty for the frame's own order.
        cells: the runs that it is of, where it is of a study; empty where it is of a run.
        left_out: names of those among them that cannot be read; they stand in no folder, and have no rows.
    """

    frame: str
    equals: Mapping[str, tuple[str, ...]]
    find: str = ""
    sort: str = ""
    cells: tuple[CellRun, ...] = ()
    left_out: tuple[str, ...] = ()

    @classmethod
    def of(cls, address: PageAddress, cells: tuple[CellRun, ...] = ()) -> RowsQuery:
        """Return what an address asks for."""
        return cls(address.frame or USUAL, equals_of(address), address.find.strip(), address.sort, cells)

    @property
    def columns(self) -> dict[str, FrameColumn]:
        """Name -> column of the frame.

        Raises:
            InputError: there is no such frame.
        """
        columns = columns_of_cells(self.cells, self.frame) if self.cells else columns_of(self.frame)
        return {column.name: column for column in columns}

    def rows(self, folder: Path) -> pl.LazyFrame:
        """Return the rows of the run, or of the study, in a folder.

        Raises:
            InputError: no such frame or column, or a value that it cannot have.
            LogError: the log is damaged, or a newer version wrote it.
        """
        import polars as pl

        columns = self.columns
        frame = of_cells(self.cells, self.frame) if self.cells else of_run(folder, self.frame)
        for name, texts in self.equals.items():
            values, column = [_value(columns, name, text) for text in texts], pl.col(name)
            if columns[name].dtype.startswith("List"):
                frame = frame.filter(pl.any_horizontal(column.list.contains(value) for value in values))
            else:
                named = columns[name].dtype.startswith("Enum")
                frame = frame.filter((column.cast(pl.String) if named else column).is_in(values))
        if self.find:
            held = pl.col(pl.String).str.to_lowercase().str.contains(self.find.lower(), literal=True)
            frame = frame.filter(pl.any_horizontal(held) if self._has_texts() else pl.lit(False))
        if not self.sort:
            return frame
        return frame.sort(self._sorted(), descending=self.sort.startswith("-"), nulls_last=True, maintain_order=True)

    def code(self, folder: str) -> str:
        """Return Python code that gives the same rows, of the run or the study in this folder.

        Raises:
            InputError: as :meth:`rows`.
        """
        columns, plain, calls = self.columns, [], []
        for name, texts in self.equals.items():
            values = [_value(columns, name, text) for text in texts]
            if columns[name].dtype.startswith("List"):
                held = " | ".join(f"pl.col({name!r}).list.contains({value!r})" for value in values)
                calls.append(f".filter({held})")
            elif len(values) == 1 and name.isidentifier() and not keyword.iskeyword(name):
                plain.append(f"{name}={values[0]!r}")
            else:
                calls.append(f".filter(pl.col({name!r}).is_in({values!r}))")
        if self.find and self._has_texts():
            texts = f"pl.col(pl.String).str.to_lowercase().str.contains({self.find.lower()!r}, literal=True)"
            calls.append(f".filter(pl.any_horizontal({texts}))")
        elif self.find:
            calls.append(".filter(False)")
        if self.sort:
            how = f"descending={self.sort.startswith('-')}, nulls_last=True, maintain_order=True"
            calls.append(f".sort({self._sorted()!r}, {how})")
        imports, opened = self._opened(folder)
        if "pl." in "".join(calls):
            imports.append("import polars as pl")
        imports.sort(key=_order)
        calls = [*([f".filter({', '.join(plain)})"] if plain else []), *calls]
        lines = [*imports, "", *opened, *(f"rows = rows{call}" for call in calls)]
        return "\n".join([*lines, "print(rows.collect())"])

    def _opened(self, folder: str) -> tuple[list[str], list[str]]:
        """Return the imports, and the lines that make ``rows``, all of them."""
        if not self.cells:
            return ["import moloch"], [f"rows = moloch.open_run({folder!r}).frame({self.frame!r})"]
        frames = "from analysis.studies.frames.study_frames import"
        if not self.left_out:
            return [f"{frames} study_frame"], [f"rows = study_frame({folder!r}, {self.frame!r})"]
        lines = [
            f"unread = {list(self.left_out)!r}",
            f"cells = [cell for cell in cell_runs({folder!r}) if cell.cell not in unread]",
            f"rows = of_cells(cells, {self.frame!r})",
        ]
        return ["from analysis.frames import of_cells", f"{frames} cell_runs"], lines

    def _has_texts(self) -> bool:
        return any(column.dtype == "String" for column in self.columns.values())

    def _sorted(self) -> str:
        name, columns = self.sort.removeprefix("-"), self.columns
        if name not in columns or not can_sort(columns[name]):
            raise InputError(f"rows of {self.frame} cannot be sorted by {name!r}", fix="Choose a column's heading.")
        return name


def _order(line: str) -> tuple[bool, str]:
    """Return by what imports are sorted: whole modules first."""
    return line.startswith("from"), line


def can_sort(column: FrameColumn) -> bool:
    """Return whether rows can be sorted by a column."""
    return not column.dtype.startswith("List") and column.dtype != "Binary"


def _value(columns: Mapping[str, FrameColumn], name: str, text: str) -> str | int | float | bool:
    """Return what a column is compared with."""
    if name not in columns:
        raise InputError(f"no column {name!r}", fix=f"There are {', '.join(columns)}.")
    kind = columns[name].dtype.removeprefix("List(").removesuffix(")")
    try:
        if kind == "Int64":
            return _whole(text)
        if kind == "Float64":
            return float(text)
        if kind == "Boolean":
            return {"true": True, "false": False}[text.lower()]
    except (KeyError, ValueError):
        said = {"Int64": "a whole number", "Float64": "a number", "Boolean": "true or false"}[kind]
        raise InputError(f"{name} is never {short(text, 40)!r}", why=f"it is {said}") from None
    if kind != "String" and not kind.startswith("Enum"):
        raise InputError(f"rows cannot be chosen by {name}", why="it holds bytes")
    return text.encode("utf-8", "replace").decode("utf-8")


def _whole(text: str) -> int:
    number = int(text) if len(text) < 20 else 1 << 63
    if not -(1 << 63) <= number < 1 << 63:
        raise ValueError
    return number


@dataclass(frozen=True)
class RowsPage:
    """Some of the rows, and how many there are."""

    total: int
    first: int
    rows: pl.DataFrame


def rows_page(query: RowsQuery, folder: Path, page_no: int) -> RowsPage:
    """Return a page of rows; the last one where there are not so many.

    Raises:
        InputError, LogError: as :meth:`RowsQuery.rows`.
    """
    import polars as pl

    frame = query.rows(folder)
    total = int(frame.select(pl.len()).collect().item())
    first = PAGE * min(page_no, max(0, (total - 1) // PAGE))
    return RowsPage(total, first, frame.slice(first, PAGE).collect())
