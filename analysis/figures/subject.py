"""What figures are of: the runs of a study, or some runs, each read once; and the tidy rows that their tables have.

Reads logs. Knows nothing of drawing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from abm.events import Event
from abm.log import open_log
from analysis.figures.palette import Look, arm_looks
from analysis.formats import count
from analysis.readings.contests import Evaluation
from analysis.readings.evaluation import EvaluationReading
from analysis.readings.positions import PositionReading
from analysis.readings.reading import read
from analysis.readings.spreads import Spread, SpreadReading
from analysis.studies.findings.results import StudyResults, study_results
from analysis.studies.frames.study_frames import cell_runs
from analysis.studies.record.layout import is_study
from analysis.studies.record.places import one_run
from analysis.studies.values.cell_values import cell_values
from analysis.studies.values.estimates import estimates, frame_rows
from analysis.studies.values.scopes import CellValues
from analysis.tables.evaluation import note, table
from analysis.tables.positions import PositionRow, position_rows
from learning.arms.arm import arms_of, comparators
from moloch.errors import LogError


@dataclass(frozen=True)
class RunRead:
    """One run, as figures need it.

    Attributes:
        run: its folder; ``cell``: its name in a study, else its folder's name.
        levels: factor -> level, as text; of runs of no study, the arena.
        spreads: what became of messages in feeds; nothing in a world without any.
        ended: whether its log says that it is whole.
    """

    run: Path
    cell: str
    levels: Mapping[str, str]
    evaluation: Evaluation
    spreads: Sequence[Spread] = ()
    positions: Sequence[PositionRow] = ()
    ended: bool = True

    @classmethod
    def of(
        cls,
        events: Iterable[Event],
        run: Path,
        *,
        cell: str = "",
        levels: Mapping[str, str] | None = None,
        ended: bool = True,
    ) -> RunRead:
        """Return what a log's events say, read once."""
        contests, positions, spreads = EvaluationReading(), PositionReading(), SpreadReading()
        read(events, contests, positions, spreads)
        evaluation = contests.result()
        given = levels if levels is not None else {"arena": str(evaluation.config.get("arena", ""))}
        places = position_rows(positions.result())
        return cls(run, cell or run.name, given, evaluation, spreads.result(), places, ended)

    @property
    def seed(self) -> int:
        """The run's."""
        return self.evaluation.seed

    @property
    def networked(self) -> bool:
        """Whether its members influence each other: then nothing within it is independent, and it has no interval of its own."""
        return self.evaluation.config.get("world") == "networked"

    @property
    def ids(self) -> dict[str, Any]:
        """Columns that say, in a row of a figure's frame, where it is from."""
        return {"run": str(self.run), "cell": self.cell, "seed": self.seed}

    @cached_property
    def tables(self) -> dict[int, dict[str, Any]]:
        """Epoch -> :func:`analysis.tables.evaluation.table` after it."""
        return {epoch: table(self.evaluation, epoch=epoch) for epoch in self.evaluation.epochs}


