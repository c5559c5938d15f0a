"""The frames of a study: those of its runs with a column per factor, and one of its cells. Reads logs; shows nothing by itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.frames import (
    NAMES,
    CellRun,
    FrameColumn,
    cell_table,
    columns_of,
    columns_of_cells,
    of_cells,
    of_run,
    schema_of,
)
from analysis.studies.record.layout import Layout, is_study
from analysis.studies.record.places import run_of
from analysis.studies.record.study_log import CellHistory, StudyLog
from analysis.studies.storage.stored import stored_cells

if TYPE_CHECKING:
    import polars as pl

CELLS = (
    FrameColumn("state", "String", "", "waiting, running, ended, reused (a run that stands elsewhere) or failed", "cell_started, cell_ended, cell_failed, cell_reused"),
    FrameColumn("run", "String", "", "Folder of its run, relative to the study's", "cell_ended, cell_reused.run"),
    FrameColumn("attempts", "Int64", "attempts", "Begun so far, by whatever worker", "cell_started.attempt"),
    FrameColumn("failed", "String", "", "Whose fault the last failure was; null where none was", "cell_failed.origin"),
    FrameColumn("message", "String", "", "What the last failure said; null where none was", "cell_failed.message"),
    FrameColumn("head", "String", "", "Hash of the run's log at its end; null before", "cell_ended.head, cell_reused.head"),
    FrameColumn("digest", "String", "", "Hash of what the run decided; null before its end", "cell_ended.digest, cell_reused.digest"),
    FrameColumn("seconds", "Float64", "seconds", "Wall-clock time of the attempts that ended", "cell_ended.seconds"),
    FrameColumn("peak_bytes", "Int64", "bytes", "Memory of its process, at most; null where nobody measured it", "cell_ended.peak_bytes"),
    FrameColumn("calls", "Int64", "calls", "Answers of language models", "llm_replied"),
    FrameColumn("tokens_in", "Int64", "tokens", "That models read", "llm_replied.tokens_in"),
    FrameColumn("tokens_out", "Int64", "tokens", "That models wrote", "llm_replied.tokens_out"),
    FrameColumn("usd", "Float64", "US dollars", "What servers were paid, by the prices in the settings", "calls_served.usd"),
)  # fmt: skip
"""Of the frame ``cells``, behind cell, seed and the factors."""
STUDY_NAMES = ("cells", *NAMES)
"""The frames of a study that have a name of their own; any type of event of its runs is a frame, too."""


def cell_runs(folder: Path | str) -> list[CellRun]:
    """Return the cells of a study with the folders of their runs, whether or not these have begun.

    Args:
        folder: the study's; or its URL in object storage, where cells have rows once they have ended.

    Raises:
        InputError: there is no study.
        LogError: its log cannot be read.
    """
    return [run for run, _ in _read(folder)]


def study_frame(folder: Path | str, name: str) -> pl.LazyFrame:
    """Return a frame of a study: ``cells``, or one of its runs' (:func:`analysis.frames.of_cells`), with a column per factor.

    >>> study_frame("studies/one", "votes").group_by("arena", "arm").len().collect(engine="streaming")  # doctest: +SKIP

    Args:
        folder: as of :func:`cell_runs`. In object storage the study's log is read and verified now, Parquet when rows are asked
            for, in place and unverified. ``writing`` is measured from the cells' logs, which are fetched and verified for it.

    Raises:
        InputError: there is no study, or no such frame.
        LogError: the study's log cannot be read.
    """
    return _cells(folder) if name == "cells" else of_cells(cell_runs(folder), name)


def study_columns(folder: Path | str, name: str) -> tuple[FrameColumn, ...]:
    """Return the columns of a study's frame, with their meanings; as :func:`study_frame`."""
    return columns_of_cells(cell_runs(folder), CELLS if name == "cells" else name)


def all_frames(path: Path | str) -> dict[str, tuple[pl.LazyFrame, tuple[FrameColumn, ...]]]:
    """Return every named frame of a run or of a study, with its columns, as :func:`analysis.frames.export_all` takes them.

    Args:
        path: a study's folder, or a run's.

    Raises:
        LogError: there is no run, or a log cannot be read.
    """
    if is_study(Path(path)):
        return {name: (study_frame(path, name), study_columns(path, name)) for name in STUDY_NAMES}
    return {name: (of_run(path, name), columns_of(name)) for name in NAMES}


def _read(folder: Path | str) -> list[tuple[CellRun, CellHistory]]:
    if "://" in str(folder):
        return stored_cells(str(folder))
    layout = Layout(folder)
    return [(_cell_run(layout, history), history) for history in StudyLog(folder).state().cells.values()]


def _cell_run(layout: Layout, history: CellHistory) -> CellRun:
    planned = history.planned
    run = run_of(layout, history) or layout.cell(planned.cell)
    return CellRun(planned.cell, planned.seed, planned.factors, run)


def _cells(folder: Path | str) -> pl.LazyFrame:
    """Return a row per cell, in the order of the page."""
    import polars as pl

    read = _read(folder)
    runs, histories = [run for run, _ in read], [history for _, history in read]
    schema = schema_of(CELLS)
    counted = ("calls", "tokens_in", "tokens_out", "usd")
    known = pl.DataFrame([_known(each) for each in histories], {n: t for n, t in schema.items() if n not in counted})
    replied = of_cells(runs, "llm_replied").group_by("cell").agg(
        pl.col("tokens_in").sum(), pl.col("tokens_out").sum(), calls=pl.len().cast(pl.Int64)
    )  # fmt: skip
    paid = of_cells(runs, "calls_served").group_by("cell").agg(pl.col("usd").sum())
    frame = cell_table(runs, schema).hstack(known).lazy()
    for of_logs in (replied, paid):
        frame = frame.join(of_logs, on="cell", how="left", maintain_order="left")
    return frame.with_columns(pl.col(counted).fill_null(0)).select(
        *(column.name for column in columns_of_cells(runs, CELLS))
    )


def _known(history: CellHistory) -> dict[str, Any]:
    """Return what the study's log says of a cell."""
    failure = history.failures[-1] if history.failures else None
    return {
        "state": history.state,
        "run": history.run or None,
        "attempts": history.attempts,
        "failed": failure.origin if failure else None,
        "message": failure.message if failure else None,
        "head": history.head or None,
        "digest": history.digest or None,
        "seconds": history.seconds,
        "peak_bytes": history.peak_bytes or None,
    }
