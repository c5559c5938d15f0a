"""A run's evaluation as the values of a cell: what estimates over several runs are made of. Knows nothing of folders and logs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.readings.contests import Evaluation
from analysis.statistics.estimates import plain
from analysis.studies.pages.cells import Factors
from analysis.studies.values.controlled_cells import Numbered, headline_values
from analysis.studies.values.estimates import notes_of, tables_of
from analysis.studies.values.scopes import CellValues
from analysis.tables.pooled import own_estimate
from analysis.tables.rivalry import counterparts


def cell_values(
    found: Evaluation,
    cell: str,
    factors: Factors,
    seed: int,
    told: Mapping[str, Any],
    numbered: Numbered,
    run: str = "",
) -> CellValues:
    """Return an evaluation's values.

    Args:
        cell: its name in the study, or what it is called outside of one; ``factors``, ``seed``: as planned.
        told: its own tables, as :func:`analysis.tables.evaluation.table` makes them.
        numbered: gives its values numbers for content ids, or leaves them out.
        run: what tells its people from those of other runs who are not the same; by default the cell's name.
    """
    values = headline_values(found, run or cell)
    own = {of: plain(own_estimate(each)) for of, each in values.items() if of.measure == "rivalry"}
    return CellValues(
        cell=cell,
        factors=factors,
        seed=seed,
        tables=tables_of(told) | own,
        values=numbered(values),
        compared_with={arm: row["compared_with"] for arm, row in told["arms"].items()},
        notes=notes_of(told),
        networked=found.config.get("world") == "networked",
        solo={each.learner: each.solo for each in counterparts(found.config)},
    )
