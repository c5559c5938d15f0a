"""What one run can say of the effect of competition: by how many trainings it has of an arm, and of the arm that it is compared with.

On the same held-out contests, with n trainings of an arm (outcomes of mean x, standard deviation s) and R of its control (m, r):

- **both several**: ``x - m`` with Welch's interval: variance ``s^2 / n + r^2 / R``, Satterthwaite's degrees of freedom (Welch 1947).
- **one of them single**: the same value, with variance ``r^2 (1 + 1 / R)`` and R - 1 degrees of freedom, under the assumption that trainings of
  both vary alike, which nothing in the run can show. From R = 5 trainings of the control on, the p-values of the sharp null stand beside it
  (:mod:`analysis.tables.repeats`), which need no such assumption: they ask whether the arm's training may be one more of the control's.
- **both single**: a difference of two adapters. It has no interval for an effect of competition, and no p; the row says what is missing.

All of it holds anchors and people fixed: seeds of a study speak of new ones. Knows evaluations; knows nothing of how anything is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import isnan
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from abm.events import Event
from analysis.readings.contests import Evaluation
from analysis.readings.evaluation import read_evaluation
from analysis.readings.reading import frame_of
from analysis.statistics.estimates import Estimate, plain, student
from analysis.tables.repeats import LEAST, outcome_of, probes_of, sharp_null, trainings_of
from learning.arms.arm import arms_of

if TYPE_CHECKING:
    import polars as pl

NAN = float("nan")
Method = Literal["welch", "equal variance", "none"]
"""How the interval was made: see the module."""


class CompetitionRow(msgspec.Struct, frozen=True):
    """One outcome of an arm less its control's; shares.

    Attributes:
        trainings, controls: of the arm, and of its control.
        estimate: the difference; its interval and p speak of new trainings on these contests, and are NaN where there are too few.
        p_sharp, p_rank: of the sharp null; NaN unless the arm has one training and its control at least five that vary.
        says: what the row shows, or lacks, and what to run, in sentences.
    """

    arm: str
    control: str
    epoch: int
    outcome: str
    trainings: int
    controls: int
    estimate: Estimate
    method: Method
    p_sharp: float
    p_rank: float
    says: str


def competition(events: Iterable[Event] | Evaluation) -> list[CompetitionRow]:
    """Return a row per arm that is compared with another, and outcome, of the last epoch that was evaluated."""
    found = read_evaluation(events)
    arms, there = arms_of(found.config), trainings_of(found)
    rows: list[CompetitionRow] = []
    for arm, group in there.items():
        control = arms[arm].compared_with
        if others := there.get(control, []):
            rows += _rows(found, arm, group, control, others)
    return rows


def _rows(
    found: Evaluation, arm: str, group: Sequence[str], control: str, others: Sequence[str]
) -> Iterator[CompetitionRow]:
    for outcome in ("win_rate", *probes_of(found, [*group, *others])):
        ours, theirs = (np.array([outcome_of(found, name, outcome) for name in names]) for names in (group, others))
        if np.isnan(ours).any() or np.isnan(theirs).any():
            continue
        estimate, method = between_trainings(ours, theirs)
        p, p_rank = sharp_null(float(ours[0]), theirs.tolist()) if len(ours) == 1 else (NAN, NAN)
        says = _says(arm, len(ours), control, len(theirs), method, estimate)
        yield CompetitionRow(
            arm, control, found.epochs[-1], outcome, len(ours), len(theirs), estimate, method, p, p_rank, says
        )


def between_trainings(ours: Sequence[float] | Any, theirs: Sequence[float] | Any) -> tuple[Estimate, Method]:
    """Return the mean of some trainings less that of others, and how its interval was made: see the module.

    Args:
        ours, theirs: outcomes of one training each, shape (n,) and (R,), at least one of either.
    """
    x, y = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    value, sizes = float(x.mean() - y.mean()), (len(x), len(y))
    many = [each for each in (x, y) if len(each) > 1]
    if len(many) == 2:
        a, b = (float(each.var(ddof=1)) / len(each) for each in (x, y))
        spread = a**2 / (len(x) - 1) + b**2 / (len(y) - 1)
        dof = (a + b) ** 2 / spread if spread else 1.0
        return student(value, a + b, dof, sum(sizes), sizes, 0.0, 0.95, (a, b)), "welch"
    if not many:
        return Estimate(value, NAN, NAN, 2, sizes), "none"
    (several,) = many
    variance = float(several.var(ddof=1)) * (1 + 1 / len(several))
    estimate = student(value, variance, len(several) - 1, sum(sizes), sizes, 0.0, 0.95)
    return msgspec.structs.replace(estimate, p=NAN), "equal variance"


def _says(arm: str, n: int, control: str, size: int, method: Method, estimate: Estimate) -> str:
    if method == "none":
        return (
            f"One training of {arm} and one of {control}: the difference is of these adapters, and has no p of an effect of competition. "
            f"Train {control} {LEAST} times (--set arms.{control}.repeats={LEAST}) for a test of the sharp null, both at least twice for "
            "an interval, or run several seeds as a study; --dry-run says what it costs."
        )
    if isnan(estimate.low):
        return f"No variation: all trainings of {arm} and of {control} came to the same."
    if method == "welch":
        return f"{n} trainings of {arm} and {size} of {control}: an interval for new trainings on these anchors and people."
    alone, again = (arm, control) if n == 1 else (control, arm)
    said = f"One training of {alone}: the interval assumes that its trainings vary as the {max(n, size)} of {again} do."
    if n == 1 and size >= LEAST:
        return f"{said} The p-values are of the sharp null alone: that this training is one more of {control}'s."
    return f"{said} For a test of the sharp null train {control} {LEAST} times (--set arms.{control}.repeats={LEAST})."


def competition_dicts(rows: Sequence[CompetitionRow]) -> list[dict[str, Any]]:
    """Return rows as JSON can hold them; numbers that do not exist are None."""
    return [plain(row) for row in rows]


def competition_frame(rows: Sequence[CompetitionRow]) -> pl.DataFrame:
    """Return a row per arm and outcome."""
    schema = {
        "arm": str, "control": str, "epoch": int, "outcome": str, "trainings": int, "controls": int, "estimate": float, "low": float,
        "high": float, "se": float, "dof": float, "method": str, "p_sharp": float, "p_rank": float, "says": str,
    }  # fmt: skip
    table = []
    for row in rows:
        of = row.estimate
        numbers = of.value, of.low, of.high, of.se, of.dof
        place = row.arm, row.control, row.epoch, row.outcome, row.trainings, row.controls
        table.append((*place, *numbers, row.method, row.p_sharp, row.p_rank, row.says))
    return frame_of(table, schema)
