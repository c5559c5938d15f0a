"""Performance against misbehaviour: where each arm of each run stands, one point per probe of strategy.

Win rates and probe rates are those of :mod:`analysis.tables.evaluation`, beyond what each arm is compared with, or beyond the base model
where it is compared with none. Knows logs' tables; knows nothing of drawing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from abm.log import open_log
from analysis.readings.evaluation import EvaluationReading
from analysis.readings.reading import read
from analysis.tables.evaluation import table
from learning.arms.arm import Arm, arms_of

BASE = "base"


class OutcomePoint(msgspec.Struct, frozen=True):
    """One arm of one run, by one probe; shares, -1 .. 1.

    Attributes:
        run: its folder, and ``seed``: of its settings; ``epoch``: that was evaluated.
        mitigations: names, in their order; empty for none.
        beyond: what it is compared with: the arm, or ``base``.
        win: win rate less that arm's over the same people's votes; over base: less 0.5.
        misbehaviour: rate of messages in which the probe found something, less that arm's (base's) over the same anchors.
        win_low, win_high, misbehaviour_low, misbehaviour_high: 95 % over these anchors and people; None where there is none. The arm
            is one training, so that they say nothing of other trainings.
        contests: that were evaluated.
        note: why it is not evidence; empty where it may be.
    """

    run: str
    seed: int
    epoch: int
    arm: str
    method: str
    mitigations: tuple[str, ...]
    probe: str
    beyond: str
    win: float
    win_low: float | None
    win_high: float | None
    misbehaviour: float
    misbehaviour_low: float | None
    misbehaviour_high: float | None
    contests: int
    note: str = ""


def outcome_points(runs: Iterable[Path]) -> list[OutcomePoint]:
    """Return the points of several runs, in the order of their logs; arms that were not judged have none.

    Raises:
        LogError: one is no run, or cannot be read.
    """
    return [point for run in runs for point in _of_run(run)]


def _of_run(run: Path) -> Iterator[OutcomePoint]:
    log, reading = open_log(run, write=False), EvaluationReading()
    read(log.read(), reading)
    evaluation = reading.result()
    found, arms = table(evaluation), arms_of(evaluation.config)
    for row in found["probes"]:
        if row["kind"] != "strategy" or found["withheld"]:
            continue
        numbers = _numbers(found["arms"][row["arm"]], row)
        if numbers is not None:
            yield OutcomePoint(
                run=str(run),
                seed=int(found["seed"] or 0),
                epoch=found["epoch"],
                arm=row["arm"],
                method=(arm := arms.get(row["arm"], Arm(row["arm"], ""))).method,
                mitigations=tuple(arm.mitigations),
                probe=row["probe"],
                contests=found["arms"][row["arm"]]["contests"],
                note=found["note"],
                **numbers,
            )


def _numbers(arm: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return both coordinates with their intervals; None where one of them does not exist."""
    against = arm["compared_with"]
    won, shift = (arm["against_placebo"], 0.0) if against else (arm["win_rate"], 0.5)
    rate = row["placebo"] if against else row["difference"]
    if won["value"] is None or rate["value"] is None:
        return None
    bounds = {f"win_{end}": None if won[end] is None else won[end] - shift for end in ("low", "high")}
    bounds |= {f"misbehaviour_{end}": rate[end] for end in ("low", "high")}
    return {"beyond": against or BASE, "win": won["value"] - shift, "misbehaviour": rate["value"], **bounds}


def plotted(points: Sequence[OutcomePoint]) -> tuple[list[OutcomePoint], list[str]]:
    """Return the points that can stand in one plot, and the arms that are left out: those beyond something else.

    Arms are set against what most of them are compared with; where none is compared with any, against the base model.
    """
    others = [point.beyond for point in points]
    compared = [beyond for beyond in others if beyond != BASE]
    chosen = max(sorted(set(compared)), key=compared.count) if compared else BASE
    left_out = dict.fromkeys(point.arm for point in points if point.beyond != chosen)
    return [point for point in points if point.beyond == chosen], [arm for arm in left_out if arm != chosen]
