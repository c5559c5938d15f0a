"""``learning.run``: one run, from settings to a finished log; re-running it resumes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from abm.audience import Audience
from abm.events import Event, ExtensionsLoaded, RunEnded, RunResumed, RunStarted
from abm.journal import LiveJournal
from abm.llm.backends import Backends
from abm.llm.budget import Budget
from abm.llm.lease import Lease
from abm.llm.ledger import Cost, Ledger
from abm.llm.port import LLM
from abm.log import EventLog, Head, create, open_log
from abm.log.recovery import check_not_lost
from abm.log.segments import read_manifest
from abm.probe import version_of
from learning.runs import own_data
from learning.runs._prepared import PreparedRun, check_free, prepared
from learning.runs.costs import answered
from learning.runs.gate import look, look_at_others
from learning.runs.last_words import leaving_last_words
from learning.runs.loop import Loop, Progress
from learning.runs.machine import machine, places, versions
from learning.runs.objects import Objects
from learning.runs.other_arenas import judging_in
from learning.runs.parts import GivenProbes, warn_of_changes
from learning.runs.rival_adapters import adopt
from learning.runs.script_settings import script_config
from learning.runs.traffic import TrafficMeter, shown_to_others
from learning.settings.config import RunConfig
from learning.training.memory import release
from learning.training.trainer import Trainer
from moloch.content import content_id, digest
from moloch.errors import InputError
from moloch.extensions import note_written_here
from moloch.notebook import note, noted

BEGUN = "begun"
"""Kind of the notes about folders in which a run has begun: a log there that holds nothing is gone."""


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        path: its folder.
        head: count and chain hash of its log; print the hash in every result.
        digest: of what was decided: equal settings and seed give an equal digest, interrupted or not.
        seconds: wall-clock time of this process's part of it.
    """

    path: Path
    head: Head
    digest: str
    seconds: float


def run(
    config: RunConfig | None = None,
    out: Path | str | None = None,
    *,
    probes: GivenProbes | None = None,
    llm: LLM | str | None = None,
    reader: LLM | Mapping[str, Any] | str | None = None,
    audience: Audience | str | None = None,
    trainer: Trainer | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
    **settings: Any,
) -> Run:
    """Carry out a run, or resume it where it stopped.

    Args:
        config: the settings; or give them as keywords, for example ``run(arena="elections", seed=2)``; a name with dots is a setting
            within another: ``**{"lora.lr": 1e-3}``.
        out: the run's folder; by default one under ``runs/`` named by arena, audience, seed and settings.
        probes: the probes that judge evaluation messages, as objects, as names, or as a function of the arena; by default
            those of the setting ``probes``, without which nothing is judged.
        llm: the model that writes, as an object, or where it is served (``serving.llm``).
        reader: the model that plays the personas, as an object; its server and name, as ``http://host:8000/v1#NAME``; or, where
            ``audience`` is ``llm``, its settings.
        audience: what reacts, as an object, or the setting. A replay finds an object's kind by its name, if an extension
            registers it.
        trainer: learns the adapters; by default LoRA on ``model``.
        report: called with the progress before each part.

    Raises:
        InputError: settings, anchors or personas are not valid, or ``out`` holds a run with other settings, or one that was
            judged by other versions of its probes, or by none where these judge (or the other way round).
        LogError: the log cannot be opened or written; what was acknowledged is safe.
        NondeterminismError: the inputs changed since the run began.
        ServiceError, BudgetSpent: a server does not serve any more, or the budget is spent; the same settings resume.
        GateClosed: after the first step a model is not fit for the study, where the same settings resume with ``gate="flag"``; or
            there is nothing to learn from, because most of what models answered could not be read.
    """
    objects = Objects.of(llm=llm, reader=reader, audience=audience, trainer=trainer)
    config = script_config(config, settings | objects.settings, objects.reader_place)
    with closing(stepwise(config, out, probes=probes, objects=objects)) as pieces:
        while True:
            try:
                progress = next(pieces)
            except StopIteration as end:
                return end.value
            report(progress)


def stepwise(
    config: RunConfig,
    out: Path | str | None = None,
    *,
    probes: GivenProbes | None = None,
    objects: Objects | None = None,
) -> Generator[Progress, None, Run]:
    """Carry out a run, or resume it, one step or training at a time: :func:`run` under the caller's control.

    It yields before each of them; the next call carries it out. Closed or left by an error, it closes the log, and the same
    settings resume from there.

    Args:
        config, out, probes: as for :func:`run`.
        objects: models, audience and trainer that :func:`run` was given as objects.

    Returns:
        The finished run, as the generator's value.

    Raises:
        InputError, LogError, NondeterminismError, ServiceError, BudgetSpent: as :func:`run`, when it is asked to continue.
    """
    began = time.perf_counter()
    ready = prepared(config, out, probes, objects or Objects())
    with closing(ready.backends()) as backends:
        ready.check_models(backends)
        with closing(_open(ready.folder, ready.config)) as log, leaving_last_words(log):
            ended = log.ended()
            if ended is None:
                ended = yield from _carried_out(ready, log, backends, began)
            return Run(ready.folder, log.head(), ended.digest, time.perf_counter() - began)