@dataclass(frozen=True)
class Subject:
    """Runs that stand in one figure.

    Attributes:
        study: its folder; None where the runs were named one by one.
        damaged: cells of studies that are left out, since their logs cannot be read.
    """

    runs: tuple[RunRead, ...]
    study: Path | None = None
    damaged: int = 0

    @classmethod
    def read(cls, paths: Sequence[Path]) -> Subject:
        """Return the runs that paths name: of a study those that have ended and can be read.

        Raises:
            InputError, LogError: a path names no run or study, or one that cannot be read.
        """
        runs: list[RunRead] = []
        damaged = 0
        for path in paths:
            cells = cell_runs(path) if is_study(path) else []
            for each in cells:
                if (Path(each.folder) / "run.json").is_file():
                    levels = {name: str(level) for name, level in each.factors.items()}
                    try:
                        runs += [run for run in [_read(Path(each.folder), each.cell, levels)] if run.ended]
                    except LogError:  # the study's results name it, and what is wrong with it
                        damaged += 1
            if not cells:
                runs.append(_read(one_run(path)))
        return cls(tuple(runs), paths[0] if len(paths) == 1 and is_study(paths[0]) else None, damaged)

    # -- who takes part --------------------------------------------------------------------------------------------

    @cached_property
    def arms(self) -> dict[str, str]:
        """Arm that was evaluated -> its method, in the order of the settings."""
        evaluated = dict.fromkeys(arm for run in self.runs for arm in run.evaluation.arms())
        declared = {name: arm.method for run in self.runs for name, arm in arms_of(run.evaluation.config).items()}
        return {arm: declared.get(arm, "") for arm in [*declared, *evaluated] if arm in evaluated}

    @cached_property
    def order(self) -> list[str]:
        """Arms as figures list them: as the settings do, those with which others are compared behind them."""
        compared = {
            other for run in self.runs for other in comparators(run.evaluation.config, run.evaluation.arms()).values()
        }
        return sorted(self.arms, key=lambda arm: arm in compared)

    @cached_property
    def looks(self) -> dict[str, Look]:
        """Arm -> how it is marked; ``base``, too."""
        repeats = {name: arm.repeat_of for run in self.runs for name, arm in arms_of(run.evaluation.config).items()}
        return arm_looks(self.arms, repeats)

    @cached_property
    def results(self) -> StudyResults | None:
        """The study's results; None for runs of no study."""
        return study_results(self.study) if self.study is not None else None

    @cached_property
    def factors(self) -> tuple[str, ...]:
        """Names of what splits the rows, those alone in which the runs differ."""
        names = (
            self.results.by
            if self.results is not None
            else tuple(dict.fromkeys(n for r in self.runs for n in r.levels))
        )
        return tuple(name for name in names if len({run.levels.get(name) for run in self.runs}) > 1)

    def group(self, levels: Mapping[str, Any]) -> str:
        """Return the levels of a run or a row as a heading has them; empty where all are alike."""
        return ", ".join(words(str(levels[name])) for name in self.factors if levels.get(name) is not None)

    @cached_property
    def groups(self) -> dict[str, tuple[RunRead, ...]]:
        """Heading -> the runs of those levels, in order."""
        found: dict[str, list[RunRead]] = {}
        for run in self.runs:
            found.setdefault(self.group(run.levels), []).append(run)
        return {heading: tuple(runs) for heading, runs in found.items()}

    # -- what is known of them -------------------------------------------------------------------------------------

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of the tidy frame (:func:`analysis.studies.values.estimates.frame_rows`): the study's, or those of these runs."""
        if self.results is not None:
            return [row for row in self.results.frame_rows() if not row.get("sampled")]
        cells = [_values(run) for run in self.runs if run.tables]
        return list(frame_rows(estimates(cells, self.factors)))

    @property
    def notes(self) -> list[str]:
        """What runs are no evidence of, each sentence once."""
        return list(dict.fromkeys(line for run in self.runs if (line := note(run.evaluation))))

    @property
    def withheld(self) -> str:
        """Why votes are evidence of nothing, if a run says so."""
        return next((run.evaluation.models.withheld for run in self.runs if run.evaluation.models.withheld), "")

    @property
    def extent(self) -> str:
        """How many runs, seeds, held-out anchors and people stand behind a figure, as the start of its caption."""
        if not self.runs:
            return ""
        seeds = len({run.seed for run in self.runs})
        anchors = {len({c.anchor for c in run.evaluation.contests}) for run in self.runs}
        people = {len(run.evaluation.panel) for run in self.runs}
        held_out = f"{_span(anchors)} held-out anchors and {_span(people)} people"
        less = f" {count(self.damaged, 'damaged cell')} left out." if self.damaged else ""
        if len(self.runs) == 1:
            return f"One run (seed {next(iter(self.runs)).seed}), {held_out}.{less}"
        return f"{count(len(self.runs), 'run')} ({count(seeds, 'seed')}), {held_out} in each.{less}"


def words(name: str) -> str:
    """Return a name as a label has it: full words."""
    return name.replace("_", " ")


def _span(numbers: set[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _read(run: Path, cell: str = "", levels: Mapping[str, str] | None = None) -> RunRead:
    log = open_log(run, write=False)
    return RunRead.of(log.read(), run, cell=cell, levels=levels, ended=log.ended() is not None)


def _values(run: RunRead) -> CellValues:
    """Return a run's values as those of a cell of a study."""
    last = run.tables[max(run.tables)]
    return cell_values(run.evaluation, run.cell, dict(run.levels), run.seed, last, dict, str(run.run))
