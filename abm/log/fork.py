"""Where a run can be forked: after a step or an epoch, with everything before it shared and nothing copied."""

from __future__ import annotations

import os
from pathlib import Path

from abm.events import EpochEnded, StepEnded
from abm.log.segments import Fork, read_manifest, walk
from moloch.errors import InputError

MARKS = (b'"type":"step_ended"', b'"type":"epoch_ended"')
"""What a block holds at whose end a run may be forked."""


def fork_point(parent: Path | str, step: int, run: Path | str, *, ended_epoch: int = 0) -> Fork:
    """Return the pointer to ``parent`` after its first ``step`` steps, as the run in the folder ``run`` would hold it.

    Args:
        step: steps to share, 1 or more.
        ended_epoch: an epoch that has ended there, too; 0 for none.

    Raises:
        InputError: the parent has not ended so many steps.
        LogError: no run in ``parent``, or it cannot be read.
        CorruptLog: its bytes contradict the chain.
    """
    parent = Path(parent)
    ended, closed = 0, not ended_epoch
    for block in walk(parent, read_manifest(parent).genesis):
        if not any(mark in block.text for mark in MARKS):
            continue
        events = block.events()
        ended += sum(isinstance(event, StepEnded) for event in events)
        closed = closed or any(isinstance(event, EpochEnded) and event.epoch == ended_epoch for event in events)
        if closed and ended >= step >= 1:
            if ended > step or not isinstance(events[-1], StepEnded | EpochEnded):
                raise InputError(
                    f"step {step} of the run ends within a commit",
                    where=block.where,
                    fix="Fork at another step.",
                )
            relative = os.path.relpath(parent.resolve(), Path(run).resolve())
            return Fork(Path(relative).as_posix(), block.commit.seq + block.commit.n, block.commit.hash)
    if ended_epoch:
        raise InputError(
            f"cannot fork before epoch {ended_epoch + 1}",
            where=str(parent),
            why=f"the run has not ended epoch {ended_epoch}",
            fix="Let it run first, or fork earlier.",
        )
    raise InputError(
        f"cannot fork after {step} steps",
        where=str(parent),
        why=f"the run has ended {ended}",
        fix=f"Give --at 1 to {ended}." if ended else "Let it run first.",
    )
