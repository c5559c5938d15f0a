"""What personas answered to a questionnaire, as tables: shares of options and means, by question, moment and society.

Knows rows of answers; statistics are :mod:`analysis.statistics.estimates`'s. Invalid answers are counted and in no share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from abm.surveys import Questionnaire
from analysis.readings.answers import AnswerRow
from analysis.statistics.estimates import NOTHING, Estimate, mean_of, rate


class OptionShare(msgspec.Struct, frozen=True):
    """How many chose an option; the interval is Wilson's, over personas."""

    label: str
    share: Estimate


class QuestionRow(msgspec.Struct, frozen=True):
    """What was answered to one question at one moment.

    Attributes:
        asked: personas; ``invalid``: answers among theirs that say nothing.
        options: those of a closed question.
        mean: of a scale, from 1; Student's interval over personas.
        first: of a question whose options stand in a random order: the share of answers that name the one shown first;
            ``chance``: what that share would be if orders did not matter.
        examples: of an open question, some answers.
    """

    question: str
    text: str
    kind: str
    moment: str
    phase: str
    epoch: int
    arm: str
    model: str
    asked: int
    invalid: int
    options: Sequence[OptionShare]
    mean: Estimate
    first: Estimate
    chance: float
    examples: Sequence[str]


EXAMPLES = 3
"""Open answers that a table shows."""


def question_rows(rows: Iterable[AnswerRow], questionnaires: Mapping[str, Questionnaire]) -> list[QuestionRow]:
    """Return one row per question, moment, society and model, in the order of the answers.

    Args:
        questionnaires: content id -> questionnaire.
    """
    groups: dict[tuple[object, ...], list[AnswerRow]] = {}
    for row in rows:
        place = (row.moment, row.phase, row.epoch, row.arm)
        groups.setdefault((row.digest, row.question, *place, row.model, row.remember), []).append(row)
    order = {(digest, item.id): i for digest, each in questionnaires.items() for i, item in enumerate(each.questions)}
    ordered = sorted(groups.values(), key=lambda group: order[group[0].digest, group[0].question])
    return [_row(group, questionnaires[group[0].digest]) for group in ordered]


def order_notes(rows: Iterable[QuestionRow]) -> list[str]:
    """Return a sentence for each model that chose the option shown first more often than if orders did not matter.

    More often: the lower end of the share's 95 % interval is above what it would be then.
    """
    by_model: dict[str, dict[str, None]] = {}
    for row in rows:
        if row.first.low > row.chance:
            by_model.setdefault(row.model, {})[row.question] = None
    return [
        f"{model} answers {', '.join(questions)} by place: it chose the option shown first more often than if orders did not matter."
        for model, questions in by_model.items()
    ]


def _row(group: Sequence[AnswerRow], questionnaire: Questionnaire) -> QuestionRow:
    one = group[0]
    item = questionnaire.item(one.question)
    valid = [row for row in group if row.valid]
    values = [row.answer or 0 for row in valid]
    shares = [
        OptionShare(label, rate([value == i for value in values])) for i, label in enumerate(item.options, start=1)
    ]
    shown_first = [int(row.shown.partition(" ")[0]) for row in valid] if len({row.shown for row in group}) > 1 else []
    chance = [shares[option - 1].share.value for option in shown_first]
    return QuestionRow(
        one.question,
        item.text,
        item.kind,
        one.moment,
        one.phase,
        one.epoch,
        one.arm,
        one.model,
        len(group),
        len(group) - len(valid),
        shares,
        mean_of(values).within(1, len(item.options)) if item.kind == "likert" and values else NOTHING,
        rate([value == option for value, option in zip(values, shown_first, strict=False)]),
        sum(chance) / len(chance) if chance else float("nan"),
        [] if item.options else [row.label for row in valid[:EXAMPLES]],
    )
