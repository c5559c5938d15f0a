"""The plan of a run of which only the log is known. The settings in a log may be anybody's: what is no run's has no plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from abm.events import TasksListed
from learning.arms.arm import arms_of, markets_of
from learning.arms.markets import Market
from learning.plan.order import TRAIN_ANCHORS, plan
from learning.plan.parts import Plan
from learning.settings.audiences import recorded_audiences

MOST = 1_000_000
"""Anchors, and trainings, beyond which recorded settings are not taken for those of a run."""


NOTHING: Mapping[str, int] = MappingProxyType({})


class RecordedSurvey(NamedTuple):
    """What a log's settings say of a survey."""

    questions: str
    epochs: tuple[int | None, ...]
    who: str


@dataclass(frozen=True)
class Recorded:
    """What a log says of its plan: settings as they were recorded, and how many anchors it lists."""

    all_markets: tuple[Market, ...]
    epochs: int
    messages: int
    batch: int
    evaluate: str
    train_anchors: int
    held_out_anchors: int
    surveys: tuple[RecordedSurvey, ...] = ()
    head_to_head: str | int = "none"
    evaluation_audiences: tuple[str, ...] = ()
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    answers: Mapping[str, int] = field(default_factory=dict)


def answers_of(listed: TasksListed) -> int:
    """Return how many answers a writer gives to a set of tasks of a log; a log may be anybody's."""
    tasks = listed.tasks.get("tasks")
    return len(tasks) * max(0, min(listed.repeats, MOST)) if isinstance(tasks, list) else 0


def recorded_plan(
    record: Mapping[str, Any],
    train: int,
    held_out: int,
    elsewhere: Mapping[str, int] = NOTHING,
    answers: Mapping[str, int] = NOTHING,
) -> Plan:
    """Return the plan of a run of which only the log is known; empty where the settings are not those of a run.

    Args:
        record: the settings, as :class:`abm.events.RunConfigured` holds them.
        train, held_out: anchors that the log lists for training and for evaluation.
        elsewhere: other arena -> its anchors, and ``answers``: set of tasks -> answers of each writer, as the log says them. They count
            where the settings have something out of domain.
    """
    learners = arms_of(record)
    per_epoch = record.get("train_anchors") or min(TRAIN_ANCHORS, train)
    if record.get("up_to") is True and type(per_epoch) is int:
        per_epoch = min(per_epoch, train)
    sizes = [record.get(name) for name in ("epochs", "messages", "batch")] + [per_epoch, held_out]
    counts = [size for size in sizes if type(size) is int and 0 < size <= MOST]
    if len(counts) < len(sizes) or not 0 < len(learners) * counts[0] <= MOST:
        return ()
    epochs, slots, batch, train_anchors, held_out_anchors = counts
    evaluate = str(record.get("evaluate"))
    surveys = _recorded_surveys(record.get("surveys"))
    wanted = record.get("head_to_head", "none")
    meet = wanted if wanted == "all" or (type(wanted) is int and wanted > 0) else "none"
    markets = markets_of(record, slots)
    others = recorded_audiences(record.get("evaluation_audiences"))
    if len(others) * len(learners) * epochs > MOST:
        return ()
    beyond = (elsewhere, answers) if record.get("out_of_domain") else ({}, {})
    recorded = Recorded(
        markets, epochs, slots, batch, evaluate, train_anchors, held_out_anchors, surveys, meet, others, *beyond
    )
    return plan(recorded, recorded)


def _recorded_surveys(recorded: object) -> tuple[RecordedSurvey, ...]:
    """Return what is recorded of surveys, as far as it is what a run records."""
    words: dict[object, int | None] = {"start": 0, "end": None}
    surveys = []
    for each in recorded if isinstance(recorded, list | tuple) else ():
        if not isinstance(each, Mapping) or not isinstance(at := each.get("at", ["end"]), list | tuple):
            continue
        epochs = [moment.get("epoch") if isinstance(moment, Mapping) else words.get(str(moment), -1) for moment in at]
        whole = tuple(epoch for epoch in epochs if epoch is None or type(epoch) is int)
        surveys.append(RecordedSurvey(str(each.get("questions")), whole, str(each.get("who", "all"))))
    return tuple(surveys)
