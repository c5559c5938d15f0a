"""How model personas agree with people, per question or in contests, for all and for groups by an attribute.

Knows answers, votes and attributes; statistics are :mod:`analysis.statistics`'s.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from abm.surveys import Questionnaire
from analysis.calibration._human import Human, HumanAnswer, HumanVote
from analysis.readings.answers import AnswerRow
from analysis.readings.reading import frame_of
from analysis.statistics.agreement import pair
from analysis.statistics.closeness import Sample, closeness
from analysis.statistics.estimates import NOTHING, Estimate, jackknife, mean_of, rate, student
from moloch.errors import InputError

if TYPE_CHECKING:
    import polars as pl

EVERYBODY = "everybody"
MEASURES = {
    "agreement": "1: the same shares of answers; 0: as different as possible",
    "mean difference": "personas minus people, in steps of the scale",
    "same answer": "persons whose persona gave the same answer",
    "kappa": "the same, beyond chance",
    "same winner": "contests in which both gave most votes to the same message",
    "shares": "agreement of the shares of votes, mean over contests",
    "correlation": "of a message's share among personas with its share among people, over messages",
    "same vote": "votes of persons whose persona voted for the same message",
}
"""Measure -> what it says."""


class CalibrationRow(msgspec.Struct, frozen=True):
    """One number of how personas agree with people.

    Attributes:
        of: ``answers`` or ``votes``; ``question``: of answers.
        moment, phase, epoch, arm: of the answers that are compared, as :class:`analysis.readings.answers.AnswerRow` has them.
        by, group: attribute and value; ``everybody`` and empty for all.
        measure: one of :data:`MEASURES`; ``estimate`` with a 95 % interval.
        ceiling, chance: of an agreement, as :class:`analysis.statistics.closeness.Closeness` has them; else NaN.
        people, personas: whose answers or votes are compared; ``invalid``: personas whose answer says nothing.
    """

    of: str
    question: str
    moment: str
    phase: str
    epoch: int
    arm: str
    model: str
    by: str
    group: str
    measure: str
    estimate: Estimate
    ceiling: float
    chance: float
    people: int
    personas: int
    invalid: int


class PersonaVote(msgspec.Struct, frozen=True):
    """A persona's valid vote."""

    contest: str
    persona: int
    slot: int


class PersonaNames(msgspec.Struct, frozen=True):
    """Personas by what tables may call them.

    Attributes:
        ids, names: by index.
        attributes: by index.
    """

    ids: Mapping[int, str]
    names: Mapping[int, str]
    attributes: Mapping[int, Mapping[str, str | int]]

    def index(self, who: str) -> int | None:
        """Return the persona that a table names by id, index or name; None for nobody, and for one of several."""
        if who.isdecimal() and int(who) in self.ids:
            return int(who)
        matches = [i for i, own in self.ids.items() if own == who] or [
            i for i, name in self.names.items() if name == who
        ]
        return matches[0] if len(matches) == 1 else None


Group = tuple[str, str]
Sizes = tuple[int, int, int]
"""People, personas, and personas whose answer is invalid."""


class _Compared(NamedTuple):
    """What is compared."""

    of: str
    model: str
    group: Group
    question: str = ""
    moment: str = ""
    phase: str = ""
    epoch: int = 0
    arm: str = ""

    def row(
        self,
        measure: str,
        estimate: Estimate,
        sizes: Sizes,
        ceiling: float = float("nan"),
        chance: float = float("nan"),
    ) -> CalibrationRow:
        """Return a number about it."""
        place = (self.of, self.question, self.moment, self.phase, self.epoch, self.arm, self.model)
        return CalibrationRow(*place, *self.group, measure, estimate, ceiling, chance, *sizes)


def answer_rows(
    answers: Sequence[AnswerRow],
    questionnaires: Mapping[str, Questionnaire],
    human: Human,
    people: PersonaNames,
    by: Collection[str] = (),
) -> list[CalibrationRow]:
    """Return how answers of personas agree with those of people, by question, moment, society and group.

    Args:
        questionnaires: content id -> questionnaire.
        by: attributes whose groups are compared, too.

    Raises:
        InputError: an attribute that people, or personas, do not have, or whose values have none in common.
    """
    asked: dict[tuple[Any, ...], list[AnswerRow]] = {}
    for row in answers:
        if row.kind != "open":
            asked.setdefault(
                (row.digest, row.question, row.moment, row.phase, row.epoch, row.arm, row.model), []
            ).append(row)
    groups = _groups(human.answers, people, by)
    rows: list[CalibrationRow] = []
    for (digest, question, moment, *_), given in asked.items():
        said = [each for each in human.answers if each.question == question and each.moment in ("", moment)]
        item = questionnaires[digest].item(question)
        for group in groups if said else ():
            ours = [each for each in said if _within(each.attributes, group)]
            theirs = [each for each in given if _within(people.attributes.get(each.persona, {}), group)]
            rows += _of_question(ours, theirs, len(item.options), item.kind == "likert", group, people)
    return rows


