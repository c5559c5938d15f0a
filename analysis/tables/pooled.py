"""Several runs of equal settings as one: intervals for new seeds, anchors and people at once, clustered on who is who over the runs.

A run is reduced to sums per anchor and person (:func:`run_values`), so that thousands of runs can be put together. Each run counts
alike: the values are those of :mod:`analysis.tables.seeds`, the means over runs; only the intervals differ. Knows evaluations and seeds;
knows nothing of how anything is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from abm.probe import kind_of
from analysis.readings.contests import Evaluation
from analysis.readings.evaluation import read_evaluation
from analysis.statistics.estimates import NOTHING, Estimate, plain
from analysis.statistics.families import benjamini_hochberg
from analysis.statistics.multiway import multiway_mean
from analysis.tables._votes import AnchorVotes, votes_before, votes_less, votes_of
from analysis.tables.evaluation import Events, comparator
from analysis.tables.rivalry import Counterparts, counterparts
from learning.runs.pools import NEW_PEOPLE


class Measured(NamedTuple):
    """What is measured.

    Attributes:
        kind: ``votes``, ``strategy`` or ``copying``.
        name: ``win_rate``, or a probe's.
        measure: ``rate``, ``base``, ``after``, ``from_base``, ``from_comparator``, or ``rivalry`` (:mod:`analysis.tables.rivalry`).
    """

    arm: str
    kind: str
    name: str
    measure: str


class RunValues(NamedTuple):
    """A run's values of one measure; row i are those about an anchor, by a person.

    Attributes:
        anchors, people: content ids, shape (n,); ``people`` is None where nobody votes.
        sums: of the row's values, shape (n,), and ``counts``: how many they are.
    """

    anchors: NDArray[np.object_]
    people: NDArray[np.object_] | None
    sums: NDArray[np.float64]
    counts: NDArray[np.float64]


def run_values(found: Evaluation, run: str, epoch: int | None = None) -> dict[Measured, RunValues]:
    """Return everything that was measured in a run.

    Args:
        run: its name, distinct among those that are put together: see :meth:`analysis.readings.originals.Originals.ids`.
        epoch: by default the last one evaluated.
    """
    ids = np.array(found.originals.ids(run), dtype=object)
    values: dict[Measured, RunValues] = {}
    for arm in found.arms():
        other = comparator(found, arm)
        for measure, votes in (
            ("rate", votes_of(found, arm, epoch, "lost")),
            ("from_comparator", votes_less(found, arm, other, epoch, "lost")),
        ):
            if votes:
                values[Measured(arm, "votes", "win_rate", measure)] = values_of_votes(found, votes, ids)
        values |= _labels(found, arm, other, epoch)
    for between in counterparts(found.config):
        values |= _rivalry(found, between, epoch, ids)
    return values


def values_of_votes(found: Evaluation, parts: Sequence[AnchorVotes], ids: NDArray[np.object_]) -> RunValues:
    """Return votes by anchor and by the person whom the voter is, or was drawn from."""
    names: dict[str, int] = {}
    anchor = np.repeat([names.setdefault(part.anchor, len(names)) for part in parts], [len(p.personas) for p in parts])
    people = found.originals.of(np.concatenate([part.personas for part in parts]))
    cells, at = np.unique(anchor * len(ids) + people, return_inverse=True)
    sums = np.bincount(at, np.concatenate([part.values for part in parts]))
    return RunValues(
        np.array(list(names), dtype=object)[cells // len(ids)],
        ids[cells % len(ids)],
        sums.astype(np.float64),
        np.bincount(at).astype(np.float64),
    )


def _labels(found: Evaluation, arm: str, other: str, epoch: int | None) -> dict[Measured, RunValues]:
    """Return what probes said: 1 where they found something, and differences of pairs about one anchor."""
    contests, theirs = found.of(arm, epoch), found.of(other, epoch) if other else []
    values: dict[Measured, RunValues] = {}
    for probe in dict.fromkeys(probe for c in contests for side in (c.base, c.trained) for probe in side.labels):
        base = {c.anchor: c.base.labels[probe] for c in contests if c.base.labels.get(probe, -1) >= 0}
        after = {c.anchor: c.trained.labels[probe] for c in contests if c.trained.labels.get(probe, -1) >= 0}
        beside = {c.anchor: c.trained.labels[probe] for c in theirs if c.trained.labels.get(probe, -1) >= 0}
        for measure, labels in (
            ("base", base),
            ("after", after),
            ("from_base", {a: after[a] - base[a] for a in after if a in base}),
            ("from_comparator", {a: after[a] - beside[a] for a in after if a in beside}),
        ):
            if labels:
                ids, sums = np.array(list(labels), dtype=object), np.array(list(labels.values()), dtype=np.float64)
                values[Measured(arm, kind_of(probe), probe, measure)] = RunValues(ids, None, sums, np.ones(len(sums)))
    return values


def _rivalry(
    found: Evaluation, between: Counterparts, epoch: int | None, ids: NDArray[np.object_]
) -> dict[Measured, RunValues]:
    """Return the effect of rivalry, over votes of the same people about the same anchors in all four arms, and over anchors judged in all."""
    if not (between.market_twin and between.solo and between.solo_twin):
        return {}
    among, alone = (between.learner, between.market_twin), (between.solo, between.solo_twin)
    votes = votes_before(*(votes_less(found, *arms, epoch, "lost") for arms in (among, alone)))
    values = (
        {Measured(between.learner, "votes", "win_rate", "rivalry"): values_of_votes(found, votes, ids)} if votes else {}
    )
    labels = [
        {c.anchor: c.trained.labels for c in found.of(arm, epoch)} for arm in (*among, *alone)
    ]  # arm by arm: anchor -> probe -> label
    anchors = [anchor for anchor in labels[0] if all(anchor in each for each in labels[1:])]
    for probe in dict.fromkeys(probe for each in labels[0].values() for probe in each):
        four = {a: [each[a].get(probe, -1) for each in labels] for a in anchors}
        judged = {a: row for a, row in four.items() if min(row) >= 0}
        if judged:
            sums = np.array([row[0] - row[1] - (row[2] - row[3]) for row in judged.values()], dtype=np.float64)
            of = Measured(between.learner, kind_of(probe), probe, "rivalry")
            values[of] = RunValues(np.array(list(judged), dtype=object), None, sums, np.ones(len(sums)))
    return values


def own_estimate(values: RunValues) -> Estimate:
    """Return the mean of a run's values with an interval over anchors and (of votes) people: its trainings are held fixed."""
    ways: list[NDArray[Any]] = [values.anchors, *([values.people] if values.people is not None else [])]
    estimate = multiway_mean(values.sums, ways, counts=values.counts)
    return msgspec.structs.replace(estimate, p=float("nan"))


