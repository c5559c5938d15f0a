"""One strength for each arm over a whole study: Bradley-Terry with ties and an effect of being shown first, pooled over seeds.

Votes are those of all held-out contests of two writers, against base and head to head. An arm is its method: the adapters of its seeds are draws
of it, so that intervals cluster on seeds, anchors and people, and speak of new trainings. Cells count alike. Reads logs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from abm.log import open_log
from analysis.readings.pair_votes import PairVotesReading
from analysis.readings.reading import read
from analysis.statistics.bradley_terry import SingleComparisons, Strengths, clustered_strengths, probability
from analysis.statistics.estimates import Estimate, plain
from analysis.studies.pages.cells import Factors
from analysis.studies.record.layout import Layout
from analysis.studies.record.places import run_of
from analysis.studies.record.study_log import StudyLog
from analysis.tables.conventions import Forfeits
from learning.arms.base_models import is_base
from moloch.errors import InputError, LogError

Ints = NDArray[np.int64]
_BOTH: tuple[Forfeits, Forfeits] = ("lost", "left out")


class CellVotes(NamedTuple):
    """A cell's votes between two writers; row i is one vote. Names and ids are numbers, the same over all cells.

    Attributes:
        published: whether both had written; else who had is voted for by all who evaluate, in no order.
    """

    factors: Factors
    seed: int
    first: Ints
    second: Ints
    outcomes: Ints
    published: NDArray[np.bool_]
    anchors: Ints
    people: Ints


class StudyStrength(msgspec.Struct, frozen=True):
    """One writer over the cells of a row.

    Attributes:
        strength: log-odds of being chosen over base, of two messages neither of which is shown first; 0 for base.
        without_forfeits: the same where contests that somebody could not write for are left out.
        chosen: ``strength`` as a share: how often it would be chosen over base, if somebody is; with the interval's ends.
        cells, seeds: behind it.
    """

    levels: Factors
    arm: str
    strength: Estimate
    without_forfeits: Estimate
    chosen: Estimate
    cells: int
    seeds: int


class StrengthTable(msgspec.Struct, frozen=True):
    """The strengths of one combination of levels.

    Attributes:
        shown_first: log-odds that being shown first adds; ``ties``: log of the weight of choosing neither. Forfeits left out.
        votes: of members who saw both messages.
    """

    levels: Factors
    strengths: tuple[StudyStrength, ...]
    shown_first: Estimate
    ties: Estimate
    votes: int


def study_strengths(folder: Path, by: Sequence[str] = ()) -> list[StrengthTable]:
    """Return the strengths of the cells that have ended.

    Args:
        by: factors that split the tables; others are pooled over.

    Raises:
        InputError: there is no such study or factor, or no cell with votes between two writers.
        LogError: the study's own log cannot be read; cells whose log cannot are left out.
    """
    state, layout = StudyLog(folder).state(), Layout(folder)
    numbers = Numbers()
    cells: list[CellVotes] = []
    for name, history in state.cells.items():
        if unknown := [each for each in by if each not in history.planned.factors]:
            raise InputError(
                f"no factor {unknown[0]!r}", fix=f"Factors are {', '.join(history.planned.factors) or 'none'}."
            )
        run = run_of(layout, history)
        try:
            if run is not None and (log := open_log(run, write=False)).ended() is not None:
                reading = PairVotesReading()
                read(log.read(), reading)
                cells += [cell_votes(reading, name, history.planned.factors, history.planned.seed, numbers)]
        except LogError:
            continue
    cells = [cell for cell in cells if len(cell.outcomes)]
    if not cells:
        raise InputError("no cell that has ended has votes between two writers", where=str(folder))
    return list(strength_tables(cells, by, numbers))


class Numbers:
    """Numbers for names, the same over all cells."""

    def __init__(self) -> None:
        self.writers: dict[str, int] = {}
        self.anchors: dict[str, int] = {}
        self.people: dict[str, int] = {}

    @staticmethod
    def of(names: Iterable[str], numbers: dict[str, int]) -> Ints:
        """Return the numbers of names; new names get the next ones."""
        return np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)


def cell_votes(reading: PairVotesReading, cell: str, factors: Factors, seed: int, numbers: Numbers) -> CellVotes:
    """Return a run's votes of the last epoch that was evaluated.

    Args:
        cell: its name, distinct in the study.
    """
    epochs = reading.result()
    found = epochs[max(epochs)] if epochs else None
    votes, forfeits = (found.votes, found.forfeits) if found else ([], [])
    parts = [(v.anchor, v.first, v.second, v.people, v.outcomes, True) for v in votes]
    panel = np.array(reading.panel, dtype=np.int64)
    parts += [
        (anchor, ours, theirs, panel, np.zeros(len(panel), dtype=np.int64), False) for anchor, ours, theirs in forfeits
    ]
    lengths = [len(part[4]) for part in parts]
    ids = Numbers.of(reading.originals.ids(cell), numbers.people)
    people = np.concatenate([part[3] for part in parts]) if parts else panel[:0]
    return CellVotes(
        factors,
        seed,
        np.repeat(Numbers.of([part[1] for part in parts], numbers.writers), lengths),
        np.repeat(Numbers.of([part[2] for part in parts], numbers.writers), lengths),
        np.concatenate([part[4] for part in parts]) if parts else panel[:0],
        np.repeat(np.array([part[5] for part in parts], dtype=np.bool_), lengths),
        np.repeat(Numbers.of([part[0] for part in parts], numbers.anchors), lengths),
        ids[reading.originals.of(people)] if len(people) else panel[:0],
    )


def strength_tables(cells: Sequence[CellVotes], by: Sequence[str], numbers: Numbers) -> Iterator[StrengthTable]:
    """Yield a table per combination of levels, in the order of the cells."""
    groups: dict[tuple[Any, ...], list[CellVotes]] = {}
    for cell in cells:
        groups.setdefault(tuple(cell.factors[name] for name in by), []).append(cell)
    for levels, group in groups.items():
        yield _table(dict(zip(by, levels, strict=True)), group, list(numbers.writers))


def _table(levels: Factors, cells: Sequence[CellVotes], names: Sequence[str]) -> StrengthTable:
    counted, left_out = (_strengths(cells, names, forfeits) for forfeits in _BOTH)
    seeds = len({cell.seed for cell in cells})
    rows = tuple(
        StudyStrength(levels, name, each, left_out.strength.get(name, each), _share(each), len(cells), seeds)
        for name, each in counted.strength.items()
    )
    return StrengthTable(levels, rows, left_out.first, left_out.ties, left_out.n)


def _share(strength: Estimate) -> Estimate:
    value, low, high = (probability(each) for each in (strength.value, strength.low, strength.high))
    return Estimate(value, low, high, strength.n, strength.clusters)


def _strengths(cells: Sequence[CellVotes], names: Sequence[str], forfeits: Forfeits) -> Strengths:
    inside = [cell.published | (forfeits == "lost") for cell in cells]

    def column(name: str) -> Any:
        return np.concatenate([getattr(cell, name)[rows] for cell, rows in zip(cells, inside, strict=True)])

    first, second = column("first"), column("second")
    there: list[int] = np.unique(np.concatenate([first, second])).tolist()
    players = sorted(there, key=lambda number: (not is_base(names[number]), number))
    place = np.zeros(len(names), dtype=np.int64)
    place[players] = np.arange(len(players))
    sizes = [int(rows.sum()) for rows in inside]
    weights = np.repeat([1 / max(1, size) for size in sizes], sizes)
    votes = SingleComparisons(
        tuple(names[number] for number in players),
        place[first],
        place[second],
        column("published"),
        column("outcomes"),
        weights,
    )
    seeds = np.repeat([cell.seed for cell in cells], sizes)
    ways = [seeds] if len(set(seeds.tolist())) > 1 else []
    return clustered_strengths(votes, [*ways, column("anchors"), column("people")])


def strength_dicts(tables: Sequence[StrengthTable]) -> list[dict[str, Any]]:
    """Return tables as JSON can hold them."""
    return [
        {
            "levels": table.levels,
            "strengths": [plain(row) | {"levels": row.levels} for row in table.strengths],
            "shown_first": plain(table.shown_first),
            "ties": plain(table.ties),
            "votes": table.votes,
        }
        for table in tables
    ]
