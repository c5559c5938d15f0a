"""Decide a run again and compare every decision with its log: from recorded answers, or by asking the model again.

The very :class:`~learning.runs.loop.Loop` of the run, on a journal that appends nothing. :func:`abm.journal.replay` checks that the
log's events add up; this checks that they are what the program decides. Knows nothing of what decisions mean.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from abm.audience import ChoiceModel, from_mapping
from abm.events import (
    ArmStopped,
    AudienceSet,
    CompetitorsJoined,
    EvaluationAudienceSet,
    Event,
    Lifecycle,
    ReaderJoined,
    RunConfigured,
    StepStarted,
    SurveysSet,
)
from abm.journal import Checker, Diverged, Divergence, LogEnded, kind
from abm.llm.backends import Backends, Serving
from abm.llm.port import LLM
from abm.llm.recorded import RecordedLLM
from abm.log import EventLog, open_log
from abm.log.about import lineage
from learning.alarms.thresholds import DIVERGED
from learning.methods import TrainingSet
from learning.runs.inputs import VOTES_TOO, gather, largest_rank, lora_of
from learning.runs.loop import Loop, Progress
from learning.runs.objects import Objects
from learning.runs.other_arenas import all_of, judging_in, probes_elsewhere
from learning.runs.own_data import kept
from learning.runs.parts import (
    GivenProbes,
    NoPlan,
    chosen_probes,
    computing,
    import_recorded,
    recorded_config,
    recorded_probes,
)
from learning.runs.rival_adapters import largest_rival_rank
from learning.runs.verdicts import AsLogged, Older, as_logged
from learning.runs.watch import measures_of
from learning.settings.config import RunConfig
from learning.settings.mitigated import all_probes
from learning.settings.sources import load_config
from learning.training.equal_rows import RowsBefore
from learning.training.measured import TrainingDiverged
from learning.training.settings import LoraSettings
from learning.training.trainer import Trained, Trainer


class Redecided(msgspec.Struct, frozen=True):
    """What deciding a run again found.

    Attributes:
        live: whether the model was asked anew.
        equal: deterministic events that came out equal, among them ``answers`` of models and ``trainings``.
        shared: events before a fork, which are the parent's decisions and were folded, not decided.
        as_logged: verdicts that were given by another version of their probe, and were taken from the log.
        complete: whether the whole plan was walked; if not, the log ends earlier, or there is a divergence.
    """

    run: str
    live: bool
    equal: int
    answers: int
    trainings: int
    shared: int
    complete: bool
    divergence: Divergence | None
    seconds: float
    as_logged: list[Older] = []

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as a JSON-able mapping."""
        mapping = msgspec.to_builtins(self)
        if self.divergence is not None:
            mapping["divergence"]["fields"] = [
                {"field": field.field, "logged": field.left, "now": field.right} for field in self.divergence.fields
            ]
        return mapping


class Models(NamedTuple):
    """The models of a run.

    Attributes:
        others: competitor -> model, for those for whom another one writes.
        voting: evaluation audience -> the model that plays its personas, of those that one plays.
    """

    writer: LLM
    reader: LLM
    others: Mapping[str, LLM]
    voting: Mapping[str, LLM]


class _AsLogged:
    """A trainer that returns what the log says the training gave."""

    def __init__(self, checker: Checker) -> None:
        self._checker = checker

    def train(
        self, data: TrainingSet, *, parent: str, settings: LoraSettings, seed: int, lineage: dict[str, Any]
    ) -> Trained:
        stopped = self._checker.recorded(ArmStopped)
        if stopped is not None and DIVERGED.measure in stopped.measures:
            raise TrainingDiverged("training diverged", where=f"event {stopped.seq}")
        done = self._checker.next_training()
        measured = self._checker.measured
        return Trained(
            adapter=done.adapter,
            rows=done.rows,
            over_long=done.over_long,
            tokens=done.tokens,
            steps=done.steps,
            loss_before=done.loss_before,
            loss_after=done.loss_after,
            figures=done.figures,
            rows_before=RowsBefore(done.rows_of, done.own_rows, done.own_units) if done.rows_of else None,
            measured=measures_of(measured) if measured and measured.adapter == done.adapter else None,
        )


