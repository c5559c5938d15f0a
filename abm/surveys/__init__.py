"""Questionnaires that are put to personas: what is asked, how, and what is answered.

``load_questionnaire`` reads one from YAML; a :class:`Sitting` puts it to some personas through a journal; :class:`Memories` says
what they remember.
"""

from abm.surveys.memory import Memories, SocietyPlace, remembered
from abm.surveys.prompts import persona_turn, question_turn
from abm.surveys.questionnaire import ChoiceItem, LikertItem, OpenItem, Questionnaire, load_questionnaire
from abm.surveys.responses import Response, read_response
from abm.surveys.sittings import Manner, Respondent, Sitting, drawn, sitting

__all__ = [
    "ChoiceItem",
    "LikertItem",
    "Manner",
    "Memories",
    "OpenItem",
    "Questionnaire",
    "Respondent",
    "Response",
    "Sitting",
    "SocietyPlace",
    "drawn",
    "load_questionnaire",
    "persona_turn",
    "question_turn",
    "read_response",
    "remembered",
    "sitting",
]


def __dir__() -> list[str]:
    return sorted(__all__)
