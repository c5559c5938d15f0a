"""What people answered and how they voted, from tables: a row per answer, a row per person, or counts.

Strict: a cell that is no answer is an error that names its line; nothing is guessed. Knows tables, questions and contests; knows nothing of statistics.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from abm.surveys import Questionnaire
from abm.surveys.questionnaire import SurveyItem
from moloch.errors import InputError
from moloch.numerals import number, whole
from moloch.plain_text import one_line, quoted
from moloch.tables import rows as rows_of

QUESTION, ANSWER, MOMENT = "question", "answer", "moment"
CONTEST, CHOICE, MESSAGE, VOTES = "contest", "choice", "message", "votes"
PERSONA, COUNT, WEIGHT = "persona", "count", "weight"
OWN = (QUESTION, ANSWER, MOMENT, CONTEST, CHOICE, MESSAGE, VOTES, PERSONA, COUNT, WEIGHT)
"""Columns with a meaning of their own; all others are attributes of the people."""
MOST = 10_000_000
"""People that one row may stand for."""


class HumanAnswer(msgspec.Struct, frozen=True):
    """What people answered to a closed question.

    Attributes:
        value: the option, from 0.
        count: people who gave this answer; ``weight``: what each counts.
        moment: of the survey; empty for any.
        persona: the persona whom the person stands for, as the table names it; empty for none.
        person: numbers the row, of which a person with several answers has one.
    """

    question: str
    value: int
    count: int
    weight: float
    moment: str
    persona: str
    attributes: dict[str, str]
    person: int


class HumanVote(msgspec.Struct, frozen=True):
    """How people voted in a contest; fields as of :class:`HumanAnswer`, ``slot``: of the message that they chose."""

    contest: str
    slot: int
    count: int
    weight: float
    persona: str
    attributes: dict[str, str]


class Human(msgspec.Struct, frozen=True):
    """What tables hold of people.

    Attributes:
        missing: cells that declared codes leave out.
    """

    answers: list[HumanAnswer]
    votes: list[HumanVote]
    missing: int


def read_human(
    paths: Sequence[Path | str],
    questionnaires: Collection[Questionnaire],
    contests: Mapping[str, Collection[int]],
    missing: Collection[str] = (),
) -> Human:
    """Return what tables hold of people: each is one of answers (long or wide) or of votes.

    A long table has the columns question and answer, a wide one a column for each question; a table of votes has contest and
    choice, or message and votes.

    Args:
        questionnaires: those that the personas answered.
        contests: contest -> slots of its messages.
        missing: codes that stand for no answer.

    Raises:
        InputError: a table cannot be read or is of no such kind, or a cell is no answer; names file and line.
    """
    items = {item.id: item for each in questionnaires for item in each.questions if item.options}
    reader = _Reader(items, contests, {code.casefold() for code in missing})
    for path in paths:
        before = len(reader.answers) + len(reader.votes)
        for where, row in rows_of(path, "the people"):
            reader.take(where, {name: one_line(str(cell)) for name, cell in row.items()})
        if len(reader.answers) + len(reader.votes) == before:
            raise InputError("no answers or votes of people", where=str(path), why=reader.wants)
    return Human(reader.answers, reader.votes, reader.missing)


class _Reader:
    def __init__(
        self, items: Mapping[str, SurveyItem], contests: Mapping[str, Collection[int]], missing: Collection[str]
    ) -> None:
        self._items, self._contests, self._codes = items, contests, missing
        self.answers: list[HumanAnswer] = []
        self.votes: list[HumanVote] = []
        self.missing = self._people = 0

    @property
    def wants(self) -> str:
        """What a table needs, in words."""
        asked = ", ".join(self._items) or "none: no closed question was put to the personas"
        return (
            f"it needs the columns question and answer, or a column for a question ({asked}), or contest and choice, "
            "or message and votes"
        )

    def take(self, where: str, row: Mapping[str, str]) -> None:
        """Take the next row."""
        self._people += 1
        if MESSAGE in row or CONTEST in row:
            self._vote(where, row)
        elif QUESTION in row:
            self._answer(where, row, _cell(row, QUESTION, where), row.get(ANSWER, ""), self._attributes(row, OWN))
        else:
            asked = [name for name in row if name in self._items]
            if not asked and not any(name in OWN for name in row) and not self.answers:
                raise InputError("no data of people", where=where, why=self.wants, fix=f"It has {', '.join(row)}.")
            attributes = self._attributes(row, (*OWN, *self._items))
            for name in asked:
                self._answer(where, row, name, row[name], attributes)

    def _answer(self, where: str, row: Mapping[str, str], question: str, cell: str, attributes: dict[str, str]) -> None:
        if (item := self._items.get(question)) is None:
            fix = (
                f"There are {', '.join(self._items)}." if self._items else "The personas were asked no closed question."
            )
            raise InputError(f"no question {quoted(question)}", where=where, fix=fix)
        if not cell or cell.casefold() in self._codes:
            self.missing += 1
            return
        value = _option(cell, item, where)
        count, weight = _count(row, COUNT, where), _weight(row, where)
        place = (row.get(MOMENT, ""), row.get(PERSONA, ""))
        self.answers.append(HumanAnswer(question, value, count, weight, *place, attributes, self._people))

    def _vote(self, where: str, row: Mapping[str, str]) -> None:
        if MESSAGE in row:
            contest, _, slot = row[MESSAGE].rpartition("/")
            count = _count(row, VOTES, where, none=True)
        else:
            contest, slot = row[CONTEST], _cell(row, CHOICE, where)
            slot = slot.removeprefix(f"{contest}/")
            count = _count(row, COUNT, where)
            if slot.casefold() in self._codes:
                self.missing += 1
                return
        slots = self._contests.get(contest)
        if slots is None:
            raise InputError(f"no contest {quoted(contest)} in the run", where=where, fix="moloch show RUN lists them.")
        chosen = whole(slot)
        if chosen is None or chosen not in slots:
            named = ", ".join(f"{contest}/{each}" for each in sorted(slots))
            raise InputError(f"no message {quoted(slot)} in {contest}", where=where, fix=f"Its messages are {named}.")
        weight, persona = _weight(row, where), row.get(PERSONA, "")
        self.votes.append(HumanVote(contest, chosen, count, weight, persona, self._attributes(row, OWN)))

    @staticmethod
    def _attributes(row: Mapping[str, str], without: Collection[str]) -> dict[str, str]:
        return {name: cell for name, cell in row.items() if name not in without}


def _option(cell: str, item: SurveyItem, where: str) -> int:
    """Return the option that a cell names, by its wording or by its number from 1."""
    folded = [" ".join(label.casefold().split()) for label in item.options]
    if cell.casefold() in folded:
        return folded.index(cell.casefold())
    value = whole(cell)
    if value is not None and 1 <= value <= len(folded) and not any(whole(label) is not None for label in folded):
        return value - 1
    options = ", ".join(f"{i}: {label}" for i, label in enumerate(item.options, start=1))
    raise InputError(
        f"no answer to {item.id}: {quoted(cell)}",
        where=where,
        why=f"the options are {options}",
        fix="Give an option's wording or number, or declare the code as missing: --missing CODE.",
    )


def _cell(row: Mapping[str, str], column: str, where: str) -> str:
    if column not in row:
        raise InputError(f"no {column}", where=where, why=f"the line holds {', '.join(map(quoted, row))}")
    return row[column]


def _count(row: Mapping[str, str], column: str, where: str, *, none: bool = False) -> int:
    """Return how many people a row stands for; 1 where it does not say so."""
    if column not in row:
        return 1
    count = whole(row[column])
    if count is None or not (0 if none else 1) <= count <= MOST:
        raise InputError(f"{column}: not a number of people: {quoted(row[column])}", where=where)
    return count


def _weight(row: Mapping[str, str], where: str) -> float:
    if WEIGHT not in row:
        return 1.0
    weight: Any = number(row[WEIGHT])
    if weight is None or not 0 <= weight < 1e12:
        raise InputError(f"weight: not a weight: {quoted(row[WEIGHT])}", where=where, fix="Give a number, 0 or more.")
    return float(weight)
