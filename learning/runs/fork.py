"""``learning.fork``: continue a run from a step with other settings, and share everything before it.

The random numbers of both are those of the same plan and seed, so that what differs afterwards is what the settings did.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from abm.events import AdapterTrained, Forked
from abm.log import create, open_log
from abm.log.fork import fork_point
from abm.probe import probes
from learning.runs.config import RunConfig
from learning.runs.config_file import changed_config, load_config
from learning.runs.inputs import check_interventions, gather
from learning.runs.parts import implied_probes, import_recorded, recorded_config
from learning.runs.plan import Plan, begun, plan, to_come
from learning.runs.verdicts import check_versions
from moloch.errors import InputError
from moloch.extensions import note_written_here

FIXED = (
    "arena", "anchors", "personas", "mapping", "stratify", "resample", "model", "arms", "messages", "train_anchors",
    "held_out_anchors", "train_personas", "held_out_personas", "batch", "seed", "world", "crowd.size", "network.graph",
)  # fmt: skip
"""Settings that decided the shared steps, or who takes part: a fork keeps them."""


def fork(
    parent: Path | str,
    at: int,
    settings: Sequence[str],
    out: Path | str | None = None,
    *,
    extensions: Sequence[str] = (),
) -> tuple[RunConfig, Path]:
    """Make a run that shares the first ``at`` steps of ``parent`` and continues with changed settings.

    Nothing is copied: the new log begins with a pointer, adapters are linked. Calling it again with the same arguments
    changes nothing. Carry the run out with :func:`learning.run`.

    Args:
        settings: ``"key=value"``, as for a run.
        extensions: modules that may be imported although the parent was not begun here; see :mod:`moloch.extensions`.
        out: the new run's folder; by default beside the parent, named by step and settings.

    Returns:
        The new settings and the folder.

    Raises:
        InputError: no such step or setting, one that a fork keeps, or ``out`` holds something else; or the shared steps
            were judged by other versions of the probes.
        LogError: the parent's log cannot be read, or the new one cannot be written.
    """
    parent = Path(parent)
    log = open_log(parent, write=False)
    recorded = recorded_config(log)
    import_recorded(log, recorded.extensions, extensions)
    before = load_config(None, log.config)
    config = changed_config(before, settings)
    values, old = config.model_dump(mode="json"), before.model_dump(mode="json")
    changed = sorted(name for name in values.keys() | old.keys() if values.get(name) != old.get(name))
    if kept := [name for name in FIXED if _at(values, name) != _at(old, name)]:
        raise InputError(
            f"a fork cannot change {', '.join(kept)}",
            where=str(parent),
            why="the shared steps were decided with it",
            fix="Start a run of its own for that.",
        )
    inputs = gather(config)  # a mistake in what the settings name leaves no half-begun fork behind
    folder = Path(out) if out is not None else parent.parent / f"{parent.name}-at{at}-{config.id[:8]}"
    point = fork_point(parent, at, folder)
    parts = plan(config, inputs)
    _check_shared(plan(before, inputs), parts, at, str(parent))
    check_interventions(config, to_come(parts, at), before.network.interventions)
    judges = implied_probes(config, inputs.arena) if config.probes is None else config.probes
    check_versions(log.read(0, point.seq), probes(judges), str(parent))
    if (folder / "run.json").exists():
        existing = open_log(folder, write=False)
        if (existing.fork, existing.config) != (point, values):
            raise InputError(
                "the folder holds another run", where=str(folder), fix="Choose an --out that is new or empty."
            )
    else:
        create(folder, values, fork=point).close()
        note_written_here((folder / "run.json").read_bytes())
    for event in log.read(0, point.seq):
        if isinstance(event, AdapterTrained):
            _link(parent / "adapters" / event.adapter, folder / "adapters" / event.adapter)
    with open_log(folder, write=True) as own:
        if own.head().seq == point.seq:
            own.append([Forked(config=values, changed=changed)], expected_head=point.seq)
    return config, folder


def _check_shared(before: Plan, after: Plan, at: int, where: str) -> None:
    """Refuse settings with which the shared steps would not be those of the plan."""
    step = 1
    for old, new in zip_longest(begun(before, at), begun(after, at)):
        if old != new:
            doings = [part.doing if part else "nothing" for part in (old, new)]
            raise InputError(
                f"the fork's plan differs before step {at}",
                where=where,
                why=f"from step {step} on the run goes on with {doings[0]!r}, the new settings with {doings[1]!r}",
                fix="Fork at an earlier step, or keep epochs and evaluate.",
            )
        step += old.steps if old else 0


def _at(values: dict[str, Any], name: str) -> Any:
    """Return a setting by its dotted name."""
    for part in name.split("."):
        values = values[part]
    return values


def _link(source: Path, target: Path) -> None:
    """Give ``target`` the files of ``source``: the same bytes on disk, or copies where the file system has no links."""
    if target.exists() or not source.exists():
        return
    new = target.with_name(target.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    for file in source.iterdir():
        try:
            os.link(file, new / file.name)
        except OSError:
            shutil.copy2(file, new / file.name)
    with contextlib.suppress(FileExistsError):
        new.rename(target)
