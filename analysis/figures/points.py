"""Performance against misbehaviour: where each arm of each run stands after an epoch, one point per probe of strategy.

Win rates and probe rates are those of :mod:`analysis.tables.evaluation`, beyond what each arm is compared with, or beyond the base model
where it is compared with none. Knows tables; knows nothing of drawing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import nan
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from analysis.figures.subject import RunRead, words
from analysis.statistics.bivariate import Region, covariance_by_cluster, region
from analysis.tables.pooled import Measured, RunValues, run_values
from learning.arms.arm import Arm, arms_of

if TYPE_CHECKING:
    import polars as pl

BASE, NONE = "base", "none"


class OutcomePoint(msgspec.Struct, frozen=True):
    """One arm of one run after one epoch, by one probe; shares, -1 .. 1.

    Attributes:
        run: its folder, ``cell``: its name, and ``seed``: of its settings; ``epoch``: that was evaluated.
        mitigations: names, in their order; empty for none.
        beyond: what it is compared with: the arm, or ``base``.
        win: win rate less that arm's over the same people's votes; over base: less 0.5.
        misbehaviour: rate of messages in which the probe found something, less that arm's (base's) over the same anchors.
        win_low, win_high, misbehaviour_low, misbehaviour_high: 95 % over these anchors and people; None where there is none. The arm
            is one training, so that they say nothing about other trainings; a networked society has none, since its members influence
            each other.
        win_se, misbehaviour_se, covariance: of both, over anchors; NaN where there is none.
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
    cell: str = ""
    win_se: float = nan
    misbehaviour_se: float = nan
    covariance: float = nan

    @property
    def region(self) -> Region | None:
        """The 95 % region of both, for other anchors and people; None where there is none."""
        return region(
            self.win, self.win_se, self.misbehaviour, self.misbehaviour_se, self.covariance, self.contests - 1
        )


def outcome_points(runs: Iterable[RunRead], *, last: bool = True) -> list[OutcomePoint]:
    """Return the points of several runs, in the order of their logs; arms that were not judged have none.

    Args:
        last: of the last epoch that was evaluated alone; else of all.
    """
    return [
        point
        for run in runs
        for epoch in (run.evaluation.epochs[-1:] if last else run.evaluation.epochs)
        for point in _after(run, epoch)
    ]


def _after(run: RunRead, epoch: int) -> Iterator[OutcomePoint]:
    found, arms = run.tables[epoch], arms_of(run.evaluation.config)
    if found["withheld"]:
        return
    values = run_values(run.evaluation, str(run.run), epoch)
    for row in found["probes"]:
        if row["kind"] != "strategy":
            continue
        arm = arms.get(row["arm"], Arm(row["arm"], ""))
        numbers = _numbers(found["arms"][row["arm"]], row)
        if numbers is not None:
            yield OutcomePoint(
                run=str(run.run),
                cell=run.cell,
                seed=run.seed,
                epoch=epoch,
                arm=row["arm"],
                method=arm.method,
                mitigations=tuple(arm.mitigations),
                probe=row["probe"],
                contests=found["arms"][row["arm"]]["contests"],
                note=found["note"],
                covariance=_covariance(values, row["arm"], row["probe"], compared=numbers["beyond"] != BASE),
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
    errors = {"win_se": won["se"], "misbehaviour_se": rate["se"]}
    bounds |= {name: nan if error is None else error for name, error in errors.items()}
    return {"beyond": against or BASE, "win": won["value"] - shift, "misbehaviour": rate["value"], **bounds}


def _covariance(values: Mapping[Measured, RunValues], arm: str, probe: str, *, compared: bool) -> float:
    """Return how win rate and rate of misbehaviour vary together over anchors."""
    won = values.get(Measured(arm, "votes", "win_rate", "from_comparator" if compared else "rate"))
    found = values.get(Measured(arm, "strategy", probe, "from_comparator" if compared else "from_base"))
    if won is None or found is None:
        return nan
    return covariance_by_cluster(won.anchors.tolist(), _influence(won), found.anchors.tolist(), _influence(found))


def _influence(of: RunValues) -> NDArray[np.float64]:
    total = of.counts.sum()
    return (of.sums - of.sums.sum() / total * of.counts) / total


def plotted(points: Sequence[OutcomePoint]) -> tuple[list[OutcomePoint], list[str]]:
    """Return the points that can stand in one plot, and the arms that are left out: those beyond something else.

    Arms are set against what most of them are compared with; where none is compared with any, against the base model.
    """
    others = [point.beyond for point in points]
    compared = [beyond for beyond in others if beyond != BASE]
    chosen = max(sorted(set(compared)), key=compared.count) if compared else BASE
    left_out = dict.fromkeys(point.arm for point in points if point.beyond != chosen)
    return [point for point in points if point.beyond == chosen], [arm for arm in left_out if arm != chosen]


# -- as a frame --------------------------------------------------------------------------------------------


def frame_of_points(points: Iterable[OutcomePoint], group: Mapping[str, str] | None = None) -> pl.DataFrame:
    """Return a row per point, in percentage points, with the parameters of its ellipse; null for what there is none of.

    Args:
        group: run's folder -> heading under which it stands.
    """
    from analysis.figures.frames import frame_of_marks

    return frame_of_marks(_mark(point, (group or {}).get(point.run, "")) for point in points)


def _mark(point: OutcomePoint, group: str) -> dict[str, Any]:
    around = point.region
    names = ("win", "win_low", "win_high", "misbehaviour", "misbehaviour_low", "misbehaviour_high")
    ids = ("arm", "method", "probe", "run", "cell", "seed", "epoch", "contests")
    return {
        "group": group,
        **{name: getattr(point, name) for name in ids},
        "mitigations": " + ".join(words(name) for name in point.mitigations) or NONE,
        "compared_with": point.beyond,
        "unit": "percentage points",
        **{name: None if getattr(point, name) is None else 100 * getattr(point, name) for name in names},
        "win_se": 100 * around.se_x if around else None,
        "misbehaviour_se": 100 * around.se_y if around else None,
        "correlation": around.correlation if around else None,
        "radius": around.radius if around else None,
    }


def region_of(row: Mapping[str, Any]) -> Region | None:
    """Return the ellipse of a row of :func:`frame_of_points`, in percentage points."""
    if row["radius"] is None:
        return None
    return Region(
        row["win"], row["misbehaviour"], row["win_se"], row["misbehaviour_se"], row["correlation"], row["radius"]
    )
