"""Questions to a run's personas after the run: questionnaires and interviews, each in a log beside the run's own."""

from learning.surveys.after import ANSWERS, AfterRun, AskedAfter, Moment, Whom, notes_on, plan_after
from learning.surveys.player import WhoAnswers, who_answers
from learning.surveys.surveyed import SurveyedRun, attributes_of

__all__ = [
    "ANSWERS",
    "AfterRun",
    "AskedAfter",
    "Moment",
    "SurveyedRun",
    "WhoAnswers",
    "Whom",
    "attributes_of",
    "notes_on",
    "plan_after",
    "who_answers",
]


def __dir__() -> list[str]:
    return sorted(__all__)
