"""Everything that ``moloch run`` prints of a run, from one pass over its log, which is never held in memory; or from a log that grows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import msgspec

from abm.events import Event
from analysis.readings.alarms import AlarmReading
from analysis.readings.contests import Evaluation
from analysis.readings.evaluation import EvaluationReading
from analysis.readings.extrapolation import ExtrapolationReading
from analysis.readings.head_to_head import HeadToHeadReading
from analysis.readings.instructions import InstructionReading
from analysis.readings.left_out import LeftOutReading
from analysis.readings.positions import PositionReading
from analysis.readings.reading import amounting, dispatch, read
from analysis.readings.service import ServiceReading
from analysis.readings.spreads import SpreadReading
from analysis.readings.tasks import TaskReading
from analysis.readings.trainings import TrainingReading
from analysis.readings.transfer import TransferReading
from analysis.statistics.estimates import plain
from analysis.tables._elsewhere import elsewhere
from analysis.tables._head_to_head import head_to_head
from analysis.tables._tasks import tasks
from analysis.tables._writers import writing_rows
from analysis.tables.competition import competition, competition_dicts
from analysis.tables.controlled import controlled
from analysis.tables.evaluation import table
from analysis.tables.panels import panel_table
from analysis.tables.positions import position_rows
from analysis.tables.reach import reach_dicts
from analysis.tables.repeats import repeat_dicts, repeat_rows
from analysis.tables.rivalry import rivalry_dicts, rivalry_rows
from analysis.tables.society import in_one_society, without_intervals
from analysis.tables.transfer import transfer_dicts, transfer_rows
from learning.runs.written import WrittenReading


class TableReading:
    """Reads all that the tables of a run are made of, in one pass."""

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset().union(
        *(
            kind.TAKES
            for kind in (
                EvaluationReading, PositionReading, SpreadReading, ServiceReading, ExtrapolationReading, LeftOutReading,
                WrittenReading, TrainingReading, InstructionReading, AlarmReading, HeadToHeadReading, TransferReading, TaskReading,
            )
        )
    )  # fmt: skip

    def __init__(self) -> None:
        self._contests, self._positions, self._spreads = EvaluationReading(), PositionReading(), SpreadReading()
        self._service, self._extrapolation, self._left_out = ServiceReading(), ExtrapolationReading(), LeftOutReading()
        self._writing, self._trainings, self._alarms = (
            WrittenReading(phase="evaluate"),
            TrainingReading(),
            AlarmReading(),
        )
        self._meetings, self._others, self._answers = HeadToHeadReading(), TransferReading(), TaskReading()
        self._instructions = InstructionReading()
        about_models = self._service, self._extrapolation, self._left_out, self._writing, self._trainings
        others = self._instructions, self._alarms, self._meetings, self._others, self._answers
        self._take = dispatch(self._contests, self._positions, self._spreads, *about_models, *others)

    def take(self, event: Event) -> None:
        """Take the next event."""
        self._take(event)

    def evaluation(self) -> Evaluation:
        """Return the evaluation contests so far."""
        return self._contests.result()

    def alarms(self) -> int:
        """Return the number of alarms so far."""
        return len(self._alarms.result())

    def result(self) -> dict[str, Any]:
        """Return the tables, as :func:`results` does."""
        evaluation = self._contests.result()
        votes = self._of_votes(evaluation)
        return table(evaluation) | (without_intervals(votes) if in_one_society(evaluation) else votes) | {
            "alarms": [msgspec.to_builtins(alarm) for alarm in self._alarms.result()],
            "out_of_domain": out_of_domain(evaluation, self._answers),
            "panels": [plain(row) for row in panel_table(evaluation)],
            "trainings": msgspec.to_builtins(self._trainings.result()),
            "instructions": msgspec.to_builtins(self._instructions.result()),
            "dropped": self._left_out.result(),
            "writing": writing_rows(self._writing.result()),
            "service": msgspec.to_builtins(self._service.result()),
            "competition": competition_dicts(competition(evaluation)),
            "repeats": repeat_dicts(repeat_rows(evaluation)),
            "extrapolation": msgspec.to_builtins(self._extrapolation.result()),
        }  # fmt: skip

    def _of_votes(self, evaluation: Evaluation) -> dict[str, Any]:
        """Return the tables whose units are single contests, votes and views."""
        return {
            "head_to_head": head_to_head(self._meetings.result(), evaluation.seed),
            "controlled": controlled(evaluation),
            "positions": [plain(row) for row in position_rows(self._positions.result())],
            "reach": reach_dicts(self._spreads.result()),
            "rivalry": rivalry_dicts(rivalry_rows(evaluation, self._trainings.result())),
            "transfer": transfer_dicts(transfer_rows(evaluation, self._others.result())),
        }


def results(events: Iterable[Event]) -> dict[str, Any]:
    """Return :func:`analysis.tables.evaluation.table` and, as JSON can hold them, the other tables of a log's events.

    These are ``alarms``, ``controlled``, ``head_to_head``, ``out_of_domain``, ``panels``, ``positions``, ``trainings``, ``instructions``, ``writing``, ``reach``,
    ``service``, ``competition``, ``repeats``, ``rivalry``, ``transfer``, ``extrapolation``, and under ``dropped`` the anchors of the source that were left out:
    reason -> number.
    """
    reading = TableReading()
    read(events, reading)
    return amounting(reading)


def out_of_domain(evaluation: Evaluation, answers: TaskReading) -> dict[str, Any]:
    """Return what arms came to in ``arenas`` other than their own, and at ``tasks``; each is empty where there is none."""
    arenas = elsewhere(evaluation)
    return {
        "arenas": without_intervals(arenas) if in_one_society(evaluation) else arenas,
        "tasks": tasks(answers.result(), evaluation.config, answers.model),
    }
