"""One frame over many runs: those of a study, each with its factors. Runs are read one after the other, when rows are asked for.

Memory does not grow with the number of runs; nor does the time to plan a query. Knows nothing of pages and of who carried runs out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from analysis.frames._codebook import FrameColumn, columns_of, schema_of
from analysis.frames._run import of_run

if TYPE_CHECKING:
    import polars as pl

AHEAD = 2
"""Runs that are begun to be read while the rows of another are taken."""
_PLANNED = "study_planned.cells, study_extended.cells"
Level = str | int | float | bool


class CellRun(NamedTuple):
    """A run as a cell of a study.

    Attributes:
        cell: its name.
        seed: of the run.
        factors: factor -> level.
        folder: the run's, or its URL in object storage; where there is no folder yet, the cell has no rows.
    """

    cell: str
    seed: int
    factors: Mapping[str, Level]
    folder: Path | str


def of_cells(cells: Iterable[CellRun], name: str) -> pl.LazyFrame:
    """Return a frame (:func:`analysis.frames.of_run`) of many runs: cell, seed, a column per factor, then the frame's.

    A factor has the name of its column; one that a column of the frame has already is ``factor_NAME``. It is a number or a truth value where all
    its levels are; else an Enum of their names, in the order of the cells (cast it to text for a join with text). It is null for a cell without
    it. Rows come in the order of the cells.

    >>> of_cells(cells, "votes").group_by("arena", "arm").len().collect(engine="streaming")  # doctest: +SKIP

    With ``engine="streaming"`` memory holds some 100,000 rows of a few runs at a time, however many there are. A run that is being written is read as far as
    it is when rows are asked for.

    Raises:
        InputError: there is no such frame.
        LogError (when rows are asked for): a run is damaged, or a newer version wrote it.
    """
    from polars.io.plugins import register_io_source

    runs = list(cells)
    frame = schema_of(name)
    table = cell_table(runs, frame)
    schema = {**table.schema, **frame}

    def rows(
        columns: list[str] | None, predicate: pl.Expr | None, most: int | None, batch: int | None
    ) -> Iterator[pl.DataFrame]:
        wanted = list(schema) if columns is None else columns
        of_cell = predicate is not None and set(predicate.meta.root_names()) <= set(table.columns)
        begun: deque[Iterator[pl.DataFrame]] = deque()
        for run, factors in zip(runs, table.iter_slices(1), strict=True):
            if of_cell and predicate is not None and factors.filter(predicate).is_empty():
                continue  # no row of this run can be wanted
            begun.append(_parts(run, name, factors, wanted, predicate, most))
            while len(begun) > (AHEAD if most is None else 0):
                for part in begun.popleft():
                    most = None if most is None else most - part.height
                    yield part
            if most == 0:
                return
        yield from chain.from_iterable(begun)

    return register_io_source(rows, schema=schema)


def _parts(
    run: CellRun, name: str, factors: pl.DataFrame, wanted: Sequence[str], predicate: pl.Expr | None, most: int | None
) -> Iterator[pl.DataFrame]:
    """Return the rows of one run that are wanted, a part at a time; they begin to be read at once."""
    import polars as pl

    if isinstance(run.folder, Path) and not (run.folder / "run.json").exists():
        return iter(())
    asked = {*wanted, *(predicate.meta.root_names() if predicate is not None else ())}
    same = {name: pl.lit(factors[name][0], dtype=dtype) for name, dtype in factors.schema.items() if name in asked}
    frame = of_run(run.folder, name).with_columns(**same)
    if most is not None:
        frame = frame.head(most)
    if predicate is not None:
        frame = frame.filter(predicate)
    return frame.select(wanted).collect_batches(maintain_order=True)


def columns_of_cells(cells: Iterable[CellRun], frame: str | Sequence[FrameColumn]) -> tuple[FrameColumn, ...]:
    """Return the columns of :func:`of_cells` in their order, with their meanings.

    Args:
        frame: its name, or its own columns.

    Raises:
        InputError: there is no such frame.
    """
    table = cell_table(list(cells), schema_of(frame))
    said = {"cell": "Name of the cell, which is that of its run's folder", "seed": "Seed of the cell's run"}
    level = "Level of the factor: a name, or the value of the setting"
    added = (
        FrameColumn(column, str(dtype), "", said.get(column, level), _PLANNED) for column, dtype in table.schema.items()
    )
    return (*added, *(columns_of(frame) if isinstance(frame, str) else frame))


def cell_table(runs: Sequence[CellRun], taken: Iterable[str]) -> pl.DataFrame:
    """Return a row per run: cell, seed, and a column per factor.

    Args:
        taken: columns that stand beside these.
    """
    import polars as pl

    names = {*taken, "cell", "seed"}
    table = {
        "cell": pl.Series([run.cell for run in runs], dtype=pl.String),
        "seed": pl.Series([run.seed for run in runs], dtype=pl.Int64),
    }
    for factor in dict.fromkeys(name for run in runs for name in run.factors):
        table[f"factor_{factor}" if factor in names else factor] = _levels([run.factors.get(factor) for run in runs])
    return pl.DataFrame(table)


def _levels(levels: Sequence[Level | None]) -> pl.Series:
    """Return levels as a column of the type that all of them have; numbers of both kinds are floating, all else has names."""
    import polars as pl

    kinds = {type(level) for level in levels if level is not None}
    if kinds == {bool}:
        return pl.Series(levels, dtype=pl.Boolean)
    if kinds == {int}:
        return pl.Series(levels, dtype=pl.Int64)
    if kinds in ({float}, {int, float}):
        return pl.Series([None if level is None else float(level) for level in levels], dtype=pl.Float64)
    names = [None if level is None else str(level) for level in levels]
    return pl.Series(
        names, dtype=pl.Enum(list(dict.fromkeys(name for name in names if name is not None)))
    )  # grouped faster than text
