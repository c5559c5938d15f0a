"""What a persona answered: an option, or words; never a guess. Knows texts and questions; knows nothing of models or logs."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from abm.arenas.completions import parse_choice, spoken
from abm.llm.port import NO_ANSWER, Finish
from abm.surveys.questionnaire import SurveyItem
from moloch.texts import composed, whole


class Response(msgspec.Struct, frozen=True):
    """How an answer was read.

    Attributes:
        value: the option chosen, as the questionnaire numbers them from 0; -1 for none, and for an open question.
        why: why it is invalid; of a valid one, what is to be known of it.
    """

    valid: bool
    value: int = -1
    why: str = ""


def read_response(answer: str, finish: Finish, item: SurveyItem, shown: Sequence[int]) -> Response:
    """Return how a model's answer to a question is read.

    A closed question is answered by one letter, or by the wording of one option; an answer that names two, or none, is invalid.
    Any text is read, in time linear in its length.

    Args:
        shown: the options in the order shown.
    """
    answer = whole(answer)
    if finish in NO_ANSWER:
        return Response(False, why=NO_ANSWER[finish])
    said = spoken(answer)
    if not said:
        return Response(False, why="cut while it was thinking" if finish == "length" and answer.strip() else "empty")
    if item.kind == "open":
        return Response(True, why="cut at its bound" if finish == "length" else "")
    position = _position(said, [item.options[i] for i in shown])
    if position is None:
        return Response(False, why="cut at its bound" if finish == "length" else "names no option")
    return Response(True, shown[position])


def _position(said: str, labels: Sequence[str]) -> int | None:
    """Return the place of the one option that is named by its letter or by its wording; None for none and for two."""
    by_letter = parse_choice(said, len(labels))
    plain = _plain(said)
    by_label = next((i for i, label in enumerate(labels) if _plain(label) == plain), None)
    if by_label is not None:
        conflict = by_letter not in (None, by_label) and not plain.isdigit()  # a figure names the label that is one
        return None if conflict else by_label
    named = _after_letter(plain)
    if named and any(_plain(label) == named for i, label in enumerate(labels) if i != by_letter):
        return None  # the letter of one option and the wording of another
    return by_letter


def _after_letter(plain: str) -> str:
    """Return what follows an option's letter at the beginning of an answer, as in ``b. a little``."""
    return plain[2:].strip(" .):-") if plain[1:2] in (".", ")", ":", " ") else ""


def _plain(text: str) -> str:
    return " ".join(composed(text).casefold().split()).strip(" \"'`*.,!“”")
