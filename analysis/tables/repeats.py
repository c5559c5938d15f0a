"""How much trainings vary: an arm that was trained several times, and each arm that is compared with it.

With R trainings of a control on the same contests, of mean m and standard deviation s, and one training of a learner with outcome x, under
the sharp null that the learner's training is one more of the control's::

    t = (x - m) / (s sqrt(1 + 1 / R)),  Student's t with R - 1 degrees of freedom

This is the prediction of one new observation (Hahn & Meeker, "Statistical intervals", 1991, 4.7); normality of trainings is assumed. The
rank p assumes exchangeability alone: the share of the R + 1 trainings that are at least as far from the mean of them all. It cannot be below
1 / (R + 1). Neither is an interval for the effect, which needs several trainings of the learner, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import sqrt
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from scipy import stats

from abm.events import Event
from analysis.readings.contests import Evaluation
from analysis.readings.evaluation import EvaluationReading
from analysis.readings.reading import frame_of, read
from analysis.statistics.estimates import plain
from analysis.tables.evaluation import win_rate
from learning.arms.arm import arms_of

if TYPE_CHECKING:
    import polars as pl

LEAST = 5
"""Trainings of the control without which there is no test."""
NAN = float("nan")


class RepeatRow(msgspec.Struct, frozen=True):
    """One outcome of an arm that was trained several times, and of one that is compared with it; shares, 0 to 1.

    Attributes:
        control: the arm, and ``values``: the outcome of each of its trainings, the arm's own first.
        mean, s: of them; s with R - 1.
        arm: that is compared with it, empty where none is; ``value``: its outcome, of one training, or the mean of its own repeats'.
        difference: value less mean.
        p, p_rank: two-sided, of the sharp null (see the module); NaN below five trainings, where they do not vary, and where the arm was trained
            several times itself.
    """

    control: str
    epoch: int
    outcome: str
    values: list[float]
    mean: float
    s: float
    arm: str = ""
    value: float = NAN
    difference: float = NAN
    p: float = NAN
    p_rank: float = NAN


def repeats(events: Iterable[Event]) -> list[RepeatRow]:
    """Return a row per outcome, repeated arm and arm that is compared with it, of the last epoch that was evaluated."""
    reading = EvaluationReading()
    read(events, reading)
    return repeat_rows(reading.result())


def repeat_rows(found: Evaluation) -> list[RepeatRow]:
    """Return what :func:`repeats` returns, of an evaluation that was read already."""
    arms, epochs, there = arms_of(found.config), found.epochs, trainings_of(found)
    many = {name: group for name, group in there.items() if len(group) > 1}
    rows: list[RepeatRow] = []
    for control, group in many.items():
        of = {name: trained for name, trained in there.items() if arms[name].compared_with == control}
        for outcome in ("win_rate", *probes_of(found, group)):
            rows += _rows(found, control, group, of, outcome, epochs[-1])
    return rows


def trainings_of(found: Evaluation) -> dict[str, list[str]]:
    """Return arm -> the arms that are trainings of it, itself first: those that were evaluated, and no arm that has none."""
    groups: dict[str, list[str]] = {}
    for arm in arms_of(found.config).values():
        if found.of(arm.name):
            groups.setdefault(arm.repeat_of or arm.name, []).append(arm.name)
    return groups


def _rows(
    found: Evaluation,
    control: str,
    group: Sequence[str],
    compared: Mapping[str, Sequence[str]],
    outcome: str,
    epoch: int,
) -> Iterator[RepeatRow]:
    values = [outcome_of(found, arm, outcome) for arm in group]
    mean, s = float(np.mean(values)), float(np.std(values, ddof=1))
    row = RepeatRow(control, epoch, outcome, values, mean, s)
    if not compared:
        yield row
    for arm, trainings in compared.items():
        own = [outcome_of(found, each, outcome) for each in trainings]
        value = float(np.mean(own))
        p, p_rank = sharp_null(value, values) if len(own) == 1 else (NAN, NAN)
        yield msgspec.structs.replace(row, arm=arm, value=value, difference=value - mean, p=p, p_rank=p_rank)


def sharp_null(value: float, trainings: Sequence[float]) -> tuple[float, float]:
    """Return two p-values of the null that one training is one more of the others: Student's t, and the rank; see the module.

    NaN for both with fewer than :data:`LEAST` trainings, or where these do not vary.
    """
    size, s = len(trainings), float(np.std(trainings, ddof=1)) if len(trainings) > 1 else 0.0
    if size < LEAST or not s > 1e-12:
        return NAN, NAN
    t = (value - float(np.mean(trainings))) / (s * sqrt(1 + 1 / size))
    everybody = np.array([value, *trainings])
    far = np.abs(everybody - everybody.mean())
    return float(2 * stats.t.sf(abs(t), size - 1)), float(np.mean(far >= far[0] - 1e-12))


def probes_of(found: Evaluation, group: Sequence[str]) -> list[str]:
    """Return the probes that judged messages of some arms."""
    return list(dict.fromkeys(probe for arm in group for contest in found.of(arm) for probe in contest.trained.labels))


def outcome_of(found: Evaluation, arm: str, outcome: str) -> float:
    """Return an arm's win rate, or the share of its messages in which a probe found something."""
    if outcome == "win_rate":
        return win_rate(found, arm).value
    labels = [contest.trained.labels.get(outcome, -1) for contest in found.of(arm)]
    known = [label for label in labels if label >= 0]
    return sum(known) / len(known) if known else NAN


def repeat_dicts(rows: Sequence[RepeatRow]) -> list[dict[str, Any]]:
    """Return rows as JSON can hold them; numbers that do not exist are None."""
    return [plain(row) for row in rows]


def repeat_frame(rows: Sequence[RepeatRow]) -> pl.DataFrame:
    """Return a row per outcome, repeated arm and arm that is compared with it; ``repeats`` is the number of the former's trainings."""
    schema = {
        "control": str, "epoch": int, "outcome": str, "repeats": int, "mean": float, "s": float, "arm": str, "value": float,
        "difference": float, "p": float, "p_rank": float,
    }  # fmt: skip
    table = []
    for row in rows:
        place = row.control, row.epoch, row.outcome, len(row.values), row.mean, row.s
        table.append((*place, row.arm, row.value, row.difference, row.p, row.p_rank))
    return frame_of(table, schema)
