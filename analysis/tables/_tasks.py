"""What arms answer to tasks, beside the base model and what they are compared with. Pairs are answers to one task with the same draws.

Knows answers; prints nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from analysis.readings.tasks import ScoredAnswer
from analysis.statistics.estimates import NOTHING, Estimate, clustered_mean, mean_of, paired_difference, plain, rate
from analysis.statistics.families import holm
from learning.arms.arm import arms_of, bases_of, comparators
from learning.arms.markets import BASE
from learning.fitness.answers import answer_fitness
from learning.fitness.limits import Share

Score = Callable[[ScoredAnswer], float | None]
_KINDS: Mapping[str, tuple[str, Score]] = {
    "copying": ("copied", lambda row: row.copied / row.items if row.copied is not None and row.items else None),
    "harmful": ("refused", lambda row: None if row.refused is None else float(row.refused)),
    "harmless": ("over-refused", lambda row: None if row.refused is None else float(row.refused)),
}
"""Kind of a task -> what is measured, and the score of an answer, 0 .. 1."""


class Compared(NamedTuple):
    """An arm, its base model's name, and the arm that it is compared with, empty for none."""

    arm: str
    base: str
    other: str


class TaskRow(msgspec.Struct, frozen=True):
    """One measure of one arm's answers to a set.

    Attributes:
        measure: ``copied`` (share of what was to be copied), ``refused`` (of harmful requests), ``over-refused`` (of harmless ones), or a
            probe: share of answers to broad questions in which it found something.
        base, after: means over answers; Wilson's interval where each task has one answer that is right or wrong, else clustered on tasks.
        difference: after against base, paired by task and sample; ``p_holm`` corrected over all rows.
        placebo: after against the comparator's, likewise; ``compared_with``: it, empty for none.
    """

    task_set: str
    measure: str
    arm: str
    tasks: int
    base: Estimate
    after: Estimate
    difference: Estimate
    p_holm: float
    placebo: Estimate
    compared_with: str


def tasks(rows: Sequence[ScoredAnswer], config: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Return what writers answered to tasks as a JSON-able mapping, after the last epoch that was asked; empty where nothing was.

    ``withheld`` says why the figures are no findings; what prints them puts it in their place.

    Args:
        config: the run's settings, and ``model``: who writes, as a log says them.
    """
    arms = list(dict.fromkeys(row.competitor for row in rows if row.epoch))
    if not rows or not arms:
        return {}
    epoch = max(row.epoch for row in rows)
    bases = bases_of(config, arms_of(config))
    base = [row for row in rows if not row.epoch]
    fitness = answer_fitness(model, _copied(base), Share(sum(bool(row.text) for row in base), len(base)))
    of = {arm: [row for row in rows if (row.competitor, row.epoch) == (arm, epoch)] for arm in arms}
    of |= {name: [row for row in base if row.competitor == name] for name in {row.competitor for row in base}}
    against = comparators(config, arms)
    found = [
        _row(name, measure, score, Compared(arm, bases.get(arm, BASE), against.get(arm, "")), of)
        for name in dict.fromkeys(row.task_set for row in rows)
        for measure, score in _measures([row for row in rows if row.task_set == name]).items()
        for arm in arms
        if of[arm]
    ]
    corrected = holm([row.difference.p for row in found])
    return {
        "epoch": epoch,
        "model": model,
        "withheld": fitness.why if fitness.verdict == "unfit" else "",
        "fitness": fitness.as_dict(),
        "rows": [plain(msgspec.structs.replace(row, p_holm=p)) for row, p in zip(found, corrected, strict=True)],
    }


def _copied(base: Sequence[ScoredAnswer]) -> Share:
    return Share(sum(row.copied or 0 for row in base), sum(row.items or 0 for row in base))


def _measures(rows: Sequence[ScoredAnswer]) -> dict[str, Score]:
    """Return what is measured of a set's answers."""
    there = dict.fromkeys(row.kind for row in rows)
    measures: dict[str, Score] = {}
    for kind in there:
        if kind in _KINDS:
            name, score = _KINDS[kind]
            measures[name] = _only(kind, score)
    for probe in dict.fromkeys(probe for row in rows for probe in row.labels):
        measures[probe] = _label(probe)
    return measures


def _only(kind: str, score: Score) -> Score:
    return lambda row: score(row) if row.kind == kind else None


def _label(probe: str) -> Score:
    def label(row: ScoredAnswer) -> float | None:
        told = row.labels.get(probe, -1)
        return None if told < 0 else float(told)

    return label


def _row(task_set: str, measure: str, score: Score, who: Compared, of: Mapping[str, Sequence[ScoredAnswer]]) -> TaskRow:
    scores = {
        name: {
            row.key: value for row in of.get(name, ()) if row.task_set == task_set and (value := score(row)) is not None
        }
        for name in dict.fromkeys(who)
    }
    mine, base = scores[who.arm], scores[who.base]
    return TaskRow(
        task_set=task_set,
        measure=measure,
        arm=who.arm,
        tasks=len({key[1] for key in mine}),
        base=_mean(base),
        after=_mean(mine),
        difference=_difference(mine, base),
        p_holm=float("nan"),
        placebo=_difference(mine, scores[who.other]) if who.other else NOTHING,
        compared_with=who.other,
    )


_Scores = Mapping[tuple[str, str, int], float]


def _mean(scores: _Scores) -> Estimate:
    values = list(scores.values())
    if _is_binary(scores):
        return rate(values)
    return clustered_mean(values, [key[1] for key in scores], null=float("nan")).within(0, 1)


def _difference(after: _Scores, before: _Scores) -> Estimate:
    """Return the mean difference over answers to the same task with the same draws; tasks are what new ones would be drawn of."""
    both = [key for key in after if key in before]
    if _is_binary(after) and _is_binary(before):
        return paired_difference([after[key] for key in both], [before[key] for key in both])
    by_task: dict[str, list[float]] = {}
    for key in both:
        by_task.setdefault(key[1], []).append(after[key] - before[key])
    return mean_of([float(np.mean(each)) for each in by_task.values()]).within(-1, 1)


def _is_binary(scores: _Scores) -> bool:
    """Return whether each task has one answer, which is right or wrong."""
    return len({key[1] for key in scores}) == len(scores) and set(scores.values()) <= {0.0, 1.0}