def _of_question(
    ours: Sequence[HumanAnswer],
    theirs: Sequence[AnswerRow],
    options: int,
    scale: bool,
    group: Group,
    people: PersonaNames,
) -> list[CalibrationRow]:
    valid = [each for each in theirs if each.valid and each.answer]
    if not theirs or not ours:
        return []
    first = _sample([(each.value, each.weight, each.count) for each in ours])
    second = _sample([((each.answer or 1) - 1, 1.0, 1) for each in valid])
    close = closeness(first, second, options, scale=scale)
    one, sizes = theirs[0], (first.n, len(valid), len(theirs) - len(valid))
    compared = _Compared("answers", one.model, group, one.question, one.moment, one.phase, one.epoch, one.arm)
    rows = [compared.row("agreement", close.agreement, sizes, close.ceiling, close.chance)]
    if scale:
        rows.append(compared.row("mean difference", _difference(second, first), sizes))
    by_persona: dict[int | None, int] = {each.persona: (each.answer or 1) - 1 for each in valid}
    pairs = [(each.value, by_persona.get(people.index(each.persona))) for each in ours if each.persona]
    return rows + _paired(pairs, compared, ("same answer", "kappa"), sizes)


def vote_rows(
    votes: Iterable[PersonaVote], slots: Mapping[str, Collection[int]], human: Human, people: PersonaNames, model: str,
    by: Collection[str] = (),
) -> list[CalibrationRow]:  # fmt: skip
    """Return how votes of personas agree with those of people in the same contests, for all and by group.

    Args:
        slots: contest -> slots of its messages.
        model: who votes, for the record.

    Raises:
        InputError: as :func:`answer_rows`.
    """
    wanted = {each.contest for each in human.votes}
    cast: dict[str, list[PersonaVote]] = {contest: [] for contest in wanted}
    for vote in votes:
        if vote.contest in cast:
            cast[vote.contest].append(vote)
    rows: list[CalibrationRow] = []
    for group in _groups(human.votes, people, by):
        ours = [each for each in human.votes if _within(each.attributes, group)]
        theirs = {
            contest: [each for each in given if _within(people.attributes.get(each.persona, {}), group)]
            for contest, given in cast.items()
        }
        rows += _of_votes(ours, theirs, slots, group, people, model)
    return rows


def _of_votes(
    ours: Sequence[HumanVote],
    theirs: Mapping[str, Sequence[PersonaVote]],
    slots: Mapping[str, Collection[int]],
    group: Group,
    people: PersonaNames,
    model: str,
) -> list[CalibrationRow]:
    shares: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    counted = voted = 0
    by_contest: dict[str, list[HumanVote]] = {}
    for each in ours:
        by_contest.setdefault(each.contest, []).append(each)
    for contest, cast in by_contest.items():
        places = {slot: i for i, slot in enumerate(sorted(slots[contest]))}
        first, second = np.zeros(len(places)), np.zeros(len(places))
        for each in cast:
            first[places[each.slot]] += each.count * each.weight
        for vote in theirs[contest]:
            if vote.slot in places:
                second[places[vote.slot]] += 1
        if first.sum() > 0 and second.sum() > 0 and len(places) > 1:
            shares.append((first / first.sum(), second / second.sum()))
            counted += sum(each.count for each in cast)
            voted += int(second.sum())
    if not shares:
        return []
    compared, sizes = _Compared("votes", model, group), (counted, voted, 0)
    decided = [(a, b) for a, b in shares if _alone(a) and _alone(b)]
    estimates = {
        "same winner": rate([int(a.argmax() == b.argmax()) for a, b in decided]),
        "shares": mean_of([1 - float(np.abs(a - b).sum()) / 2 for a, b in shares]).within(0, 1),
        "correlation": _correlation(shares),
    }
    rows = [compared.row(name, each, sizes) for name, each in estimates.items()]
    own: dict[tuple[str, int | None], int] = {
        (vote.contest, vote.persona): vote.slot for given in theirs.values() for vote in given
    }
    pairs = [(each.slot, own.get((each.contest, people.index(each.persona)))) for each in ours if each.persona]
    return rows + _paired(pairs, compared, ("same vote", "kappa"), sizes)


# ----------------------------------------------------------------------------------------------------------


