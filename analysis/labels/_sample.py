"""Runs and the labels that people gave, as a two-phase sample: who wrote what, what a rater found, and what labels say.

Messages of one stratum had one chance each: those of one writer in which every rater that a draw was made by found the same, in runs that
the same draws took from. What several people said of one message is their mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from abm.label_events import Label, LabelGiven
from analysis.labels._label_log import LabelLog
from analysis.labels._population import LabelledRun, Population, populations
from analysis.statistics.agreement import MISSING, Pair, pair
from analysis.statistics.two_phase import TwoPhaseSample
from moloch.errors import InputError

Unsure = Literal["left out", "yes", "no"]
"""What an unsure label counts as."""


@dataclass(frozen=True)
class LabelCounts:
    """How many messages there are, were drawn and labelled.

    Attributes:
        messages: in which the rater found something or nothing; ``unknown``: in which it could not tell, which are in no rate.
        labelled: messages with a yes or a no; ``unsure``: with nothing but unsure; ``waiting``: drawn and not labelled.
        left_out: runs of a study that nobody drew from.
    """

    messages: int
    unknown: int
    drawn: int
    labelled: int
    unsure: int
    waiting: int
    left_out: int


@dataclass(frozen=True)
class LabelledSample:
    """The messages of a run or a study as arrays, a row for each.

    Attributes:
        sample: what the rater found, what labels say, and how they were drawn.
        writers, cells, anchors: shape (n,) each.
        over: what intervals cluster on.
        agreement: of each two labellers, over messages that both labelled.
    """

    sample: TwoPhaseSample
    writers: NDArray[Any]
    cells: NDArray[Any]
    anchors: NDArray[Any]
    over: tuple[str, ...]
    compared_with: Mapping[str, str]
    base_of: Mapping[str, str]
    counts: LabelCounts
    agreement: Sequence[tuple[str, str, Pair]]
    notes: Sequence[str] = field(default=())

    def of(self, writer: str) -> NDArray[np.float64]:
        """Return the weights of a writer's messages, shape (n,): runs count alike."""
        return self._alike((self.writers == writer).astype(np.float64))

    def both(self, writer: str, other: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the weights of two writers' messages about anchors on which both were judged in a run, which count alike."""
        places = np.char.add(np.char.add(self.cells.astype(str), "\x1f"), self.anchors.astype(str))
        ours, theirs = self.writers == writer, self.writers == other
        shared = np.isin(places, np.intersect1d(places[ours], places[theirs]))
        return self._alike((ours & shared).astype(float)), self._alike((theirs & shared).astype(float))

    def everything(self) -> NDArray[np.float64]:
        """Return the weights of all messages, alike."""
        return np.ones(len(self.writers))

    def _alike(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        _, cell = np.unique(self.cells, return_inverse=True)
        counts = np.bincount(cell, weights)
        return weights / np.where(counts > 0, counts, 1.0)[cell]


def labelled_sample(runs: Sequence[LabelledRun], probe: str, rater: str, unsure: Unsure) -> LabelledSample:
    """Return the runs' messages with what people said of them.

    Raises:
        InputError: nothing was drawn or labelled, or the rater was not asked.
        LogError: a run, or its log of labels, cannot be read.
    """
    draws = {run.cell: [each for each in LabelLog(run.folder).draws() if each.probe == probe] for run in runs}
    taken = [run for run in runs if draws[run.cell]]
    if not taken:
        where = str(runs[0].folder) if len(runs) == 1 else ""
        fix = "Draw messages first: moloch labels draw."
        raise InputError(f"no labels of {probe!r}", where=where, why="no message was drawn for it", fix=fix)
    there = populations(taken, probe, rater)
    by_rater = {rater: {each.run.cell: _found(each) for each in there}}
    for other in dict.fromkeys(event.rater for events in draws.values() for event in events):
        if other not in by_rater:
            by_rater[other] = {each.run.cell: _found(each) for each in populations(taken, probe, other)}
    given = {each.run.cell: LabelLog(each.run.folder).given() for each in there}
    columns = _SampleColumns(unsure)
    for each in there:
        drawn = {message.message for event in draws[each.run.cell] for message in event.messages}
        labels = _by_message(given[each.run.cell], drawn)
        pattern = tuple(event.draw for event in draws[each.run.cell])
        for m in each.messages:
            said = tuple(found[each.run.cell].get(m.message, -1) for found in by_rater.values())
            columns.add(each, m.writer, m.anchor, m.found, (m.writer, said, pattern), labels.get(m.message))
    return columns.whole(there, len(runs) - len(taken), _agreement(given))


def _found(of: Population) -> dict[str, int]:
    return {m.message: m.found for m in of.messages}


def _by_message(given: Mapping[tuple[str, str], LabelGiven], drawn: set[str]) -> dict[str, list[Label]]:
    """Return message -> its labels, none where it waits; only of messages that were drawn for this probe."""
    labels: dict[str, list[Label]] = {message: [] for message in drawn}
    for (message, _), event in given.items():
        if message in labels:
            labels[message].append(event.label)
    return labels


class _SampleColumns:
    """The columns of a sample, as they are read."""

    def __init__(self, unsure: Unsure) -> None:
        self._unsure: Unsure = unsure
        self._rows: list[tuple[str, str, int, str, int, float]] = []
        self._strata: dict[object, int] = {}
        self._unknown = self._drawn = self._waiting = self._doubtful = 0

    def add(
        self, of: Population, writer: str, anchor: str, found: int, stratum: object, labels: list[Label] | None
    ) -> None:
        if found < 0:
            self._unknown += 1
            return
        code = self._strata.setdefault(stratum, len(self._strata))
        self._rows.append((writer, of.run.cell, of.run.seed, anchor, found, self._truth(labels), code))  # type: ignore[arg-type]

    def _truth(self, labels: list[Label] | None) -> float:
        """Return the share of yes among what people said of a message; NaN where nobody said anything."""
        if labels is None:
            return float("nan")
        self._drawn += 1
        self._waiting += not labels
        worth = {"yes": 1.0, "no": 0.0} | (
            {} if self._unsure == "left out" else {"unsure": float(self._unsure == "yes")}
        )
        told = [worth[label] for label in labels if label in worth]
        self._doubtful += bool(labels) and not told
        return sum(told) / len(told) if told else float("nan")

    def whole(
        self, there: Sequence[Population], left_out: int, agreement: Sequence[tuple[str, str, Pair]]
    ) -> LabelledSample:
        writers, cells, seeds, anchors, found, truth, strata = (
            np.array(each) for each in zip(*self._rows, strict=True)
        )
        labelled = int((~np.isnan(truth)).sum())
        if not labelled:
            raise InputError(
                "no message is labelled yet",
                why=f"{self._drawn:,} were drawn",
                fix="Label them: moloch labels page FOLDER; then moloch labels import FOLDER.",
            )
        several = len(set(seeds.tolist())) > 1
        ways = [anchors, seeds] if several else [anchors]
        counts = LabelCounts(len(truth), self._unknown, self._drawn, labelled, self._doubtful, self._waiting, left_out)
        compared = {arm: other for each in there for arm, other in each.compared_with.items()}
        bases = {arm: base for each in there for arm, base in each.base_of.items()}
        notes = tuple(dict.fromkeys(each.note for each in there if each.note))
        over = ("anchors", "seeds") if several else ("anchors",)
        sample = TwoPhaseSample(found, truth, strata, ways)
        return LabelledSample(sample, writers, cells, anchors, over, compared, bases, counts, agreement, notes)


def _agreement(given: Mapping[str, Mapping[tuple[str, str], LabelGiven]]) -> list[tuple[str, str, Pair]]:
    """Return how each two labellers agree; unsure is no label."""
    said: dict[str, dict[tuple[str, str], int]] = {}
    for cell, labels in given.items():
        for (message, labeller), event in labels.items():
            code = {"yes": 1, "no": 0}.get(event.label, MISSING)
            said.setdefault(labeller, {})[cell, message] = code
    pairs = []
    for a, b in combinations(said, 2):
        if both := [place for place in said[a] if place in said[b]]:
            pairs.append((a, b, pair([said[a][place] for place in both], [said[b][place] for place in both])))
    return pairs
