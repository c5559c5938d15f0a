"""``learning.run``: one run, from settings to a finished log; re-running it resumes it."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from abm.arenas import Arena
from abm.events import LLMReplied, RunEnded, RunResumed, RunStarted
from abm.journal import LiveJournal
from abm.llm.backends import Backends
from abm.llm.budget import Bounds, Budget, Price
from abm.llm.port import LLM
from abm.log import EventLog, Head, create, open_log
from abm.probe import Probe
from learning.runs.config import LLM_AUDIENCE, RunConfig, load_config
from learning.runs.inputs import gather
from learning.runs.loop import Loop, Progress
from learning.training.memory import release
from learning.training.trainer import TRLTrainer
from moloch.errors import InputError


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
    probes: Callable[[Arena], Sequence[Probe]] = lambda arena: (),
    report: Callable[[Progress], None] = lambda progress: None,
    **settings: Any,
) -> Run:
    """Carry out a run, or go on with it where it stopped.

    Args:
        config: the settings; or give them as keywords, for example ``run(arena="elections", seed=2)``.
        out: the run's folder; by default one under ``runs/`` named by arena, audience, seed and settings.
        probes: arena -> the probes that judge evaluation messages.
        report: called with the progress before each part.

    Raises:
        InputError: settings, anchors or personas are not valid, or ``out`` holds a run with other settings.
        LogError: the log cannot be opened or written; what was acknowledged is safe.
        NondeterminismError: the inputs changed since the run began.
        ServiceError, BudgetSpent: a server does not serve any more, or the budget is spent; the same settings resume.
    """
    began = time.perf_counter()
    config = config or load_config(None, settings)
    folder = Path(out) if out is not None else config.default_folder()
    inputs = gather(config)  # a mistake in them leaves no half-begun run behind
    budget = Budget(Bounds(**config.budget.model_dump()))
    places: dict[str, Any] = {"adapters": folder / "adapters", "rank": inputs.lora.rank}
    with closing(Backends(config.serving, **places, budget=budget)) as backends:
        if not (folder / "run.json").exists():
            open_models(config, backends)
        trainer = TRLTrainer(config.model, folder / "adapters")  # what cannot be trained fails before a call is paid
        with closing(_open(folder, config)) as log:
            ended = log.ended()
            if ended is None:
                writer, reader = open_models(config, backends)
                log.append([(RunStarted if log.head().seq == 0 else RunResumed)(versions=_versions())])
                journal = LiveJournal(log)
                book(log, config, budget)
                Loop(config, inputs, journal, writer, trainer, reader=reader, probes=probes, report=report).run()
                ended = RunEnded(digest=journal.digest.hexdigest(), seconds=round(time.perf_counter() - began, 3))
                journal.note(ended)
                release()
            return Run(folder, log.head(), ended.digest, time.perf_counter() - began)


def open_models(config: RunConfig, backends: Backends) -> tuple[LLM, LLM]:
    """Return the model that writes, and the one that plays the personas; the same, unless a model of their own does."""
    writer = backends.llm(config.model)
    return writer, backends.llm(config.reader_model) if config.audience == LLM_AUDIENCE else writer


def book(log: EventLog, config: RunConfig, budget: Budget) -> None:
    """Count what earlier processes of the run spent."""
    if not budget.bounded:
        return
    for event in log.read():
        if isinstance(event, LLMReplied):
            endpoint = config.serving.endpoint(event.model)
            price = Price(endpoint.usd_in, endpoint.usd_out) if endpoint else Price()
            budget.book(price, event.tokens_in, event.tokens_out)


def _open(folder: Path, config: RunConfig) -> EventLog:
    wanted = config.model_dump(mode="json")
    if not (folder / "run.json").exists():
        if folder.is_dir() and any(folder.iterdir()):
            raise InputError("the folder is not a run", where=str(folder), fix="Choose an --out that is new or empty.")
        return create(folder, wanted)
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


def _versions() -> dict[str, str]:
    names = ("moloch-abm", "mesa", "torch", "transformers", "peft", "trl", "vllm", "numpy")
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