def replay_recorded(
    run: Path | str,
    *,
    probes: GivenProbes | None = None,
    extensions: Sequence[str] = (),
    report: Callable[[Progress], None] = lambda progress: None,
) -> Redecided:
    """Decide a run again from its recorded answers and adapters, and compare every deterministic event.

    Votes, verdicts, prompts, outcomes, training sets and state hashes are computed again, no model is asked and nothing
    is learnt. Where an unfinished log ends, the comparison ends. Of a fork, the parent's steps are folded.

    Args:
        probes: by default those of the run, by the names in its log.
        extensions: modules that may be imported although the run was not begun here; see :mod:`moloch.extensions`.
        report: called with the progress before each part.

    Raises:
        NoPlan: the log was not written by :func:`learning.run`.
        InputError: what its settings name cannot be read or imported; choice models of files are read from the log.
        CorruptLog: its bytes contradict the chain, or an event contradicts the state.
        LogError: no run, or it cannot be read.
    """
    log, config = _planned(run, extensions)
    checker = Checker(log)
    return _redecide(run, config, checker, _recorded(log), _AsLogged(checker), probes, report)


def replay_live(
    run: Path | str,
    *,
    llm: LLM | None = None,
    serving: Serving | None = None,
    trainer: Trainer | None = None,
    retrain: bool = False,
    probes: GivenProbes | None = None,
    extensions: Sequence[str] = (),
    report: Callable[[Progress], None] = lambda progress: None,
) -> Redecided:
    """Decide a run again and ask its model again; stop at the first event that differs.

    A call whose prompt, adapter, sampling or seed differs is reported before the model is asked.

    Args:
        llm: by default the models that the settings name, with the run's adapters.
        serving: where they are served; by default in this process.
        trainer: how to learn again (it implies ``retrain``), by default as the run learnt.
        retrain: learn every adapter again; the new ones are thrown away after their ids were compared.

    Raises:
        InputError: as :func:`replay_recorded`; or the model or an adapter cannot be read.
        CorruptLog, LogError: as :func:`replay_recorded`.
    """
    log, config = _planned(run, extensions)
    checker = Checker(log, live=True)
    adapters = Path(run) / "adapters"
    rank = max(largest_rank(lora_of(config)), largest_rival_rank(config, adapters))
    with closing(Backends(serving, adapters=adapters, rank=rank, **computing(config))) as backends:
        named = Objects(llm=llm, reader=llm)
        voting = named.voting(config, backends)
        models = Models(*named.models(config, backends), named.others(config, backends), voting)
        if not retrain or trainer is not None:
            return _redecide(run, config, checker, models, trainer or _AsLogged(checker), probes, report)
        with tempfile.TemporaryDirectory() as scratch:
            for adapter in adapters.iterdir() if adapters.is_dir() else ():
                (Path(scratch) / adapter.name).symlink_to(adapter.resolve())  # parents to continue from
            learner = Objects().trainer_of(config, Path(scratch))
            return _redecide(run, config, checker, models, learner, probes, report)


