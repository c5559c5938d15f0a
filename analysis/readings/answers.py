"""Answers to questionnaires as rows: who was asked what, when, in which order, and what they answered.

Reads a run's own log, and the log of what was asked after it. Knows events; makes no calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from abm.arenas.completions import spoken
from abm.columns import Float32s, unpack
from abm.events import Event, PersonasJoined, QuestionAnswered, SurveyOpened
from abm.log import open_log, read_events
from abm.surveys import Questionnaire
from analysis.readings.reading import frame_of, read
from learning.surveys import ANSWERS
from moloch.errors import InputError

if TYPE_CHECKING:
    import polars as pl

DIGITS = 6
"""Digits of a trait after the point: a log holds it with 32 bits, which are exact to about seven."""


class AnswerRow(msgspec.Struct, frozen=True):
    """One persona's answer to one question at one moment.

    Attributes:
        persona: index; ``id``, ``name``, ``split``: whose.
        moment: ``start``, ``epoch 1``, ..., ``end``; of answers after the run ``before`` or ``after``.
        phase, epoch, arm: the society that is remembered; ``""``, 0 and ``""`` for none.
        place: when this persona was asked it, 1 for the first.
        shown: options in the order shown, by their numbers from 1: ``3 1 2``.
        answer: the option chosen, from 1 in the questionnaire's order; None for none, and for an open question.
        label: the option's wording, or the words of an open answer; empty if it is invalid.
        why: why it is invalid, or what is to be known of it; ``raw``: what the model answered.
        played: whether a model answers for a persona whom a choice model moves in the run.
        head: of the run's log, when it was asked after the run.
        seq: of the answer, in the log that holds it.
    """

    persona: int
    id: str
    name: str
    split: str
    moment: str
    phase: str
    epoch: int
    arm: str
    questionnaire: str
    digest: str
    question: str
    kind: str
    place: int
    shown: str
    answer: int | None
    label: str
    valid: bool
    why: str
    raw: str
    model: str
    played: bool
    remember: bool
    survey: str
    head: str
    seq: int


COLUMNS: dict[str, Any] = {
    name: {"int": int, "int | None": int, "bool": bool}.get(str(kind), str)
    for name, kind in AnswerRow.__annotations__.items()
}


class AnswersReading:
    """A reading of everybody's answers; those who were asked again at the same moment count once, as they answered last."""

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset({PersonasJoined, QuestionAnswered, SurveyOpened})

    def __init__(self) -> None:
        self._people: list[PersonasJoined] = []
        self._surveys: dict[str, tuple[SurveyOpened, Questionnaire]] = {}
        self._rows: dict[tuple[Any, ...], AnswerRow] = {}

    def take(self, event: Event) -> None:
        """Take the next event, of the run's log first."""
        match event:
            case PersonasJoined():
                self._people.append(event)
            case SurveyOpened():
                self._surveys[event.survey] = (event, Questionnaire.model_validate(event.questionnaire))
            case QuestionAnswered() if event.survey in self._surveys:
                row = self._row(event, *self._surveys[event.survey])
                place = (row.moment, row.phase, row.epoch, row.arm)
                self._rows[*place, row.digest, row.model, row.remember, row.persona, row.question] = row
            case _:
                pass

    def result(self) -> list[AnswerRow]:
        """Return the answers so far."""
        return list(self._rows.values())

    def frame(self) -> pl.DataFrame:
        """Return a row per answer, with a column ``trait_…`` for each trait of the personas."""
        return answer_frame(self.result(), self.traits())

    def questionnaires(self) -> dict[str, Questionnaire]:
        """Return content id -> questionnaire, of all that were put."""
        return {opened.digest: questionnaire for opened, questionnaire in self._surveys.values()}

    def traits(self) -> dict[int, dict[str, float]]:
        """Return persona index -> its traits."""
        traits: dict[int, dict[str, float]] = {}
        for joined in self._people:
            columns = {
                name: [round(x, DIGITS) for x in unpack(column, Float32s).tolist()]
                for name, column in joined.traits.items()
            }
            for i in range(len(joined.ids)):
                traits[joined.first + i] = {name: column[i] for name, column in columns.items()}
        return traits

    def _row(self, event: QuestionAnswered, opened: SurveyOpened, questionnaire: Questionnaire) -> AnswerRow:
        item = questionnaire.item(event.question)
        chosen = item.options[event.value] if 0 <= event.value < len(item.options) else ""
        label = (chosen or spoken(event.raw)) if event.valid else ""
        return AnswerRow(
            event.persona,
            *self._who(event.persona),
            opened.moment,
            opened.phase,
            opened.epoch,
            opened.arm,
            questionnaire.name,
            opened.digest,
            event.question,
            item.kind,
            event.place + 1,
            " ".join(str(option + 1) for option in event.shown),
            event.value + 1 if event.value >= 0 else None,
            label,
            event.valid,
            event.why,
            event.raw,
            opened.model,
            opened.played,
            opened.remember,
            event.survey,
            opened.head,
            event.seq,
        )

    def _who(self, persona: int) -> tuple[str, str, str]:
        for joined in self._people:
            if 0 <= (i := persona - joined.first) < len(joined.ids):
                return joined.ids[i], joined.names[i], joined.split
        return "", "", ""


def read_answers(run: Path | str, folder: Path | str | None = None) -> AnswersReading:
    """Return all answers of a run's personas: those given in the run, and those given after it.

    Args:
        folder: the log of answers after the run; by default that in the run's folder.

    Raises:
        InputError: the folder holds no answers.
        LogError: no such run, or one of the logs cannot be read.
    """
    reading, beside = AnswersReading(), Path(folder) if folder is not None else Path(run) / ANSWERS
    read(read_events(run), reading)
    if (beside / "run.json").exists():
        if ANSWERS not in open_log(beside, write=False).config:
            raise InputError("the folder holds no answers", where=str(beside), fix="Give the --log of moloch ask.")
        read(read_events(beside), reading)
    elif folder is not None:
        raise InputError("there are no answers", where=str(beside), fix="Give the --log of moloch ask.")
    return reading


def answer_frame(
    rows: Iterable[AnswerRow],
    traits: Mapping[int, Mapping[str, float]] | None = None,
    attributes: Mapping[str, Mapping[str, str | int]] | None = None,
) -> pl.DataFrame:
    """Return answers as a Polars frame, a column per field of :class:`AnswerRow`.

    Args:
        traits: persona index -> its traits, which become columns ``trait_…``.
        attributes: persona id -> its attributes, which become columns of their name, with ``attribute_`` before one that is
            taken.
    """
    rows, traits, attributes = list(rows), traits or {}, attributes or {}
    names = list(dict.fromkeys(name for each in traits.values() for name in each))
    fields = list(dict.fromkeys(name for each in attributes.values() for name in each))
    kinds = {f: int if all(isinstance(a.get(f, 0), int) for a in attributes.values()) else str for f in fields}
    schema = COLUMNS | {_free(f, COLUMNS): kinds[f] for f in fields} | {f"trait_{name}": float for name in names}
    tuples = []
    for row in rows:
        own = attributes.get(row.id, {})
        values = [own.get(f) if kinds[f] is int or own.get(f) is None else str(own[f]) for f in fields]
        tuples.append((*msgspec.structs.astuple(row), *values, *(traits.get(row.persona, {}).get(n) for n in names)))
    return frame_of(tuples, schema)


def _free(field: str, taken: Mapping[str, Any]) -> str:
    return f"attribute_{field}" if field in taken or field.startswith("trait_") else field
