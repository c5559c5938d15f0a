"""One run's tables, and where in the report the rows behind their numbers stand: a run's own contests, or a study's list of cells."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.answers import RowKey
from analysis.reports.document import Datum


@dataclass(frozen=True)
class ReportedRun:
    """The tables of the only run of a report, or of one cell of a study.

    Attributes:
        table: as :func:`analysis.tables.results.results` makes it; of a cell, those parts that a report shows.
        cell: its name in the study; empty outside of one.
    """

    table: Mapping[str, Any]
    cell: str = ""

    def behind(self, anchor: str) -> str:
        """Return the link of a number: to a place in the run's own rows; of a study, to the cell, whose report has them."""
        return f"#{cell_anchor(self.cell) if self.cell else anchor}"

    @property
    def first(self) -> tuple[Datum, ...]:
        """The first cells of its rows: of a study, its name."""
        return (Datum(self.cell, f"#{cell_anchor(self.cell)}"),) if self.cell else ()


def contests_anchor(arm: str, where: str = "") -> str:
    """Return the id of the table with an arm's contests.

    Args:
        where: the other audience or arena in which they were held.
    """
    levels = (("in", where),) if where else ()
    return RowKey(arm, "contests", "", levels).anchor.removesuffix("--none")


def pair_anchor(arm: str, other: str) -> str:
    """Return the id of the table with the contests in which two arms met."""
    return RowKey(arm, other, "met").anchor


def answers_anchor(writer: str) -> str:
    """Return the id of the table with a writer's answers to tasks."""
    return RowKey(writer, "tasks", "answers").anchor


def labels_anchor(probe: str, rater: str) -> str:
    """Return the id of the table with the messages that people labelled for a probe."""
    return RowKey(rater or "probe", probe, "labelled").anchor


def cell_anchor(cell: str) -> str:
    """Return the id of a cell's row in the table of cells."""
    return f"cell-{re.sub(r'[^A-Za-z0-9._-]+', '-', cell)}"
