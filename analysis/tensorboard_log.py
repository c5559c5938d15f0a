"""A run's measures as a log of TensorBoard: each arm a run of its own there, over optimiser steps and over epochs.

Steps of an arm's trainings are counted on from epoch to epoch. Written by TensorBoard's own writer, which is optional. Knows events;
computes nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from abm.columns import Float32s, unpack
from abm.events import AdapterTrained, ArmFlagged, ArmStopped, Event, TrainingMeasured
from abm.log import open_log
from learning.alarms import MessageReading
from moloch.errors import InputError, LogError
from moloch.extras import need

_COLUMNS = {"loss": "losses", "gradient norm": "gradient_norms", "learning rate": "learning_rates"}
_MESSAGES = ("format_share", "tokens", "words", "distinct", "repetition", "copy_rate")


class Scalar(NamedTuple):
    """One point of a curve.

    Attributes:
        arm: whose; a run of TensorBoard's.
        tag: name of the curve, with its group before a slash.
        step: of the optimiser over all trainings of the arm, or an epoch, from 1.
        at: seconds since the Unix epoch.
    """

    arm: str
    tag: str
    step: int
    value: float
    at: float


def export_tensorboard(run: Path | str, folder: Path | str) -> int:
    """Write a run's measures to a new or empty folder, there complete or not at all; return how many points there are.

    Raises:
        InputError: TensorBoard is not installed, the folder holds something, or nothing was measured.
        LogError: no run, it cannot be read, or the folder cannot be written.
    """
    need("tensorboard", "export to TensorBoard")
    run, folder = Path(run), Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            "the folder cannot take the export", where=str(folder), why="it holds something", fix="Choose another."
        )
    kinds = MessageReading.TAKES | {TrainingMeasured, AdapterTrained, ArmFlagged, ArmStopped}
    points = list(scalars(event for block in open_log(run, write=False).blocks() for event in block.events(kinds)))
    if not points:
        raise InputError("nothing to export", where=str(run), why="nothing was learnt or written yet")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            _write(points, new)
            new.chmod(0o755)
            new.rename(folder)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    except OSError as error:
        raise LogError("cannot write the export", where=str(folder), why=error.strerror or str(error)) from error
    return len(points)


def scalars(events: Iterable[Event]) -> Iterator[Scalar]:
    """Yield the points of all curves: of steps as trainings come, of epochs after them, and what arms wrote at the end."""
    reading, taken = MessageReading(), defaultdict[str, int](int)
    at = 0.0
    for event in events:
        reading.take(event)
        at = event.at
        if isinstance(event, TrainingMeasured):
            yield from _steps(event, taken[event.arm])
            taken[event.arm] += len(unpack(event.losses, Float32s))
        elif isinstance(event, AdapterTrained) and event.kind == "weights":
            yield Scalar(event.arm, "training/loss before", event.epoch, event.loss_before, at)
            yield Scalar(event.arm, "training/loss after", event.epoch, event.loss_after, at)
        elif isinstance(event, ArmFlagged | ArmStopped):
            tag = "alarm/stopped" if isinstance(event, ArmStopped) else "alarm/flagged"
            yield Scalar(event.arm, tag, event.epoch, float(len(event.measures)), at)
    for who, measures in reading.result().items():
        for name in _MESSAGES:
            value = getattr(measures, name)
            where = f"messages, {who.phase}{' ' if who.arena else ''}{who.arena}"
            yield Scalar(who.competitor, f"{where}/{name.replace('_', ' ')}", who.epoch, value, at)


def _steps(event: TrainingMeasured, before: int) -> Iterator[Scalar]:
    for name, field in _COLUMNS.items():
        for i, value in enumerate(unpack(getattr(event, field), Float32s).tolist(), before + 1):
            yield Scalar(event.arm, f"steps/{name}", i, value, event.at)
    if event.drift_tokens:
        for name in ("kl_before", "kl_after", "entropy_before", "entropy_after"):
            yield Scalar(event.arm, f"training/{name.replace('_', ' ')}", event.epoch, getattr(event, name), event.at)


def _write(points: Iterable[Scalar], folder: Path) -> None:
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    from tensorboard.summary import Writer  # pyright: ignore[reportMissingImports]  # an extra

    writers: dict[str, Any] = {}
    for point in points:
        name = re.sub(r"[^A-Za-z0-9_-]", "_", point.arm)  # a log that was edited leads nowhere else
        if name not in writers:
            writers[name] = Writer(str(folder / name))
        writers[name].add_scalar(point.tag, np.float32(point.value), point.step, wall_time=point.at)
    for writer in writers.values():
        writer.close()
