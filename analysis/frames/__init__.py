"""Frames: what happened in a run, or in many, as lazy Polars tables with stable columns, and a codebook that explains them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moloch.lazy import door

if TYPE_CHECKING:
    from analysis.frames._cells import CellRun, cell_table, columns_of_cells, of_cells
    from analysis.frames._codebook import NAMES, FrameColumn, codebook, columns_of, schema_of
    from analysis.frames._differences import LEFT_OUT, FrameDifference, compare_frames, compare_runs
    from analysis.frames._files import check_target, export, export_all, write_codebook, write_frame
    from analysis.frames._run import of_run

_HOMES = {
    "LEFT_OUT": "analysis.frames._differences",
    "NAMES": "analysis.frames._codebook",
    "CellRun": "analysis.frames._cells",
    "FrameDifference": "analysis.frames._differences",
    "FrameColumn": "analysis.frames._codebook",
    "cell_table": "analysis.frames._cells",
    "check_target": "analysis.frames._files",
    "codebook": "analysis.frames._codebook",
    "columns_of": "analysis.frames._codebook",
    "columns_of_cells": "analysis.frames._cells",
    "compare_frames": "analysis.frames._differences",
    "compare_runs": "analysis.frames._differences",
    "export": "analysis.frames._files",
    "export_all": "analysis.frames._files",
    "of_cells": "analysis.frames._cells",
    "of_run": "analysis.frames._run",
    "schema_of": "analysis.frames._codebook",
    "write_codebook": "analysis.frames._files",
    "write_frame": "analysis.frames._files",
}

__all__ = [
    "LEFT_OUT", "NAMES", "CellRun", "FrameColumn", "FrameDifference", "cell_table", "check_target", "codebook", "columns_of",
    "columns_of_cells", "compare_frames", "compare_runs", "export", "export_all", "of_cells", "of_run", "schema_of", "write_codebook", "write_frame",
]  # fmt: skip

__getattr__, __dir__ = door(__name__, _HOMES)