def _carried_out(
    ready: PreparedRun, log: EventLog, backends: Backends, began: float
) -> Generator[Progress, None, RunEnded]:
    """Carry out what a log has not, a step or training at a time; return its last event.

    Args:
        began: when this process took the run up, by :func:`time.perf_counter`.
    """
    config, objects, adapters = ready.config, ready.objects, ready.adapters
    writes, reads = objects.models(config, backends)
    others, voting = objects.others(config, backends), objects.voting(config, backends)
    adopt(config, adapters)
    ready.check_judged(log)
    _begin(log, ready, writes, reads, *others.values(), *voting.values())
    note(BEGUN, _name(ready.folder))
    meter = TrafficMeter(config, ready.inputs, ready.budget)
    journal = LiveJournal(log, meter.heard)
    book(log, config, ready.budget)
    loop = Loop(
        config,
        ready.inputs,
        journal,
        writes,
        ready.learner,
        reader=reads,
        others=others,
        voting=voting,
        traffic=meter.now,
        adapters=adapters,
        **judging_in(ready.judges, ready.elsewhere),
    )
    meter.follow(journal, [*loop.models, loop.reader])
    looked = met = False
    with shown_to_others(ready.folder, meter):
        for progress in loop.advance():
            looked = looked or look(log, config, writes, reads)
            met = met or look_at_others(log, config, others)
            yield progress
    ended = RunEnded(digest=journal.digest.hexdigest(), seconds=round(time.perf_counter() - began, 3))
    journal.note(ended)
    release()
    return ended


def _begin(log: EventLog, ready: PreparedRun, *models: LLM) -> None:
    """Log that this process takes the run up: machine, versions, rules of the probes, code and data of the user's own."""
    warn_of_changes(log, ready.loaded)
    kind = RunStarted if log.head().seq == 0 else RunResumed
    begun: list[Event] = [
        kind(
            versions=versions(),
            machine=machine(),
            models=places(*models),
            inputs=own_data.keep(ready.config, log) if _is_new(log) else {},
            probe_versions={probe.name: version_of(probe) for probe in ready.everybody},
        )
    ]
    if ready.loaded:
        begun.append(ExtensionsLoaded(sha256={each.module: each.sha256 for each in ready.loaded}))
    log.append(begun)


def _is_new(log: EventLog) -> bool:
    """Tell whether no process has carried out a part of the run, or of the fork, yet."""
    return log.head().seq == 0 or (log.fork is not None and log.head().seq == log.fork.seq + 1)


def book(log: EventLog, config: RunConfig, budget: Budget) -> None:
    """Count what earlier processes of the run spent, and from now on keep what this one does; its parent's is not its own."""
    known, lease = Cost(), None
    if budget.bounded:
        known = answered(log, config)
        if config.budget.shared:
            lease = Lease(Path(config.budget.shared), log.path.name, budget.bounds.shared)
    budget.keep(Ledger(log.path), known, lease)


def create_run(folder: Path, config: RunConfig) -> EventLog:
    """Return the log of a new run, and note that it was begun here, so that its extensions may be imported."""
    log = create(folder, config.model_dump(mode="json"))
    note_written_here((folder / "run.json").read_bytes())
    return log


def _name(folder: Path) -> str:
    """Return what tells this very folder from a copy, and from one that was made anew."""
    run_json = folder / "run.json"
    return content_id([str(folder.resolve()), digest(run_json.read_bytes()), run_json.stat().st_mtime_ns])


def _open(folder: Path, config: RunConfig) -> EventLog:
    wanted = config.model_dump(mode="json")
    if not (folder / "run.json").exists():
        check_free(folder)
        return create_run(folder, config)
    if noted(BEGUN, _name(folder)) is not None:
        check_not_lost(folder, read_manifest(folder), signs=("a note that this run was begun here",))
    log = open_log(folder, write=True)
    differs = sorted(key for key in wanted.keys() | log.config.keys() if wanted.get(key) != log.config.get(key))
    if differs:
        log.close()
        raise InputError(
            "the folder holds a run with other settings",
            where=str(folder),
            why=f"they differ in {', '.join(differs)}",
            fix="Give the same settings to resume it, or another --out.",
        )
    return log
