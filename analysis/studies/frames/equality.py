"""Whether two executions came to the same: every frame of two studies, or of two runs, row by row. Exact; reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from abm.journal import NOTHING
from analysis.frames import LEFT_OUT, NAMES, CellRun, FrameDifference, compare_frames, compare_runs
from analysis.studies.frames.study_frames import cell_runs, study_frame
from analysis.studies.record.layout import is_study

if TYPE_CHECKING:
    import polars as pl

LEFT_OUT_OF_CELLS: Mapping[str, str] = {
    "run": "where its folder is",
    "attempts": "how often it was begun: after a kill, once more",
    "failed": "what stopped an attempt before the one that ended",
    "message": "what that attempt said",
    "head": "it chains the bytes of the log, the clock among them; digest is compared",
    "seconds": "wall-clock time",
    "peak_bytes": "memory of a process",
    "usd": "what servers were paid, for calls on their way at a kill and sent again, too; calls and tokens are compared",
}
"""Column of the frame ``cells`` that is not compared -> why. ``reused`` counts as ``ended``."""


@dataclass(frozen=True)
class FrameEquality:
    """What :func:`equal_frames` found.

    Attributes:
        a, b: studies, or runs.
        cells: that both have; 1 for two runs.
        rows: frame -> rows that were compared.
        differences: frame by frame and cell by cell, a column at a time.
    """

    a: Path
    b: Path
    cells: int
    rows: Mapping[str, int]
    differences: tuple[FrameDifference, ...]

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    def as_dict(self) -> dict[str, Any]:
        """Return everything as a JSON-able mapping, with the columns that were left out."""
        left_out = {name: [*LEFT_OUT_OF_CELLS] if name == "cells" else [*LEFT_OUT] for name in self.rows}
        return {
            "a": str(self.a), "b": str(self.b), "equal": self.equal, "cells": self.cells, "rows": dict(self.rows),
            "left_out": left_out, "differences": [msgspec.to_builtins(each) for each in self.differences],
        }  # fmt: skip


def equal_frames(a: Path, b: Path, report: Callable[[int, int], None] = lambda done, total: None) -> FrameEquality:
    """Compare all frames of two studies, or of two runs; cells are matched by name, rows by their order.

    Numbers are equal to the last bit. What is not compared is in :data:`LEFT_OUT_OF_CELLS` and :data:`analysis.frames.LEFT_OUT`.

    Args:
        report: called with cells read, and cells in all.

    Raises:
        InputError: a study is compared with a run.
        LogError: a log cannot be read.
    """
    if not is_study(a):
        compared, differences = compare_runs(a, b, NAMES)
        report(1, 1)
        return FrameEquality(a, b, 1, compared, tuple(differences))
    runs = [{run.cell: run for run in cell_runs(each)} for each in (a, b)]
    both = [name for name in runs[0] if name in runs[1]]
    found = [*_cells(a, b)]
    rows = Counter({"cells": len(both)} | dict.fromkeys(NAMES, 0))
    for done, name in enumerate(both, 1):
        compared, more = _of_cell(*(each[name] for each in runs))
        rows.update(compared)
        found += more
        report(done, len(both))
    order = ["cells", *NAMES]
    return FrameEquality(a, b, len(both), rows, tuple(sorted(found, key=lambda each: order.index(each.frame))))


def _of_cell(a: CellRun, b: CellRun) -> tuple[dict[str, int], list[FrameDifference]]:
    """Compare the runs of a cell, where both have begun."""
    first, second = Path(a.folder), Path(b.folder)
    begun = [(folder / "run.json").exists() for folder in (first, second)]
    if all(begun):
        return compare_runs(first, second, NAMES, a.cell)
    if not any(begun):
        return {}, []
    told = ["a run" if each else "no run" for each in begun]
    return {}, [FrameDifference("cells", a.cell, "", -1, "", *told, rows=1)]


def _cells(a: Path, b: Path) -> Iterator[FrameDifference]:
    """Yield what differs between the frames ``cells``, a cell and a column at a time."""
    import polars as pl

    frames = [_comparable(study_frame(each, "cells")) for each in (a, b)]
    columns = [set(frame.columns) for frame in frames]
    for column in sorted(columns[0] ^ columns[1]):
        told = [f"the column {column}" if column in each else "none" for each in columns]
        yield FrameDifference("cells", "", "", -1, "", *told, rows=1)
    names = [dict.fromkeys(frame["cell"]) for frame in frames]
    for name in names[0] | names[1]:
        if name not in names[0] or name not in names[1]:
            told = ["there" if name in each else NOTHING for each in names]
            yield FrameDifference("cells", name, "", -1, "", *told, rows=1)
    both = pl.DataFrame({"cell": [name for name in names[0] if name in names[1]]}, {"cell": pl.String})
    shared = [column for column in frames[0].columns if column in columns[1]]
    one, other = (both.join(frame.select(shared), on="cell", how="left", maintain_order="left") for frame in frames)
    unequal = [one[column].ne_missing(other[column]) for column in shared]
    for at in pl.select(pl.any_horizontal(unequal)).to_series().arg_true():
        _, found = compare_frames("cells", iter([one[at : at + 1]]), iter([other[at : at + 1]]), one["cell"][at])
        yield from (msgspec.structs.replace(each, row=at) for each in found)


def _comparable(cells: pl.LazyFrame) -> pl.DataFrame:
    """Return the frame without what is left out; levels as text, since the order of a page's levels is no part of a row."""
    import polars as pl

    return (
        cells.drop(LEFT_OUT_OF_CELLS)
        .with_columns(pl.col(pl.Enum).cast(pl.String), state=pl.col("state").replace("reused", "ended"))
        .collect()
    )