def _groups(human: Sequence[HumanAnswer | HumanVote], people: PersonaNames, by: Collection[str]) -> list[Group]:
    """Return everybody, and each value of each attribute that people and personas have in common."""
    groups: list[Group] = [(EVERYBODY, "")]
    for name in by if human else ():
        ours = {each.attributes[name]: None for each in human if name in each.attributes}
        theirs = {str(each[name]) for each in people.attributes.values() if name in each}
        folded = {value.casefold() for value in theirs}
        common = [value for value in ours if value.casefold() in folded]
        if not common:
            had = {
                True: ", ".join(sorted(theirs)[:8]) or "no such attribute",
                False: ", ".join(list(ours)[:8]) or "no such column",
            }
            raise InputError(
                f"no group by {name!r} to compare",
                why=f"personas have {had[True]}; people have {had[False]}",
                fix="Name an attribute of the personas that is a column of the table, with the same values.",
            )
        groups += [(name, value) for value in dict.fromkeys(common)]
    return groups


def _within(attributes: Mapping[str, object], group: Group) -> bool:
    name, value = group
    return name == EVERYBODY or str(attributes.get(name, "")).casefold() == value.casefold()


def _sample(rows: Sequence[tuple[int, float, int]]) -> Sample:
    values, weights, counts = zip(*rows, strict=True) if rows else ((), (), ())
    return Sample(
        np.array(values, dtype=np.int64), np.array(weights, dtype=np.float64), np.array(counts, dtype=np.int64)
    )


def _difference(first: Sample, second: Sample) -> Estimate:
    """Return the difference of two means with Welch's interval; ``p`` tests against none."""
    (a, sa), (b, sb) = first.mean, second.mean
    n, m = first.n, second.n
    variance = sa**2 + sb**2
    if not variance > 0 or min(n, m) < 2:
        return Estimate(a - b, float("nan"), float("nan"), n + m, (n, m))
    dof = variance**2 / (sa**4 / (n - 1) + sb**4 / (m - 1))
    return student(a - b, variance, max(1, int(dof)), n + m, (n, m), 0.0, 0.95)


def _paired(
    pairs: Sequence[tuple[int, int | None]], compared: _Compared, names: tuple[str, str], sizes: Sizes
) -> list[CalibrationRow]:
    """Return raw agreement and kappa of people with the personas that stand for them; nothing where no table names these."""
    both = [(ours, theirs) for ours, theirs in pairs if theirs is not None]
    if not both:
        return []
    a, b = zip(*both, strict=True)
    agreed = pair(a, b)
    sizes = (len(both), len(both), sizes[2])
    return [
        compared.row(name, estimate, sizes) for name, estimate in zip(names, (agreed.raw, agreed.kappa), strict=True)
    ]


def _alone(shares: NDArray[np.float64]) -> bool:
    """Return whether one message has more votes than every other."""
    return int((shares == shares.max()).sum()) == 1


def _correlation(shares: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> Estimate:
    """Return Pearson's correlation of shares over messages, with the jackknife's interval over contests."""
    parts, contests = [], []
    for i, (a, b) in enumerate(shares):
        x, y = a - 1 / len(a), b - 1 / len(b)  # within a contest shares add up to 1
        parts += np.stack([x * y, x * x, y * y], axis=1).tolist()
        contests += [i] * len(a)
    if len(shares) < 2:
        return NOTHING
    return jackknife(parts, contests, _pearson).within(-1, 1)


def _pearson(sums: NDArray[np.float64]) -> float:
    """Return the correlation of sums of products and of squares of what has mean 0."""
    both, first, second = sums
    return both / sqrt(first * second) if first * second > 0 else float("nan")


SCHEMA: dict[str, Any] = {
    "of": str, "question": str, "moment": str, "phase": str, "epoch": int, "arm": str, "model": str, "by": str, "group": str,
    "measure": str, "value": float, "low": float, "high": float, "p": float, "ceiling": float, "chance": float, "people": int,
    "personas": int, "invalid": int,
}  # fmt: skip


def calibration_frame(rows: Iterable[CalibrationRow]) -> pl.DataFrame:
    """Return rows as a Polars frame; NaN is null, ``low`` and ``high`` are the 95 % interval."""
    tuples = []
    for row in rows:
        e = row.estimate
        numbers = [None if each != each else each for each in (e.value, e.low, e.high, e.p, row.ceiling, row.chance)]
        head = [getattr(row, name) for name in list(SCHEMA)[:10]]
        tuples.append((*head, *numbers, row.people, row.personas, row.invalid))
    return frame_of(tuples, SCHEMA)