def _redecide(
    run: Path | str,
    config: RunConfig,
    checker: Checker,
    models: Models,
    trainer: Trainer,
    probes: GivenProbes | None,
    report: Callable[[Progress], None],
) -> Redecided:
    began = time.perf_counter()
    complete, divergence = False, None
    inputs = gather(kept(config, checker.log.path), _choice_models(checker.log))
    if probes is None:
        judged_with, judges = config, recorded_probes(checker.log, config, inputs.arena)
    else:
        judged_with, judges = chosen_probes(config, inputs.arena, probes)
    elsewhere = probes_elsewhere(judged_with, judges, inputs.other_arenas)
    forked = checker.log.fork.seq if checker.log.fork else 0
    everybody = as_logged(checker.log.read, forked, all_of(all_probes(config, inputs.arena, judges), elsewhere))
    judges, gates = everybody[: len(judges)], everybody[len(judges) :]
    try:
        Loop(
            config,
            inputs,
            checker,
            models.writer,
            trainer,
            reader=models.reader,
            others=models.others,
            voting=models.voting,
            gates=gates,
            **judging_in(judges, elsewhere, everybody),
            report=report,
        ).run()
        checker.finish()
        complete = True
    except Diverged as error:
        divergence = error.divergence
    except LogEnded:
        pass
    return Redecided(
        run=str(run),
        live=checker.live,
        equal=checker.equal,
        answers=checker.answers,
        trainings=checker.trainings,
        shared=checker.shared,
        complete=complete,
        divergence=divergence,
        seconds=time.perf_counter() - began,
        as_logged=[probe.older for probe in everybody if isinstance(probe, AsLogged)],
    )


def _recorded(log: EventLog) -> Models:
    """Return stand-ins for the models that write and read, which the log names at its beginning and after each fork."""
    writer = reader = RecordedLLM((), name="", digest="")
    others: dict[str, LLM] = {}
    for event in _beginnings(log):
        if isinstance(event, CompetitorsJoined):
            writer = RecordedLLM((), name=event.model, digest=event.model_digest)
            known = {name: RecordedLLM((), name=name, digest=digest) for name, digest in event.model_digests.items()}
            others = {name: known.get(model, writer) for name, model in event.models.items()}
        elif isinstance(event, ReaderJoined | SurveysSet):  # the reader answers questionnaires, too
            reader = RecordedLLM((), name=event.model, digest=event.model_digest)
    return Models(writer, reader, others, _voting(log))


def _voting(log: EventLog) -> dict[str, LLM]:
    """Return evaluation audience -> a stand-in for the model that plays its personas, of those that one plays."""
    said = (event for event in _beginnings(log) if isinstance(event, EvaluationAudienceSet))
    return {each.audience: RecordedLLM((), name=each.reader, digest=each.reader_digest) for each in said if each.reader}


def _choice_models(log: EventLog) -> dict[str, ChoiceModel]:
    """Return part of the audience -> the choice model by which it reacts, as the log says it: its file may be gone.

    Beyond what a model was fitted on it may go as far as it went: whether that was allowed is not in the log.
    """
    models = {}
    for event in _beginnings(log):
        if isinstance(event, AudienceSet | EvaluationAudienceSet) and event.choice_model:
            model = from_mapping(event.choice_model, str(log.path))
            if model.support is not None:
                model = replace(model, support=replace(model.support, extrapolate=True))
            models[event.part if isinstance(event, AudienceSet) else f"{VOTES_TOO}{event.audience}"] = model
    return models


def _beginnings(log: EventLog) -> Iterator[Event]:
    """Yield what was decided before the first step of a run, and of those it was forked from."""
    forks = [each["seq"] for each in lineage(log.path)]
    for start in sorted({0, *(seq for seq in forks if seq <= forks[0])}):  # others lie behind what is shared
        yield from _beginning(log, start)


def _planned(run: Path | str, allowed: Sequence[str]) -> tuple[EventLog, RunConfig]:
    """Return a run's log and settings, if the epoch loop wrote it, after importing the extensions that it names."""
    log = open_log(run, write=False)
    first = next(_beginning(log), None)
    if first is not None and not isinstance(first, RunConfigured):
        raise NoPlan(
            "the log has no plan to decide again",
            where=str(run),
            why=f"it begins with {kind(first)}, not with settings of a run",
            fix="Only logs that `moloch run` wrote can be decided again; `moloch replay` without --verify replays any log.",
        )
    import_recorded(log, recorded_config(log).extensions, allowed)
    return log, load_config(None, log.config, recorded=True)


def _beginning(log: EventLog, start: int = 0) -> Iterator[Event]:
    """Yield the decisions from ``start`` to the next step."""
    for event in log.read(start):
        if isinstance(event, StepStarted):
            return
        if not isinstance(event, Lifecycle):
            yield event
