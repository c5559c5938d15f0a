"""Questions to a run's personas after the run: questionnaires and interviews, each in a log beside the run's own."""

from learning.surveys.after import ANSWERS, AfterRun, AskedAfter, Moment, Whom, notes_on, plan_after
from learning.surveys.interviews import ANSWER_TOKENS as INTERVIEW_TOKENS
from learning.surveys.interviews import INTERVIEWS, Conversation, Interview, Turn, begin_interview, conversations
from learning.surveys.player import WhoAnswers, who_answers
from learning.surveys.surveyed import SurveyedRun, attributes_of

__all__ = [
    "ANSWERS",
    "INTERVIEWS",
    "INTERVIEW_TOKENS",
    "AfterRun",
    "AskedAfter",
    "Conversation",
    "Interview",
    "Moment",
    "SurveyedRun",
    "Turn",
    "WhoAnswers",
    "Whom",
    "attributes_of",
    "begin_interview",
    "conversations",
    "notes_on",
    "plan_after",
    "who_answers",
]


def __dir__() -> list[str]:
    return sorted(__all__)
