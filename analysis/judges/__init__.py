"""Judges: language models that read a run's messages and answer the questions of a battery.

``prepare`` plans, ``Prepared.costs`` says what it may cost, ``Prepared.carry_out`` asks; ``read_verdicts`` gives what was
found before as rows, ``frame`` as a Polars frame.
"""

from analysis.judges.battery import Battery, Question, load_battery
from analysis.judges.judgement import Prepared, Probed, prepare
from analysis.judges.messages import Selection
from analysis.judges.plan import Costs, Judge, judges
from analysis.judges.verdicts import VerdictRow, frame, read_verdicts

__all__ = [
    "Battery",
    "Costs",
    "Judge",
    "Prepared",
    "Probed",
    "Question",
    "Selection",
    "VerdictRow",
    "frame",
    "judges",
    "load_battery",
    "prepare",
    "read_verdicts",
]
