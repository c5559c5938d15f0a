"""Runs that were carried out before a study, from which is learnt how much its outcomes vary. Reads logs; shows no effect.

What is taken from them are sums of squared differences alone, so that a pilot may be a part of the study itself: looking at how much an
outcome varies is no look at what it came to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abm.events import Event, LLMReplied
from abm.log import EventLog, open_log
from analysis.readings.evaluation import read_evaluation
from analysis.statistics.components import Component, components, pair_sums
from analysis.studies.record.layout import Layout, is_study
from analysis.studies.record.places import one_run, run_of
from analysis.studies.record.study_log import StudyLog
from analysis.tables.evaluation import comparator
from analysis.tables.pooled import Measured, RunValues, run_values
from learning import RunConfig
from moloch.content import content_id
from moloch.errors import InputError

NO_DESIGN = ("seed", "held_out_anchors", "held_out_personas", "redraw")
"""Settings by which runs of one kind may differ: who is drawn."""
COMPARED = ("model", "audience", "reader", "world", "epochs", "train_anchors", "train_personas")
"""Settings of which it is said where a pilot's are not the page's."""


@dataclass(frozen=True)
class PilotRun:
    """One run.

    Attributes:
        settings: as its log holds them; ``kind``: runs of one kind differ by seed and by whom they drew.
        values: of each measure, by anchor and person.
        compared_with: arm -> the arm that differences are from.
        calls: answers of models in its log; ``seconds``: that it took.
    """

    path: Path
    arena: str
    settings: dict[str, Any]
    kind: str
    seed: int
    values: dict[Measured, RunValues]
    compared_with: dict[str, str]
    calls: int
    seconds: float


def read_pilots(
    paths: Iterable[Path], report: Callable[[int, int], None] = lambda done, total: None
) -> tuple[PilotRun, ...]:
    """Return the runs that paths name: of a study all cells that have ended.

    Raises:
        InputError: there is no such run, it has not ended or compares nothing; or no cell of a study has ended.
        LogError: a log cannot be read.
    """
    runs = [run for path in paths for run in _runs(path)]
    pilots = []
    for done, (run, log) in enumerate(dict(runs).items()):
        report(done, len(runs))
        pilots.append(_pilot(run, log))
    return tuple(pilots)


def _runs(path: Path) -> list[tuple[Path, EventLog]]:
    if not is_study(path):
        run = one_run(path)
        log = open_log(run, write=False)
        if log.ended() is None:
            raise InputError(
                "the pilot has not ended", where=str(run), fix="Resume it: moloch resume takes its folder."
            )
        return [(run.resolve(), log)]
    state, layout = StudyLog(path).state(), Layout(path)
    there = [run for cell in state.cells.values() if (run := run_of(layout, cell)) is not None]
    logs = [(run.resolve(), open_log(run, write=False)) for run in there]
    if not (ended := [(run, log) for run, log in logs if log.ended() is not None]):
        raise InputError("no cell of the pilot has ended", where=str(path), fix="moloch study run carries it out.")
    return ended


def _pilot(run: Path, log: EventLog) -> PilotRun:
    counted = _CountedAnswers(log.read())
    found = read_evaluation(counted)
    compared = {arm: other for arm in found.arms() if (other := comparator(found, arm))}
    if not compared:
        raise InputError(
            "no arm of the pilot is compared with another",
            where=str(run),
            fix="Give a run of several arms, such as arms: [rft, placebo].",
        )
    ended = log.ended()
    config = {name: value for name, value in found.config.items() if name not in NO_DESIGN}
    return PilotRun(
        path=run,
        arena=str(found.config.get("arena", "")),
        settings=found.config,
        kind=content_id(config),
        seed=int(found.config.get("seed", 0)),
        values=run_values(found, str(run)),
        compared_with=compared,
        calls=counted.answers,
        seconds=ended.seconds if ended else 0.0,
    )


class _CountedAnswers:
    """Events, of which those are counted in which a model answered."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._events, self.answers = events, 0

    def __iter__(self) -> Iterator[Event]:
        for event in self._events:
            self.answers += isinstance(event, LLMReplied)
            yield event


def measured_components(pilots: Sequence[PilotRun], measured: Measured) -> list[Component]:
    """Return what an outcome varies by, from all runs that have it; of each kind of runs the differences are taken by themselves.

    Several runs of one kind and seed count as one seed with other effects, and are left out but the first.
    """
    kinds: dict[str, dict[int, RunValues]] = {}
    for pilot in pilots:
        if measured in pilot.values:
            kinds.setdefault(pilot.kind, {}).setdefault(pilot.seed, pilot.values[measured])
    sets = [crossed(of_seed) for of_seed in kinds.values()]
    return components(pair_sums(sets)) if sets else []


def crossed(of_seed: dict[int, RunValues]) -> tuple[NDArray[np.float64], list[NDArray[Any]]]:
    """Return the values of runs of one kind, and the seed, anchor and (of votes) person of each.

    Args:
        of_seed: seed -> values.
    """
    runs = list(of_seed.values())
    ways = [np.repeat(list(of_seed), [len(run.sums) for run in runs]), np.concatenate([run.anchors for run in runs])]
    if all(run.people is not None for run in runs):
        ways.append(np.concatenate([run.people for run in runs if run.people is not None]))
    return np.concatenate([run.sums / run.counts for run in runs]), [way.astype(str) for way in ways]


def seconds_per_call(pilots: Sequence[PilotRun]) -> float | None:
    """Return how long a call took, trainings and all that; None where no pilot called."""
    calls = sum(pilot.calls for pilot in pilots)
    return sum(pilot.seconds for pilot in pilots) / calls if calls else None


def differences(config: RunConfig, pilots: Sequence[PilotRun]) -> list[str]:
    """Return by which settings pilots of a cell's arena differ from it, in words: what varies may differ, too."""
    record = config.model_dump(mode="json")
    told: dict[str, None] = {}
    for pilot in pilots:
        for name in COMPARED if pilot.arena == config.arena else ():
            ours, theirs = record.get(name), pilot.settings.get(name)
            if ours != theirs:
                told[f"{name} is {theirs} in a pilot, {ours} in the page"] = None
    return list(told)
