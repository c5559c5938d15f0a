"""The parts that a run names: extensions are imported, probes resolved, and every name is known before work begins.

Run, resume, fork and replay come through here, so that a replay knows everything that the run knew. Reading a log does not.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from abm.arenas import BUILT_IN, DEFAULT_PROBES, Arena
from abm.events import Event, ExtensionsLoaded, StepEnded, StepStarted, VerdictGiven
from abm.llm.precision import check, resolved
from abm.log import EventLog, open_log
from abm.probe import PROBES, Probe, probes
from learning.arms.rivals import rivals_of
from learning.runs.rival_adapters import pinned
from learning.settings.config import RunConfig
from learning.settings.sources import load_config
from moloch import extensions
from moloch.errors import InputError, MolochWarning
from moloch.extensions import Extension


class NoPlan(InputError):
    """A log that no run wrote: it can be folded again, but nothing decided it that could be asked again."""


GivenProbes = Sequence[Probe | str] | Callable[[Arena], Sequence[Probe]]
"""Probes as an argument: objects and names, or a function of the arena."""


def settled(config: RunConfig, folder: Path | None) -> RunConfig:
    """Return settings as a run in ``folder`` holds them: what was left open is what its record says, or the rule of new runs.

    Raises:
        LogError: the folder holds a run that cannot be opened.
        InputError: this machine does not compute in the run's precision, and the run has not ended: something is still computed; or
            there is no such adapter of a rival, or it is another one.
    """
    log = open_log(folder, write=False) if folder is not None and (folder / "run.json").exists() else None
    record = log.config if log is not None else None
    left_open: dict[str, Any] = {}
    if config.near_duplicates is None and config.anchors is not None:
        left_open["near_duplicates"] = "drop" if record is None else record.get("near_duplicates")
    if config.preset is None and record is not None:
        left_open["preset"] = record.get("preset")
    if config.precision == "auto":
        left_open["precision"] = resolved(config.serving.device)[0] if record is None else record.get("precision")
    config = config.model_copy(update=left_open) if left_open else config
    config = pinned(config, rivals_of(record or {}))
    if config.precision is not None and (log is None or log.ended() is None):
        check(config.precision, config.serving.device)
    return config


def computing(config: RunConfig | Mapping[str, Any]) -> dict[str, Any]:
    """Return how models of this process compute, as :class:`abm.llm.backends.Backends` takes it.

    Args:
        config: settings, or the record of them in a log, which may be anybody's.
    """
    if isinstance(config, RunConfig):
        return {"precision": config.precision, "threads": config.threads}
    precision, threads = config.get("precision"), config.get("threads")
    return {
        "precision": precision if precision in ("float32", "bfloat16") else None,
        "threads": threads if type(threads) is int and threads > 0 else None,
    }


def recorded_config(log: EventLog) -> RunConfig:
    """Return the settings of a run's log; nothing is imported and no name is looked up.

    Raises:
        InputError: the log was not written by :func:`learning.run`.
    """
    try:
        return load_config(None, log.config, imports=False, recorded=True)
    except InputError as error:
        raise NoPlan(
            "the log has no plan to decide again",
            where=str(log.path),
            why=f"its settings are not those of a run: {error}",
            fix="Only logs that `moloch run` wrote can be decided again; `moloch replay` without --verify replays any log.",
        ) from error


def import_recorded(log: EventLog, modules: Sequence[str], allowed: Sequence[str] = ()) -> list[Extension]:
    """Import the extensions that a log names, if its run was begun here or the user allows each by name.

    Args:
        modules: those that the log names.
        allowed: those that the user named.

    Raises:
        InputError: one is neither, or cannot be imported.
    """
    names = dict.fromkeys([*modules, *allowed])
    foreign = [name for name in names if name not in allowed]
    if foreign and not extensions.written_here((log.path / "run.json").read_bytes()):
        raise InputError(
            f"the log names code to import: {', '.join(foreign)}",
            where=str(log.path),
            why="this run was not begun here, so none of it is imported automatically",
            fix=f"Read that code first; if you trust it: {' '.join(f'--extensions {name}' for name in foreign)}",
        )
    loaded = extensions.load(list(names))
    warn_of_changes(log, loaded)
    return loaded


def recorded_digests(events: Iterable[Event]) -> dict[str, str]:
    """Return extension -> SHA-256, as the processes that wrote a log recorded them last."""
    digests: dict[str, str] = {}
    for event in events:
        if isinstance(event, ExtensionsLoaded):
            digests |= event.sha256
    return digests


def warn_of_changes(log: EventLog, loaded: Sequence[Extension]) -> None:
    """Warn of extensions whose code is not the code that the log was written with."""
    for name in extensions.changed(recorded_digests(log.read()), loaded) if loaded else ():
        warnings.warn(f"the extension {name} was changed since {log.path} was written", MolochWarning, stacklevel=2)


def chosen_probes(config: RunConfig, arena: Arena, given: GivenProbes | None = None) -> tuple[RunConfig, list[Probe]]:
    """Return the probes of a run, and its settings with their names where the arena does not imply them.

    Args:
        given: what was asked for beside the settings; it comes before them.

    Raises:
        InputError: there is no such probe, or two have one name.
    """
    if given is None:
        if config.probes is None:
            return config, []
        return config, _distinct(probes(config.probes))
    objects = given(arena) if callable(given) else [_probe(each) for each in given]
    names = tuple(probe.name for probe in _distinct(objects))
    recorded = None if names in ((), implied_probes(config, arena)) else names
    return config.model_copy(update={"probes": recorded}), list(objects)


def implied_probes(config: RunConfig, arena: Arena) -> tuple[str, ...]:
    """Return the names of the probes that settings without ``probes`` stand for.

    What an arena of the user's own names may change after the run; it is recorded with the run.
    """
    return arena.probes if config.arena in BUILT_IN else DEFAULT_PROBES


def recorded_probes(log: EventLog, config: RunConfig, arena: Arena) -> list[Probe]:
    """Return the probes with which a log was written.

    Raises:
        InputError: one of them is not known here.
    """
    if config.probes is not None:
        return probes(config.probes)
    return probes(implied_probes(config, arena)) if _judged(log) else []


def _judged(log: EventLog) -> bool:
    """Return whether a log holds verdicts, or no evaluation yet that could."""
    evaluating = False
    for event in log.read():
        if isinstance(event, StepStarted):
            evaluating = event.phase == "evaluate"
        elif isinstance(event, VerdictGiven) and evaluating:  # those on training messages are for mitigations
            return True
        elif isinstance(event, StepEnded) and evaluating:
            return False
    return True


def _probe(each: Probe | str) -> Probe:
    return PROBES.get(each)() if isinstance(each, str) else each


def _distinct(judges: Sequence[Probe]) -> list[Probe]:
    names = [probe.name for probe in judges]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(
            f"two probes are called {', '.join(twice)}", why="verdicts name their probe", fix="Name each of them once."
        )
    return list(judges)
