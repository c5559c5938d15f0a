"""The effect of rivalry: what learning from votes does among rivals that learn, beside what it does alone.

For each learner of a market, within one run and so one seed, on the same held-out anchors and personas::

    effect of rivalry = (learner - market twin) - (solo learner - solo twin)
    effect of its own picks = learner - own twin

Why these, says :mod:`learning.arms.markets`. Each side is one training: the differences carry no interval and no p, for which several
trainings of each are needed. The numbers of rows that each side learnt from stand beside them: they are equal where the settings
say so (``rows_of``), and a difference between unequal numbers mixes rivalry with the amount of training.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from abm.events import Event
from analysis.readings.contests import Evaluation
from analysis.readings.evaluation import EvaluationReading
from analysis.readings.reading import frame_of, read
from analysis.readings.trainings import ArmTraining, TrainingReading
from analysis.statistics.estimates import plain
from analysis.tables._votes import votes_less
from analysis.tables.conventions import WIN_RATE, WITHOUT_FORFEITS, Forfeits
from learning.arms.arm import Arm, arms_of
from learning.arms.markets import OWN, SOLO, TWINS, WHOLE

if TYPE_CHECKING:
    import polars as pl

NAN = float("nan")
WINS: dict[str, Forfeits] = {WIN_RATE: "lost", WITHOUT_FORFEITS: "left out"}
"""Outcome -> how it counts forfeits; the others are probes: the share of messages in which one finds something."""


class Counterparts(msgspec.Struct, frozen=True):
    """Whom a learner is set against; empty where the run has no such arm.

    Attributes:
        market_twin, own_twin: as the setting ``twins`` makes them.
        solo: the arm that learns alone as the learner does in its market; ``solo_twin``: the one that it is compared with, else one
            that learns by its twin's method, from as many rows if there is such a one.
    """

    learner: str
    market: str
    market_twin: str = ""
    own_twin: str = ""
    solo: str = ""
    solo_twin: str = ""

    @property
    def arms(self) -> tuple[str, ...]:
        """The learner and all that there are."""
        return tuple(filter(None, (self.learner, self.market_twin, self.own_twin, self.solo, self.solo_twin)))


class RivalryRow(msgspec.Struct, frozen=True):
    """One outcome of one learner, all differences in shares (-1 .. 1, effects of rivalry -2 .. 2); NaN where a side is missing.

    Attributes:
        among_rivals: learner less market twin; ``alone``: solo learner less solo twin; ``rivalry``: the first less the second.
        own_picks: learner less own twin.
        rows: arm -> rows that it learnt from, by epoch; ``steps``: likewise.
    """

    learner: str
    market: str
    seed: int
    epoch: int
    outcome: str
    among_rivals: float
    alone: float
    rivalry: float
    own_picks: float
    between: Counterparts
    rows: dict[str, list[int]]
    steps: dict[str, list[int]]

    @property
    def equal(self) -> bool:
        """Whether all sides learnt from as many rows in as many steps, in every epoch."""
        return all(len(set(map(tuple, each.values()))) <= 1 for each in (self.rows, self.steps))


def rivalry(events: Iterable[Event]) -> list[RivalryRow]:
    """Return a row per learner and outcome, of the last epoch that was evaluated; nothing for a run without markets."""
    contests, trained = EvaluationReading(), TrainingReading()
    read(events, contests, trained)
    return rivalry_rows(contests.result(), trained.result())


def rivalry_rows(found: Evaluation, trained: Sequence[ArmTraining]) -> list[RivalryRow]:
    """Return what :func:`rivalry` returns, of an evaluation and trainings that were read already."""
    return [row for between in counterparts(found.config) for row in _rows(found, trained, between)]


def counterparts(config: Mapping[str, Any]) -> list[Counterparts]:
    """Return whom each declared learner of a market is set against.

    Its solo counterpart has its method, its settings of the trainer and its mitigations: the one that is brought to its number of rows, if there is one.

    Args:
        config: settings as a log holds them.
    """
    arms = arms_of(config)
    declared = config.get("markets")
    of = {name: arm for name, arm in arms.items() if isinstance(declared, Mapping) and arm.market in declared}
    return [_counterparts(arm, arms) for arm in of.values()]


def _counterparts(learner: Arm, arms: Mapping[str, Arm]) -> Counterparts:
    def twin(kind: str) -> str:
        name = f"{learner.name}_{kind}"
        return name if name in arms and arms[name].rows_of == learner.name else ""

    alone = [arm for arm in arms.values() if arm.market == SOLO]
    alike = [arm for arm in alone if _learns(arm) == _learns(learner)]
    solo = next((arm for arm in alike if arm.rows_of == learner.name), next(iter(alike), None))
    if solo is None:
        return Counterparts(learner.name, learner.market, twin(WHOLE), twin(OWN))
    random = [arm for arm in alone if arm.method == TWINS.get(solo.method) != solo.method and arm.model == solo.model]
    named = [arm.name for arm in alone if arm.name == solo.compared_with]
    brought = [arm.name for arm in random if arm.rows_of in (solo.name, learner.name)]
    solo_twin = next(iter((*named, *brought, *(arm.name for arm in random))), "")
    return Counterparts(learner.name, learner.market, twin(WHOLE), twin(OWN), solo.name, solo_twin)


def _learns(arm: Arm) -> tuple[object, ...]:
    """Return what decides how an arm learns from given contests, and on which base model: another one is no counterpart."""
    return arm.method, dict(arm.lora), arm.model, {name: dict(own) for name, own in arm.mitigations.items()}


def _rows(found: Evaluation, trained: Sequence[ArmTraining], between: Counterparts) -> Iterator[RivalryRow]:
    epoch = found.epochs[-1] if found.epochs else 0
    probes = dict.fromkeys(probe for contest in found.of(between.learner) for probe in contest.trained.labels)
    learnt = {arm: [each for each in trained if each.arm == arm and each.epoch <= epoch] for arm in between.arms}
    for outcome in (*WINS, *probes):
        among = _less(found, outcome, between.learner, between.market_twin)
        alone = _less(found, outcome, between.solo, between.solo_twin)
        yield RivalryRow(
            learner=between.learner,
            market=between.market,
            seed=int(found.config.get("seed", 0)),
            epoch=epoch,
            outcome=outcome,
            among_rivals=among,
            alone=alone,
            rivalry=among - alone,
            own_picks=_less(found, outcome, between.learner, between.own_twin),
            between=between,
            rows={arm: [each.rows for each in trainings] for arm, trainings in learnt.items()},
            steps={arm: [each.steps for each in trainings] for arm, trainings in learnt.items()},
        )


def _less(found: Evaluation, outcome: str, arm: str, other: str) -> float:
    """Return an arm's outcome less another's, over what both have: votes of the same people, or anchors judged in both."""
    if not arm or not other:
        return NAN
    if outcome in WINS:
        parts = votes_less(found, arm, other, None, WINS[outcome])
        values = np.concatenate([part.values for part in parts]) if parts else np.zeros(0)
    else:
        ours, theirs = (_labels(found, each, outcome) for each in (arm, other))
        values = np.array([ours[anchor] - theirs[anchor] for anchor in ours if anchor in theirs])
    return float(values.mean()) if len(values) else NAN


def _labels(found: Evaluation, arm: str, probe: str) -> dict[str, int]:
    """Return anchor -> whether a probe found something in an arm's message, where it could tell."""
    labels = {contest.anchor: contest.trained.labels.get(probe, -1) for contest in found.of(arm)}
    return {anchor: label for anchor, label in labels.items() if label >= 0}


