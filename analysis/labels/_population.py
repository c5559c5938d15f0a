"""What labels are drawn from and speak of: the messages of runs' evaluations, with what a rater found in each.

Knows logs of runs and of judges' verdicts; knows nothing of labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from abm.log import open_log
from abm.societies import arm_in
from analysis.judges import Messages, Selection, read_verdicts
from analysis.readings.evaluation import EvaluationReading
from analysis.readings.reading import read
from analysis.tables.evaluation import comparator, note
from learning.arms.base_models import is_base
from moloch.errors import InputError


class RatedMessage(NamedTuple):
    """A distinct message of a run: what several societies read is one.

    Attributes:
        message: its id, the first one where it has several.
        writer: ``base``, or an arm.
        found: what the rater said of it: 1 or 0; -1 where it could not tell.
    """

    message: str
    writer: str
    anchor: str
    text: str
    found: int


class LabelledRun(NamedTuple):
    """A run that labels are drawn from.

    Attributes:
        cell: its name in the study; empty outside of one.
    """

    cell: str
    seed: int
    folder: Path


@dataclass(frozen=True)
class Population:
    """The messages of one run's evaluation, of the last epoch.

    Attributes:
        anchors: anchor id -> the text that writers saw.
        compared_with: arm -> the arm that it is compared with; empty for none.
        base_of: arm -> the base model that it is evaluated against.
        note: what of the run is not real.
    """

    run: LabelledRun
    head: str
    epoch: int
    arena: str
    anchors: dict[str, str]
    messages: list[RatedMessage]
    compared_with: dict[str, str]
    base_of: dict[str, str]
    note: str


def population(run: LabelledRun, probe: str, rater: str) -> Population | None:
    """Return the messages of a run that a rater was asked about; None if there are none.

    Args:
        rater: empty for the run's own probe, else a judge of ``moloch probe``, by name.

    Raises:
        InputError: the run has not ended.
        LogError: it cannot be read.
    """
    log = open_log(run.folder, write=False)
    if log.ended() is None:
        raise InputError(
            "the run has not ended", where=str(run.folder), why="messages may be added", fix="Wait for its end."
        )
    messages, evaluation = Messages(), EvaluationReading()
    read(log.read(), messages, evaluation)
    found = _found(run.folder, messages, probe, rater)
    published = [m for m in messages.published if m.phase == "evaluate" and m.message in found]
    if not published:
        return None
    selected = messages.select(Selection())
    distinct: dict[tuple[str, str, str], RatedMessage] = {}
    for m in selected:
        if m.message in found:
            said = RatedMessage(m.message, m.competitor, m.anchor, m.text, found[m.message])
            distinct.setdefault((m.competitor, m.anchor, m.text), said)
    results = evaluation.result()
    return Population(
        run=run,
        head=log.head().hash,
        epoch=selected[0].epoch,
        arena=messages.arena,
        anchors=messages.anchors,
        messages=list(distinct.values()),
        compared_with={arm: comparator(results, arm) for arm in results.arms()},
        base_of={arm_in(m.arm): m.competitor for m in selected if is_base(m.competitor)},
        note=note(results),
    )


def _found(run: Path, messages: Messages, probe: str, rater: str) -> dict[str, int]:
    """Return message id -> what the rater said."""
    if not rater:
        return {message: label for (message, of), (label, _) in messages.rules.items() if of == probe}
    return {row.message: row.label for row in read_verdicts(run) if (row.probe, row.judge) == (probe, rater)}


def populations(runs: Sequence[LabelledRun], probe: str, rater: str) -> list[Population]:
    """Return those of all runs in which the rater was asked.

    Raises:
        InputError: there are none; or a run has not ended.
        LogError: one cannot be read.
    """
    there = [each for run in runs if (each := population(run, probe, rater)) is not None]
    if not there:
        who = f"judge {rater!r}" if rater else "probe of the run"
        raise InputError(
            f"no message was judged for {probe!r}",
            where=str(runs[0].folder.parent if len(runs) > 1 else runs[0].folder) if runs else "",
            why=f"the evaluation has no verdict by that {who}",
            fix="Name a probe that was asked, as `moloch results` lists them; or a judge: --judge NAME.",
        )
    return there
