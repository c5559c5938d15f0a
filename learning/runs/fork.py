"""``learning.fork``: continue a run from a step or an epoch with other settings, and share everything before it.

The random numbers of both are those of the same plan and seed, so that what differs afterwards is what the settings did.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple, Self

from abm.events import AdapterTrained, ArmStopped, Event, Forked, LLMReplied, StepEnded
from abm.journal import AdaptersHeld
from abm.log import EventLog, create, disk, open_log
from abm.log.fork import fork_point
from abm.log.segments import Fork
from abm.probe import probes
from learning.plan.counts import before_epoch, begun, to_come
from learning.plan.order import plan
from learning.plan.parts import Plan
from learning.runs import own_data
from learning.runs.adapter_links import link
from learning.runs.fork_arms import check_changes, check_continued, check_judged, check_participants
from learning.runs.input_checks import check_interventions
from learning.runs.inputs import Inputs, gather
from learning.runs.other_arenas import all_of, probes_elsewhere
from learning.runs.parts import implied_probes, import_recorded, recorded_config
from learning.runs.stops import remaining
from learning.runs.verdicts import check_versions
from learning.settings.config import RunConfig
from learning.settings.mitigated import all_probes
from learning.settings.sources import changed_config, load_config
from moloch.errors import InputError, Locked, MolochError
from moloch.extensions import note_written_here

FIXED = (
    "arena", "anchors", "personas", "mapping", "stratify", "resample", "model", "messages", "train_anchors",
    "held_out_anchors", "train_personas", "held_out_personas", "batch", "seed", "world", "crowd.size", "network.graph",
    "up_to", "redraw", "near_duplicates", "format", "examples", "stop", "attempts", "cut", "precision", "threads",
    "alarms",
)  # fmt: skip
"""Settings that decided the shared steps, or who takes part: a fork keeps them; of arms and markets see :mod:`learning.runs.fork_arms`."""


def fork(
    parent: Path | str,
    at: int | None = None,
    settings: Sequence[str] = (),
    out: Path | str | None = None,
    *,
    epoch: int | None = None,
    extensions: Sequence[str] = (),
) -> tuple[RunConfig, Path]:
    """Make a run that shares the first ``at`` steps of ``parent``, or all before an epoch, and continues with changed settings.

    Nothing is copied: the new log begins with a pointer, adapters are linked. Calling it again with the same arguments
    changes nothing. Carry the run out with :func:`learning.run`.

    Args:
        at: steps to share; an arm's trainings behind them are made again.
        settings: ``"key=value"``, as for a run. Arms and learners may learn otherwise: ``"arms.rft.method=dpo"``.
        epoch: in place of ``at``: the first epoch that is not shared, 2 or more; trainings of those before it are.
        extensions: modules that may be imported although the parent was not begun here; see :mod:`moloch.extensions`.
        out: the new run's folder; by default beside the parent, named by step and settings.

    Returns:
        The new settings and the folder.

    Raises:
        InputError: no such step, epoch or setting, one that a fork keeps, or one that would change nothing, or ``out`` holds something else; or the shared steps
            were judged by other versions of the probes.
        LogError: the parent's log cannot be read, or the new one cannot be written.
        CorruptLog: an adapter of the shared steps is not the one that its log names.
    """
    _check_place(at, epoch)
    parent = Path(parent)
    log = open_log(parent, write=False)
    recorded = recorded_config(log)
    import_recorded(log, recorded.extensions, extensions)
    before = load_config(None, log.config, recorded=True)
    config = changed_config(before, settings)
    values, old = config.model_dump(mode="json"), before.model_dump(mode="json")
    changed = sorted(name for name in values.keys() | old.keys() if values.get(name) != old.get(name))
    if kept := [name for name in FIXED if _at(values, name) != _at(old, name)]:
        raise InputError(
            f"a fork cannot change {', '.join(kept)}",
            where=str(parent),
            why="the shared steps were decided with it",
            fix="Start a new run for that.",
        )
    check_participants(before, config, str(parent))
    inputs = gather(own_data.at_hand(config, parent))
    if config.shows_source != before.shows_source:
        raise InputError(
            "a fork cannot change whether a language model's personas read the source",
            where=str(parent),
            why="the shared steps hold the arena's templates",
            fix="Start a new run for that.",
        )
    place = f"at{at}" if epoch is None else f"epoch{epoch}"
    folder = Path(out) if out is not None else parent.parent / f"{parent.name}-{place}-{config.id[:8]}"
    cut = _Cut.at_epoch(log, folder, config, inputs, epoch) if epoch else _Cut.at_step(log, folder, at or 0)
    point = cut.point
    adapters = _shared_adapters(log.read(0, point.seq), parent, folder)
    shared, coming = _parted(log, cut, plan(before, inputs), plan(config, inputs))
    trainings = (event for event in log.read(0, point.seq) if isinstance(event, AdapterTrained))
    check_changes(before, config, coming, str(parent))
    check_judged(before, config, inputs.arena, shared, coming, str(parent))
    check_continued(config, coming, trainings, str(parent))
    check_interventions(config, coming, before.network.interventions)
    judges = probes(implied_probes(config, inputs.arena) if config.probes is None else config.probes)
    elsewhere = probes_elsewhere(config, judges, inputs.other_arenas)
    check_versions(log.read(0, point.seq), all_of(all_probes(config, inputs.arena, judges), elsewhere), str(parent))
    if (folder / "run.json").exists():
        existing = open_log(folder, write=False)
        if (existing.fork, existing.config) != (point, values):
            raise InputError(
                "the folder holds another run", where=str(folder), fix="Choose an --out that is new or empty."
            )
        return config, folder
    with _made_whole(folder) as new:
        with create(new, values, fork=point) as own:
            own.append([Forked(config=values, changed=changed)], expected_head=point.seq)
        for adapter in adapters:
            link(parent / "adapters" / adapter, new / "adapters" / adapter)
        note_written_here((new / "run.json").read_bytes())
    return config, folder


WORK = (LLMReplied, AdapterTrained, StepEnded)
"""What a run has cost."""


def abandon(run: Path) -> bool:
    """Remove a fork that holds no answer, training or step of its own; return whether it did. It can be made again.

    One that another process writes stays.
    """
    log = open_log(run, write=False)
    if log.fork is None:
        return False
    try:
        lock = disk.lock(run)
    except Locked:
        return False
    try:
        if any(isinstance(event, WORK) for event in log.read(log.fork.seq)):
            return False
        shutil.rmtree(run)
        return True
    finally:
        os.close(lock)


@contextlib.contextmanager
def _made_whole(folder: Path) -> Iterator[Path]:
    """Yield a folder beside ``folder`` that takes its place when all is done; after an error nothing is left of it.

    Raises:
        InputError: ``folder`` holds something.
        LogError: it cannot be written.
    """
    new = folder.with_name(f".{folder.name}.{os.getpid()}.new")  # another process may make it, too
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(
                "the folder cannot take a fork", where=str(folder), fix="Choose an --out that is new or empty."
            )
        yield new
        new.rename(folder)
        disk.sync_folder(folder.parent)
    except OSError as error:
        raise disk.unwritable(folder, error) from error
    except MolochError as error:
        if str(new) not in error.where:
            raise
        where = error.where.replace(str(new), str(folder))  # of which the user knows
        raise type(error)(error.what, where=where, why=error.why, fix=error.fix) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _check_place(at: int | None, epoch: int | None) -> None:
    """Refuse a fork at no place, or at two; and one that would share nothing."""
    if (at is None) == (epoch is None):
        raise InputError(
            "a fork shares either steps or epochs",
            why="both were given" if epoch is not None else "neither was given",
            fix="Give --at STEPS, or --epoch N for what comes before epoch N.",
        )
    if epoch is not None and epoch < 2:
        raise InputError(
            f"nothing comes before epoch {epoch}",
            fix="Start a new run; or share the base model's contests, and learn from them by another method: --at STEPS.",
        )


class _Cut(NamedTuple):
    """Where a fork is made: the pointer, and after how many steps or before which epoch."""

    point: Fork
    step: int
    epoch: int | None = None

    @classmethod
    def at_step(cls, log: EventLog, folder: Path, step: int) -> Self:
        return cls(fork_point(log.path, step, folder), step)

    @classmethod
    def at_epoch(cls, log: EventLog, folder: Path, config: RunConfig, inputs: Inputs, epoch: int) -> Self:
        """Return the end of all that comes before an epoch, evaluations among it as far as the new settings have them."""
        stops = (stop for stop in _stops(log.read()) if stop.epoch < epoch)
        step = sum(part.steps for part in before_epoch(remaining(plan(config, inputs), stops), epoch))
        return cls(fork_point(log.path, step, folder, ended_epoch=epoch - 1), step, epoch)

    def __str__(self) -> str:
        return f"step {self.step}" if self.epoch is None else f"epoch {self.epoch}"


def _stops(events: Iterable[Event]) -> list[ArmStopped]:
    return [event for event in events if isinstance(event, ArmStopped)]


def _parted(log: EventLog, cut: _Cut, before: Plan, after: Plan) -> tuple[Plan, Plan]:
    """Return the parts of the new plan that are shared, and those that are to come, of arms that go on.

    Raises:
        InputError: the shared parts of both plans are not the same ones.
    """
    stops = _stops(log.read(0, cut.point.seq))
    before, after = remaining(before, stops), remaining(after, stops)
    if cut.epoch is None:
        shared = begun(after, cut.step)
        _check_shared(begun(before, cut.step), shared, str(cut), str(log.path))
        return shared, to_come(after, cut.step)
    shared = before_epoch(after, cut.epoch)
    _check_shared(before[: len(shared)], shared, str(cut), str(log.path))
    return shared, after[len(shared) :]


def _check_shared(before: Plan, after: Plan, at: str, where: str) -> None:
    """Refuse settings with which the shared steps would not be those of the plan.

    Args:
        before, after: the parts that would be shared, as the run has them and as the new settings do.
    """
    step = 1
    for old, new in zip_longest(before, after):
        if old != new:
            doings = [part.doing if part else "nothing" for part in (old, new)]
            raise InputError(
                f"the fork's plan differs before {at}",
                where=where,
                why=f"from step {step} on the run continues with {doings[0]!r}, the new settings with {doings[1]!r}",
                fix="Fork at an earlier step, or keep epochs and evaluate.",
            )
        step += old.steps if old else 0


def _at(values: dict[str, Any], name: str) -> Any:
    """Return a setting by its dotted name; None for one that is left out of records."""
    at: Any = values
    for part in name.split("."):
        at = at.get(part)
    return at


def _shared_adapters(events: Iterable[Event], *runs: Path) -> list[str]:
    """Return the ids of the adapters that ``events`` trained, of those that the first run has, checked in all runs.

    Raises:
        CorruptLog: one is not what the log says.
    """
    held = [AdaptersHeld(run) for run in runs]
    for event in events:
        for each in held:
            each.look(event)
    return held[0].checked