COLUMNS = {
    "seed": int,
    "epoch": int,
    "market": str,
    "learner": str,
    "outcome": str,
    "among_rivals": float,
    "alone": float,
    "rivalry": float,
    "own_picks": float,
    "market_twin": str,
    "own_twin": str,
    "solo": str,
    "solo_twin": str,
    "rows": int,
    "rows_market_twin": int,
    "rows_own_twin": int,
    "rows_solo": int,
    "rows_solo_twin": int,
    "equal": bool,
}


def rivalry_dicts(rows: Sequence[RivalryRow]) -> list[dict[str, Any]]:
    """Return rows as JSON can hold them; numbers that do not exist are None."""
    return [plain(row) | {"equal": row.equal} for row in rows]


def rivalry_frame(rows: Sequence[RivalryRow]) -> pl.DataFrame:
    """Return a row per seed, learner and outcome; ``rows`` are those of all epochs, None where a side is missing."""
    table = []
    for row in rows:
        of, total = row.between, {arm: sum(each) for arm, each in row.rows.items()}
        differences = row.among_rivals, row.alone, row.rivalry, row.own_picks
        sides = of.market_twin, of.own_twin, of.solo, of.solo_twin
        place = row.seed, row.epoch, row.market, row.learner, row.outcome
        learnt = (total.get(arm) for arm in (row.learner, *sides))
        table.append((*place, *differences, *sides, *learnt, row.equal))
    return frame_of(table, COLUMNS)
