"""What is put before a persona: who it is, what it remembers, and the question. Knows texts; knows nothing of models."""

from __future__ import annotations

from collections.abc import Sequence

from abm.arenas import Message
from abm.surveys.questionnaire import SurveyItem
from moloch.content import content_id

WHO = "You are this person, and you answer as they would: {persona}"
REMEMBERED = "This is what you remember:\n\n{remembered}"
CLOSED = "{text}\n\n{options}\n\nAnswer with one letter and nothing else: {letters}."
OPEN = "{text}\n\nAnswer in your own words, in {words} words at most."
TALK = "You are this person, and you answer as they would, in a few sentences: {persona}"

WORDING = content_id([WHO, REMEMBERED, CLOSED, OPEN, TALK])
"""Content id of the templates."""


def persona_turn(persona: str, remembered: str, who: str = WHO) -> Message:
    """Return the system message: who answers, and what they remember, if anything."""
    parts = [who.format(persona=persona), *([REMEMBERED.format(remembered=remembered)] if remembered else [])]
    return {"role": "system", "content": "\n\n".join(parts)}


def question_turn(item: SurveyItem, shown: Sequence[int], intro: str = "") -> Message:
    """Return a question as the interviewer says it.

    Args:
        shown: the options in the order shown; empty for an open question.
        intro: what is said before it.
    """
    if item.kind == "open":
        asked = OPEN.format(text=item.text, words=item.words)
    else:
        marks = letters(len(shown))
        options = "\n".join(f"{mark}. {item.options[i]}" for mark, i in zip(marks, shown, strict=True))
        asked = CLOSED.format(text=item.text, options=options, letters=listed(marks))
    return {"role": "user", "content": f"{intro}\n\n{asked}" if intro else asked}


def letters(options: int) -> tuple[str, ...]:
    """Return the letters of so many options: A, B, ..."""
    return tuple(chr(ord("A") + i) for i in range(options))


def listed(marks: Sequence[str]) -> str:
    """Return ``A, B or C``."""
    return " or ".join((", ".join(marks[:-1]), marks[-1]))
