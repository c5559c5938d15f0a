"""What personas remember of a society: the contests that they read last, what they thought and chose, as the log says it.

A bounded text in the order of events, oldest first. Answers to earlier questionnaires are part of it only where asking was to be
remembered. Knows events; knows nothing of how questions are asked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from typing import Any, ClassVar, NamedTuple

import numpy as np

from abm.arenas.completions import spoken
from abm.columns import Int8s, unpack
from abm.events import (
    AnchorsListed,
    Event,
    MessagePublished,
    QuestionAnswered,
    Reacted,
    ReactedMany,
    ReactionInvalid,
    Remembered,
    StepStarted,
    SurveyOpened,
)
from abm.log import EventLog
from abm.reactions import members
from abm.state.memory import Memory, apply
from abm.surveys.questionnaire import Questionnaire
from moloch.texts import whole

REMEMBERED = 3
"""Newest contests that a persona remembers, and newest answers to questionnaires."""
LONGEST = 1_200
"""Characters of a message, a thought or an answer that are remembered."""


class SocietyPlace(NamedTuple):
    """The society that is remembered, as :class:`abm.events.StepStarted` names it."""

    phase: str
    epoch: int
    arm: str


class _Choice(NamedTuple):
    contest: str
    order: tuple[int, ...]
    choice: int
    thought: str
    messages: dict[int, str]


class Memories:
    """What some personas remember of one society, from the events of a log.

    Args:
        place: the society.
        personas: persona indices.
    """

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset(
        {
            AnchorsListed, MessagePublished, QuestionAnswered, Reacted, ReactedMany, ReactionInvalid, Remembered,
            StepStarted, SurveyOpened,
        }
    )  # fmt: skip

    def __init__(self, place: SocietyPlace, personas: Collection[int]) -> None:
        self._place = place
        self._choices: dict[int, deque[_Choice]] = {each: deque(maxlen=REMEMBERED) for each in personas}
        self._answers: dict[int, deque[tuple[bool, str]]] = {each: deque(maxlen=REMEMBERED) for each in personas}
        self._at_start: set[str] = set()
        self._surveys: dict[str, Questionnaire] = {}
        self._own: dict[int, Memory] = {}
        self._wanted = np.array(sorted(personas), dtype=np.int64)
        self._subjects: dict[str, str] = {}
        self._messages: dict[str, dict[int, str]] = {}
        self._here = False

    def take(self, event: Event) -> None:
        """Take the next event of the log."""
        match event:
            case StepStarted():
                self._here = (event.phase, event.epoch, event.arm) == self._place
                self._messages = {}
            case AnchorsListed():
                self._subjects |= {str(row.get("id", "")): _subject(row) for row in event.anchors}
            case SurveyOpened():
                there = (event.phase, event.epoch, event.arm)
                if event.remember and there in (self._place, ("", 0, "")):
                    self._surveys[event.survey] = Questionnaire.model_validate(event.questionnaire)
                    self._at_start |= {event.survey} if event.moment == "start" else set()
            case QuestionAnswered():
                self._said(event)
            case Remembered() if self._here:
                apply(self._own, event)
            case MessagePublished() if self._here:
                self._messages.setdefault(event.contest, {})[event.slot] = event.text
            case Reacted() | ReactionInvalid() if self._here:
                self._reacted(event)
            case ReactedMany() if self._here:
                self._reacted_many(event)
            case _:
                pass

    def text(self, persona: int) -> str:
        """Return what a persona remembers, oldest first; empty for nothing.

        Where a society gave it a memory of its own, that is what it remembers of its contests.
        """
        told = [self._told(choice) for choice in self._choices.get(persona, ())]
        answers = list(self._answers.get(persona, ()))
        if persona in self._own:  # what was answered at the start is part of it
            told = list(filter(None, [self._own[persona].text]))
            answers = [each for each in answers if not each[0]]
        return "\n\n".join([*told, *(note for _, note in answers)])

    def _reacted(self, event: Reacted | ReactionInvalid) -> None:
        if (own := self._choices.get(event.persona)) is not None:
            choice, thought = (event.choice, event.thought) if isinstance(event, Reacted) else (-2, "")
            messages = self._messages.get(event.contest, {})
            own.append(_Choice(event.contest, tuple(event.order), choice, thought, messages))

    def _reacted_many(self, event: ReactedMany) -> None:
        """Take the reactions of those who are asked out of a crowd's."""
        personas, choices = members(event), unpack(event.choices, Int8s)
        orders = unpack(event.orders, Int8s).reshape(len(personas), -1)
        for row in np.flatnonzero(np.isin(personas, self._wanted)).tolist():
            one = {"persona": int(personas[row]), "order": orders[row].tolist(), "choice": int(choices[row])}
            self._reacted(Reacted(contest=event.contest, thought="", **one))

    def _said(self, event: QuestionAnswered) -> None:
        survey, own = self._surveys.get(event.survey), self._answers.get(event.persona)
        if survey is not None and own is not None and (note := answer_note(survey, event)):
            own.append((event.survey in self._at_start, note))

    def _told(self, choice: _Choice) -> str:
        subject = self._subjects.get(choice.contest.rpartition("/")[2], "")
        marks = {slot: chr(ord("A") + place) for place, slot in enumerate(choice.order)}
        lines = [f"About {subject} you read:" if subject else "You read:"]
        lines += [f"Option {mark}: {_cut(choice.messages.get(slot, ''))}" for slot, mark in marks.items()]
        if choice.thought:
            lines.append(f"You thought: {_cut(choice.thought)}")
        mark = marks.get(choice.choice)
        lines.append(f"You chose option {mark}." if mark else "You chose none of them.")
        return "\n".join(lines)


def remembered(log: EventLog | Iterable[Event], memories: Memories, until: str = "") -> Memories:
    """Return memories after the events of a log.

    Args:
        until: id of a survey at whose opening to stop.
    """
    for event in _of_interest(log):
        if isinstance(event, SurveyOpened) and event.survey == until:
            break
        memories.take(event)
    return memories


def answer_note(questionnaire: Questionnaire, answer: QuestionAnswered) -> str:
    """Return what a persona remembers of a question and its answer; empty where that was none."""
    if not answer.valid:
        return ""
    item = questionnaire.item(answer.question)
    said = item.options[answer.value] if item.options else _cut(spoken(answer.raw))
    return f'You were asked: "{item.text}" You answered: "{said}"'


def _of_interest(log: EventLog | Iterable[Event]) -> Iterable[Event]:
    if isinstance(log, EventLog):
        return (event for block in log.blocks() for event in block.events(set(Memories.TAKES)))
    return log


def _subject(row: dict[str, Any]) -> str:
    return _cut(str(row.get("subject") or row.get("text") or ""), 120)


def _cut(text: str, longest: int = LONGEST) -> str:
    text = whole(text).strip()
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