def pooled(runs: Sequence[tuple[int, RunValues]], *, null: float = 0.0, level: float = 0.95) -> Estimate:
    """Return the mean over runs of one measure, clustered on seeds, anchors and (of votes) people.

    Args:
        runs: seed and values of each. Runs of one seed (other factors) hang together.
        null: the mean against which ``p`` tests.

    Returns:
        The estimate; ``n`` counts values, and ``clusters`` seeds, anchors and people.
    """
    if not runs:
        return NOTHING
    parts = [values for _, values in runs]
    lengths = [len(part.sums) for part in parts]
    weight = np.repeat([1 / part.counts.sum() for part in parts], lengths)
    ways: list[NDArray[Any]] = [np.repeat([seed for seed, _ in runs], lengths), numbered([p.anchors for p in parts])]
    if people := [part.people for part in parts if part.people is not None]:
        ways.append(numbered(people))
    sums, counts = (np.concatenate(each) for each in ([p.sums for p in parts], [p.counts for p in parts]))
    estimate = multiway_mean(sums * weight, ways, counts=counts * weight, null=null, level=level)
    return msgspec.structs.replace(estimate, n=int(counts.sum()))


def numbered(columns: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    """Return the columns as one, with equal numbers for equal ids."""
    numbers: dict[Any, int] = {}
    return np.array([numbers.setdefault(label, len(numbers)) for column in columns for label in column.tolist()])


class PooledRow(msgspec.Struct, frozen=True):
    """One measure over all runs.

    Attributes:
        runs: that have it.
        p_adjusted: corrected over all rows that have a p, win rates included, by Benjamini and Hochberg: nothing was declared.
        new_people: whether its interval can speak of people who were not asked: at least :data:`learning.runs.pools.NEW_PEOPLE`
            different ones voted. True where nobody votes.
    """

    arm: str
    kind: str
    name: str
    measure: str
    compared_with: str
    estimate: Estimate
    p_adjusted: float
    runs: int
    new_people: bool


def pooled_rows(
    runs: Sequence[tuple[int, Mapping[Measured, RunValues]]], comparators: Mapping[str, str]
) -> list[PooledRow]:
    """Return a row per measure, in the order in which runs have them.

    Args:
        runs: seed and values of each.
        comparators: arm -> the arm that it is compared with.
    """
    rows: list[PooledRow] = []
    for of in dict.fromkeys(measured for _, values in runs for measured in values):
        parts = [(seed, values[of]) for seed, values in runs if of in values]
        share = of.measure in ("rate", "base", "after")
        null = 0.5 if of.kind == "votes" and share else 0.0 if not share else float("nan")
        low, high = (-2.0, 2.0) if of.measure == "rivalry" else (0.0 if share else -1.0, 1.0)
        estimate = pooled(parts, null=null).within(low, high)
        people = estimate.clusters[2] if len(estimate.clusters) > 2 else NEW_PEOPLE
        other = comparators.get(of.arm, "")
        rows.append(PooledRow(*of, other, estimate, float("nan"), len(parts), people >= NEW_PEOPLE))
    adjusted = benjamini_hochberg([row.estimate.p for row in rows])
    return [msgspec.structs.replace(row, p_adjusted=p) for row, p in zip(rows, adjusted, strict=True)]


def across_runs(logs: Iterable[tuple[str, Events]]) -> list[PooledRow]:
    """Return :func:`pooled_rows` of runs that differ in their seed; each log is read once, and none is held.

    Args:
        logs: a name for each run, all different, and its events.
    """
    runs: list[tuple[int, Mapping[Measured, RunValues]]] = []
    compared: dict[str, str] = {}
    for name, events in logs:
        found = read_evaluation(events)
        runs.append((int(found.config.get("seed", 0)), run_values(found, name)))
        compared |= {arm: comparator(found, arm) for arm in found.arms()}
    return pooled_rows(runs, compared)


def pooled_dicts(rows: Sequence[PooledRow]) -> list[dict[str, Any]]:
    """Return the rows as JSON can hold them."""
    return [plain(row) for row in rows]
