"""Two runs' frames side by side, row by row: whether two executions came to the same. Exact; knows nothing of what rows mean.

Left out is what the clock says. A column that names events by their ``seq`` is compared by their places among the decisions, which
an interruption does not shift.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from abm.journal import NOTHING, excerpts, shown
from analysis.frames._event_places import EventPlaces
from analysis.frames._run import of_run

if TYPE_CHECKING:
    import polars as pl

LEFT_OUT: Mapping[str, str] = {"at": "when an event was appended, by the clock of the machine"}
"""Column of a run's frames that is not compared -> why."""
BY_PLACE = ("seq", "cause", "decided", "data_range")
"""Columns that name events by their ``seq``."""
SLICE = 2**16
"""Rows of each frame that are held at once."""


class FrameDifference(msgspec.Struct, frozen=True):
    """Where two frames are not equal: the first row of one column, or that one frame has more rows.

    Attributes:
        frame: its name.
        cell: of a study; empty for two runs.
        column: that differs; empty where frames, cells or columns themselves are not the same.
        row: the first that differs, from 0 within the cell; of the frame ``cells``, within the frame.
        about: contest, message or adapter of that row; empty where it has none.
        a, b: what each holds there, its beginning where it is long.
        rows: that differ in this column.
    """

    frame: str
    cell: str
    column: str
    row: int
    about: str
    a: str
    b: str
    rows: int


class RunFrames:
    """The frames of one run as they are compared.

    Args:
        run: its folder.

    Raises:
        LogError: there is no run, it is damaged, or a newer version wrote it.
    """

    def __init__(self, run: Path) -> None:
        self._run, self._places = run, EventPlaces(run)

    def slices(self, name: str) -> Iterator[pl.DataFrame]:
        """Yield the rows of a frame, :data:`SLICE` at a time, without what is left out."""
        import polars as pl

        frame, held = of_run(self._run, name).drop(*LEFT_OUT, strict=False), None
        for batch in frame.collect_batches(maintain_order=True):
            held = batch if held is None else pl.concat([held, batch])
            while held.height >= SLICE:
                yield self._placed(held.head(SLICE))
                held = held.slice(SLICE)
        if held is not None and held.height:
            yield self._placed(held)

    def _placed(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.with_columns(self._places.of(rows[name]) for name in BY_PLACE if name in rows.columns)


def compare_frames(
    name: str, a: Iterator[pl.DataFrame], b: Iterator[pl.DataFrame], cell: str = ""
) -> tuple[int, list[FrameDifference]]:
    """Compare two frames of the same columns; return how many rows were compared, and where they differ, by column.

    Args:
        name: of the frame.
        a: its rows in slices of one size, and ``b``: the other's.
        cell: to which the rows belong.
    """
    compared, sizes, found = 0, [0, 0], dict[str, FrameDifference]()
    for left, right in zip_longest(a, b):
        both = [0 if each is None else each.height for each in (left, right)]
        sizes = [size + more for size, more in zip(sizes, both, strict=True)]
        if left is None or right is None:
            continue
        for each in _differing(left.head(min(both)), right.head(min(both))):
            first = found.get(
                each.column, msgspec.structs.replace(each, frame=name, cell=cell, row=compared + each.row, rows=0)
            )
            found[each.column] = msgspec.structs.replace(first, rows=first.rows + each.rows)
        compared += min(both)
    if sizes[0] != sizes[1]:
        told = [f"{size:,} rows" for size in sizes]
        return compared, [
            FrameDifference(name, cell, "", -1, "", *told, rows=abs(sizes[0] - sizes[1])),
            *found.values(),
        ]
    return compared, list(found.values())


def _differing(left: pl.DataFrame, right: pl.DataFrame) -> Iterator[FrameDifference]:
    """Yield each column in which rows of equal number differ, with its first such row."""
    for column in left.columns:
        unequal = left[column].ne_missing(right[column])
        if not unequal.any():
            continue
        row = unequal.arg_max() or 0
        a, b = _shown(left[column][row], right[column][row])
        yield FrameDifference("", "", column, row, _about(left, row), a, b, rows=int(unequal.sum()))


def _about(rows: pl.DataFrame, row: int) -> str:
    return next(
        (
            str(rows[name][row])
            for name in ("message", "contest", "adapter")
            if name in rows.columns and rows[name][row]
        ),
        "",
    )


def _shown(*values: Any) -> tuple[str, ...]:
    import polars as pl

    if all(isinstance(value, str) for value in values):
        return excerpts(*values)
    plain = (value.to_list() if isinstance(value, pl.Series) else value for value in values)
    return tuple(NOTHING if value is None else shown(value) for value in plain)


def compare_runs(
    a: Path, b: Path, names: Sequence[str], cell: str = ""
) -> tuple[dict[str, int], list[FrameDifference]]:
    """Compare frames of two runs; return the rows compared of each, and where they differ.

    Raises:
        InputError: there is no such frame.
        LogError: a run is missing, damaged, or of a newer version.
    """
    one, other = RunFrames(a), RunFrames(b)
    rows, found = dict[str, int](), list[FrameDifference]()
    for name in names:
        rows[name], more = compare_frames(name, one.slices(name), other.slices(name), cell)
        found += more
    return rows, found
