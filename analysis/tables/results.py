"""Everything that ``moloch run`` prints of a run, from one pass over its log, which is never held in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

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
from analysis.readings.reading import read
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
from analysis.tables.transfer import transfer_dicts, transfer_rows
from learning.runs.written import WrittenReading


def results(events: Iterable[Event]) -> dict[str, Any]:
    """Return :func:`analysis.tables.evaluation.table` and, as JSON can hold them, the other tables of a log's events.

    These are ``alarms``, ``controlled``, ``head_to_head``, ``out_of_domain``, ``panels``, ``positions``, ``trainings``, ``instructions``, ``writing``, ``reach``,
    ``service``, ``competition``, ``repeats``, ``rivalry``, ``transfer``, ``extrapolation``, and under ``dropped`` the anchors of the source that were left out:
    reason -> number.
    """
    contests, positions, spreads = EvaluationReading(), PositionReading(), SpreadReading()
    service, extrapolation, left_out = ServiceReading(), ExtrapolationReading(), LeftOutReading()
    writing, trainings, alarms = WrittenReading(phase="evaluate"), TrainingReading(), AlarmReading()
    meetings, others, answers, instructions = (
        HeadToHeadReading(),
        TransferReading(),
        TaskReading(),
        InstructionReading(),
    )
    about_models = service, extrapolation, left_out, writing, trainings, instructions, alarms
    read(events, contests, positions, spreads, *about_models, meetings, others, answers)
    evaluation = contests.result()
    return table(evaluation) | {
        "alarms": [msgspec.to_builtins(alarm) for alarm in alarms.result()],
        "head_to_head": head_to_head(meetings.result(), int(evaluation.config.get("seed") or 0)),
        "out_of_domain": out_of_domain(evaluation, answers),
        "controlled": controlled(evaluation),
        "panels": [plain(row) for row in panel_table(evaluation)],
        "positions": [plain(row) for row in position_rows(positions.result())],
        "trainings": msgspec.to_builtins(trainings.result()),
        "instructions": msgspec.to_builtins(instructions.result()),
        "dropped": left_out.result(),
        "writing": writing_rows(writing.result()),
        "reach": reach_dicts(spreads.result()),
        "service": msgspec.to_builtins(service.result()),
        "competition": competition_dicts(competition(evaluation)),
        "repeats": repeat_dicts(repeat_rows(evaluation)),
        "rivalry": rivalry_dicts(rivalry_rows(evaluation, trainings.result())),
        "transfer": transfer_dicts(transfer_rows(evaluation, others.result())),
        "extrapolation": msgspec.to_builtins(extrapolation.result()),
    }


def out_of_domain(evaluation: Evaluation, answers: TaskReading) -> dict[str, Any]:
    """Return what arms came to in ``arenas`` other than their own, and at ``tasks``; each is empty where there is none."""
    told = tasks(answers.result(), evaluation.config, answers.model)
    return {"arenas": elsewhere(evaluation), "tasks": told}
