"""Judges: language models that read a run's messages and answer the questions of a battery; and rules, which need no model.

``prepare`` returns a planned inquiry; ``Inquiry.costs`` says what it may cost, ``Inquiry.carry_out`` asks. ``read_verdicts``
returns what was found before as rows, ``frame`` as a Polars frame; ``rates`` compares arms by such rows, ``read_agreement``
says how the judges agree. ``prepare_rules`` has probes judge the messages of any log.
"""

from analysis.judges._battery import Battery, Question, load_battery
from analysis.judges._fitness import check_judge
from analysis.judges._inquiry import Inquiry, Probed, prepare
from analysis.judges._logged import read_agreement
from analysis.judges._messages import Messages, Selection
from analysis.judges._plan import ANSWER_TOKENS, Costs, Judge, judges
from analysis.judges._rates import RateRow, rates
from analysis.judges._rules import RuleInquiry, RuleVerdicts, own_rules, prepare_rules
from analysis.judges._verdicts import VerdictRow, frame, judges_of, read_verdicts

__all__ = [
    "ANSWER_TOKENS",
    "Battery",
    "Costs",
    "Inquiry",
    "Judge",
    "Messages",
    "Probed",
    "Question",
    "RateRow",
    "RuleInquiry",
    "RuleVerdicts",
    "Selection",
    "VerdictRow",
    "check_judge",
    "frame",
    "judges",
    "judges_of",
    "load_battery",
    "own_rules",
    "prepare",
    "prepare_rules",
    "rates",
    "read_agreement",
    "read_verdicts",
]


def __dir__() -> list[str]:
    return sorted(__all__)
