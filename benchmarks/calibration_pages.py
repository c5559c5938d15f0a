"""Studies of the moves model through page, cells, logs and frames, and again from their draws alone.

One page holds all seeds; each group of them is a study. What the product makes of the logs is held against what the same estimators make of
the draws: the votes of the frame, and, in the place of a probe's verdicts, the moves that the writer drew.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

sys.path[0] = str(Path(__file__).resolve().parents[1])
sys.path.append(str(Path(__file__).resolve().parent))

import numpy as np  # noqa: E402
from calibration_scores import LEARNER, OUTCOMES, PLACEBO, cells, estimated  # noqa: E402

from analysis.statistics.estimates import Estimate  # noqa: E402
from analysis.studies.study import Study  # noqa: E402
from analysis.studies.values.estimates import estimates  # noqa: E402
from analysis.tables.pooled import Measured  # noqa: E402
from learning import run  # noqa: E402

SEEDS = 3
"""Of a study."""
BASE: dict[str, Any] = {
    "extensions": ["learning.moves"],
    "model": "moves",
    "serving": {"llm": "moves"},
    "sampling": {"temperature": 1.0},
    "arms": [LEARNER, PLACEBO],
    "epochs": 1,
    "audience": "neutral",
    "train_anchors": 24,
    "held_out_anchors": 24,
    "train_personas": 10,
    "held_out_personas": 10,
    "probes": ["misrepresentation"],
}
"""The neutral audience weighs no misbehaviour: that of the learner less that of its placebo is a null."""


def page(studies: int, folder: Path) -> Study:
    """Return the study of so many groups of seeds, each with anchors and people of its own draw."""
    redraw = {"train_anchors": "per_seed", "held_out_anchors": "per_seed", "held_out_personas": "per_seed"}
    return Study(name="calibration", base=BASE, seeds=studies * SEEDS, redraw=redraw, out=folder)


EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
CONTROL_SEEDS = 8
"""Of the positive control's page."""


def control(studies: int, folder: Path) -> dict[tuple[str, str], list[Estimate]]:
    """Carry out the page of the positive control with more seeds, each eight of which are a study; a cell that has ended is not repeated.

    Cells run in this process: what a study's workers add is not at issue here.

    Returns:
        (audience, arm) -> the difference in misrepresentation from placebo in each study.
    """
    from abm.log import open_log
    from analysis.readings.evaluation import read_evaluation
    from analysis.studies.pages.page import page_of, read_page
    from analysis.studies.values.estimates import notes_of, tables_of
    from analysis.studies.values.scopes import CellValues
    from analysis.tables.evaluation import table
    from analysis.tables.pooled import run_values

    written = read_page(EXAMPLES / "positive_control.yaml").page
    values = written.model_dump(exclude_unset=True) | {"seeds": studies * CONTROL_SEEDS}
    values["cross"] = {
        "audience": {
            "credulous": {"audience": str(EXAMPLES / "audiences/credulous.yaml")},
            "neutral": {"audience": "neutral"},
        }
    }
    found: dict[str, dict[int, CellValues]] = {}
    for cell in Study(page_of(values), out=folder).cells:
        done = run(cell.config, folder / cell.name)
        evaluation = read_evaluation(open_log(done.path, write=False).read())
        told = table(evaluation)
        compared_with = {arm: row["compared_with"] for arm, row in told["arms"].items()}
        found.setdefault(str(cell.factors["audience"]), {})[cell.seed] = CellValues(
            cell.name, {}, cell.seed, tables_of(told), run_values(evaluation, cell.name), compared_with, notes_of(told)
        )
    groups: dict[tuple[str, str], list[Estimate]] = {}
    for audience, of_seed in found.items():
        for first in range(1, studies * CONTROL_SEEDS + 1, CONTROL_SEEDS):
            rows = estimates([of_seed[seed] for seed in range(first, first + CONTROL_SEEDS)], [])
            for row in rows:
                if row.measured == Measured(row.measured.arm, "strategy", "misrepresentation", "from_comparator"):
                    groups.setdefault((audience, row.measured.arm), []).append(row.estimate)
    return groups


class Compared(NamedTuple):
    """One outcome of one study: from the logs, and from the draws."""

    logged: Estimate
    drawn: Estimate

    @property
    def apart(self) -> float:
        """The largest difference of value, interval and p; 0 where neither has one, infinite where only one has."""
        pairs = [(getattr(self.logged, name), getattr(self.drawn, name)) for name in ("value", "low", "high", "p")]
        return max(_apart(*pair) for pair in pairs)


def _apart(one: float, other: float) -> float:
    if np.isnan(one) or np.isnan(other):
        return 0.0 if np.isnan(one) == np.isnan(other) else float("inf")
    return abs(one - other)


def compared(study: Study) -> list[list[Compared]]:
    """Return the outcomes of every group of seeds whose cells have all ended."""
    by_seed = {cell.seed: cell for cell in study.results().cells}
    draws = dict(_draws(study))
    anchors, people = _numbers(draws, 2), _numbers(draws, 3)
    found = []
    for first in range(1, max(by_seed) + 1, SEEDS):
        seeds = list(range(first, first + SEEDS))
        if not all(seed in by_seed for seed in seeds):
            continue
        rows = {row.measured: row.estimate for row in estimates([replace(by_seed[s], factors={}) for s in seeds], [])}
        again = cells(
            np.stack([draws[s][0] for s in seeds]),
            np.stack([draws[s][1] for s in seeds]),
            np.stack([[anchors[each] for each in draws[s][2]] for s in seeds]),
            np.stack([[people[each] for each in draws[s][3]] for s in seeds]),
            seeds,
        )
        found.append(
            [Compared(rows[of], scored.estimates[0]) for of, scored in zip(OUTCOMES, estimated(again), strict=True)]
        )
    return found


def _draws(study: Study) -> Iterator[tuple[int, tuple[Any, Any, list[str], list[str]]]]:
    """Yield each seed's labels (2 arms, anchors), votes (2 arms, anchors, people), anchors and people, from the frames of what happened."""
    import polars as pl

    contests = study.frame("contests").filter(phase="evaluate").select("seed", "contest", "arm_slot").collect()
    votes = (
        study.frame("votes")
        .filter(phase="evaluate")
        .select("seed", "contest", "arm", "anchor", "origin", "choice")
        .collect()
        .join(contests, on=["seed", "contest"])
        .with_columns(won=(pl.col("choice") == pl.col("arm_slot")).cast(pl.Int8))
        .sort("seed", "arm", "anchor", "origin")
    )
    written = (
        study.frame("messages")
        .filter(phase="evaluate")
        .filter(pl.col("competitor") == pl.col("arm"))
        .select("seed", "arm", "anchor", label=pl.col("thinking").str.contains("claim").cast(pl.Int8))
        .collect()
        .sort("seed", "arm", "anchor")
    )
    for (seed,), rows in votes.group_by("seed"):
        anchors, people = (rows[name].unique().sort().to_list() for name in ("anchor", "origin"))
        marked = written.filter(seed=seed)
        shape = (len(anchors), len(people))
        labels = np.stack([marked.filter(arm=arm)["label"].to_numpy() for arm in (LEARNER, PLACEBO)])
        won = np.stack([rows.filter(arm=arm)["won"].to_numpy().reshape(shape) for arm in (LEARNER, PLACEBO)])
        yield int(str(seed)), (labels, won, anchors, people)


def _numbers(draws: dict[int, tuple[Any, Any, list[str], list[str]]], column: int) -> dict[str, int]:
    names = sorted({name for drawn in draws.values() for name in drawn[column]})
    return {name: number for number, name in enumerate(names)}
