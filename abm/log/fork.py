"""Where a run can be forked: after a step, with everything before it shared and nothing copied."""

from __future__ import annotations

import os
from pathlib import Path

from abm.events import StepEnded
from abm.log.segments import Fork, read_manifest, walk
from moloch.errors import InputError


def fork_point(parent: Path | str, step: int, run: Path | str) -> Fork:
    """Return the pointer to ``parent`` after its first ``step`` steps, as the run in the folder ``run`` would hold it.

    Args:
        step: steps to share, 1 or more.

    Raises:
        InputError: the parent has not ended so many steps.
        LogError: no run in ``parent``, or it cannot be read.
        CorruptLog: its bytes contradict the chain.
    """
    parent = Path(parent)
    ended = 0
    for block in walk(parent, read_manifest(parent).genesis):
        if b'"type":"step_ended"' not in block.text:
            continue
        events = block.events()
        ended += sum(isinstance(event, StepEnded) for event in events)
        if ended >= step >= 1:
            if ended > step or not isinstance(events[-1], StepEnded):
                raise InputError(
                    f"step {step} of the run ends within a commit",
                    where=block.where,
                    fix="Fork at another step.",
                )
            relative = os.path.relpath(parent.resolve(), Path(run).resolve())
            return Fork(Path(relative).as_posix(), block.commit.seq + block.commit.n, block.commit.hash)
    raise InputError(
        f"cannot fork after {step} steps",
        where=str(parent),
        why=f"the run has ended {ended}",
        fix=f"Give --at 1 to {ended}." if ended else "Let it run first.",
    )
