"""What a persona answered to questionnaires, in the run and after it, as its page lists it. Knows rows of answers; no events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from abm.surveys import Questionnaire
from analysis.passages import passage
from analysis.readings.answers import AnswerRow


def answer_rows(
    rows: Sequence[AnswerRow], questionnaires: Mapping[str, Questionnaire], persona: int
) -> list[dict[str, Any]]:
    """Return a persona's answers in the order in which they came: when, what was asked, what was said."""
    return [
        {
            "seq": f"{row.head[:6]}{row.seq}",
            "when": when(row),
            "question": questionnaires[row.digest].item(row.question).text,
            "said": passage(row.label if row.valid else row.raw).as_dict(),
            "invalid": "" if row.valid else f"no answer: {row.why}",
            "model": row.model,
        }
        for row in rows
        if row.persona == persona
    ]


def when(row: AnswerRow) -> str:
    """Return the moment of an answer, and what was remembered then, in a few words."""
    moment = (
        f"after the run, {'as before it' if row.moment == 'before' else 'as at its end'}" if row.head else row.moment
    )
    return f"{moment}, remembering {row.phase} epoch {row.epoch}, {row.arm}" if row.arm else moment
