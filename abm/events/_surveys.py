"""Questionnaires and interviews."""

from __future__ import annotations

from typing import Any

from abm.columns import Int32s
from abm.events._event import Event


class SurveysSet(Event, frozen=True, kw_only=True, tag="surveys_set"):
    """Questionnaires will be put to the personas from here on."""

    digests: list[str]
    """Content ids of the questionnaires, in the order of the settings."""
    model: str
    """Who answers for the personas."""
    model_digest: str


class SurveyOpened(Event, frozen=True, kw_only=True, tag="survey_opened"):
    """A questionnaire is put to personas; in a run's log, or in a log of its own that names the run's head."""

    survey: str
    """Its id, unique within the log."""
    questionnaire: dict[str, Any]
    """:class:`abm.surveys.Questionnaire` as a mapping, whole."""
    digest: str
    """Content id of the questionnaire."""
    moment: str
    """``start``, ``epoch 1``, ..., ``end``; after a run: ``before`` (nothing of it is remembered) or ``after``."""
    phase: str = ""
    """With ``epoch`` and ``arm`` the society whose contests are remembered; empty where none is."""
    epoch: int = 0
    arm: str = ""
    personas: Int32s
    """Persona indices of those who are asked, shape (people,)."""
    model: str
    model_digest: str
    played: bool = False
    """Whether the model answers for personas whom a choice model moves in the run."""
    remember: bool = False
    """Whether those who are asked remember it."""
    run_id: str = ""
    """After a run: content id of its settings; with ``events`` and ``head`` it names what was remembered of."""
    events: int = -1
    head: str = ""


class QuestionAnswered(Event, frozen=True, kw_only=True, tag="question_answered"):
    """A persona was asked one question of a questionnaire; ``cause`` is the model's answer."""

    survey: str
    persona: int
    question: str
    """Its id in the questionnaire."""
    place: int
    """When this persona was asked it: 0 for the first."""
    shown: list[int]
    """Options as the questionnaire numbers them, in the order shown; empty for an open question."""
    value: int
    """The option chosen, from 0; -1 for none, and for an open question."""
    valid: bool
    raw: str
    """What the model answered."""
    why: str = ""
    """Why it is invalid, or what is to be known of it."""


class SurveyClosed(Event, frozen=True, kw_only=True, tag="survey_closed"):
    """Everybody was asked every question."""

    survey: str
    asked: int
    """Questions, to all personas together."""
    invalid: int
    """Answers among theirs that say nothing; they are counted, never guessed."""


class InterviewOpened(Event, frozen=True, kw_only=True, tag="interview_opened"):
    """A conversation with one persona began, in a log of its own that names the run's head."""

    interview: str
    """Its id, unique within the log."""
    persona: int
    phase: str
    """With ``epoch`` and ``arm`` the society whose contests are remembered; empty where none is."""
    epoch: int
    arm: str
    model: str
    model_digest: str
    played: bool = False
    """As of a survey; ``run_id``, ``events`` and ``head`` too."""
    run_id: str
    events: int
    head: str


class InterviewAnswered(Event, frozen=True, kw_only=True, tag="interview_answered"):
    """The persona answered what it was asked; ``cause`` is the model's answer."""

    interview: str
    turn: int
    """0, 1, ... within the interview."""
    question: str
    answer: str
    valid: bool
    """False where there is no answer in words."""
