"""What a persona answered to questionnaires and in conversations, as its page lists it. Knows rows of answers; no logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from abm.surveys import Questionnaire
from analysis.formats import model_name, short
from analysis.passages import passage
from analysis.readings.answers import AnswerRow
from learning.surveys import Conversation


def answer_rows(
    rows: Sequence[AnswerRow], questionnaires: Mapping[str, Questionnaire], persona: int
) -> list[dict[str, Any]]:
    """Return a persona's answers in the order in which they came: when, what was asked, what was said; ``at`` is its place
    in the run's log, -1 for what was answered after the run."""
    return [
        {
            "seq": f"{row.head[:6]}{row.seq}",
            "at": -1 if row.head else row.seq,
            "when": when(row),
            "question": questionnaires[row.digest].item(row.question).text,
            "said": passage(row.label if row.valid else row.raw).as_dict(),
            "invalid": "" if row.valid else f"no answer: {row.why}",
            "model": row.model,
        }
        for row in rows
        if row.persona == persona
    ]


def talk_rows(talks: Sequence[Conversation], current: str) -> list[dict[str, Any]]:
    """Return conversations with a persona as its page lists them, the newest first; ``current`` is the id of the one that goes on."""
    return [
        {
            "id": talk.opened.interview,
            "current": talk.opened.interview == current,
            "label": _remembering(talk),
            "said": [
                {
                    "question": short(each.question, 1_000),
                    "answer": passage(each.answer if each.valid else "(no answer)").as_dict(),
                }
                for each in talk.said
            ],
        }
        for talk in reversed(talks)
    ]


def _remembering(talk: Conversation) -> str:
    opened = talk.opened
    memory = f"remembering {opened.phase} epoch {opened.epoch}, {opened.arm}" if opened.arm else "remembering nothing"
    return f"{memory}; {model_name(opened.model)} answers"


def when(row: AnswerRow) -> str:
    """Return the moment of an answer, and what was remembered then, in a few words."""
    moment = (
        f"after the run, {'as before it' if row.moment == 'before' else 'as at its end'}" if row.head else row.moment
    )
    return f"{moment}, remembering {row.phase} epoch {row.epoch}, {row.arm}" if row.arm else moment
