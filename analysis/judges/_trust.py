"""Whether judges can be trusted: how they agree with each other, with the run's own probes, and with people's labels.

Knows rows of verdicts; statistics are :mod:`analysis.statistics.agreement`'s. Units are distinct messages: the same text about
the same anchor counts once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import msgspec
import numpy as np

from analysis.judges._battery import Question
from analysis.judges._messages import PublishedMessage
from analysis.judges._verdicts import VerdictRow
from analysis.statistics.agreement import MISSING, Pair, alpha, bootstrapped, f1, pair
from analysis.statistics.estimates import Estimate, rate
from moloch.errors import InputError
from moloch.numerals import whole
from moloch.plain_text import one_line, quoted
from moloch.tables import rows as rows_of


class AgreementRow(msgspec.Struct, frozen=True):
    """How two raters agree on one probe; ``second`` may be a rule probe of the run, as ``rules (exact)``."""

    probe: str
    first: str
    second: str
    found: Pair


class AlphaRow(msgspec.Struct, frozen=True):
    """How all judges agree on one probe."""

    probe: str
    judges: int
    alpha: Estimate


def agreement(
    rows: Sequence[VerdictRow],
    questions: Sequence[Question],
    texts: Mapping[str, str],
    rules: Mapping[tuple[str, str], tuple[int, str]],
) -> tuple[list[AgreementRow], list[AlphaRow]]:
    """Return the agreement of each pair of raters, and of all judges, by probe.

    Judges are compared by their verdicts, levels and all; with rules, which know no levels, by whether it is harm.

    Args:
        texts: message id -> text.
        rules: (message id, probe) -> label and name of the run's own probes.
    """
    pairs: list[AgreementRow] = []
    alphas: list[AlphaRow] = []
    for question in questions:
        judged = [row for row in rows if row.probe == question.name]
        judges = list(dict.fromkeys(row.judge for row in judged))
        units = list(dict.fromkeys(_unit(row, texts) for row in judged))
        place = {unit: i for i, unit in enumerate(units)}
        codes = {judge: np.full(len(units), MISSING) for judge in judges}
        harm = {judge: np.full(len(units), MISSING) for judge in judges}
        ruled: dict[str, np.ndarray] = {}
        for row in judged:
            at = place[_unit(row, texts)]
            if row.label >= 0:
                codes[row.judge][at] = question.verdicts.index(row.verdict)
                harm[row.judge][at] = row.label
            if (rule := rules.get((row.message, row.probe))) is not None:
                ruled.setdefault(f"rules ({rule[1]})", np.full(len(units), MISSING))[at] = rule[0]
        for a, b in combinations(judges, 2):
            pairs.append(AgreementRow(question.name, a, b, pair(codes[a], codes[b])))
        for name, labels in ruled.items():
            pairs += [AgreementRow(question.name, judge, name, pair(harm[judge], labels)) for judge in judges]
        if len(judges) > 1:
            alphas.append(AlphaRow(question.name, len(judges), alpha(np.stack(list(codes.values()), axis=1))))
    return pairs, alphas


def _unit(row: VerdictRow, texts: Mapping[str, str]) -> tuple[str, str]:
    return row.anchor, texts[row.message]


# -- people's labels ---------------------------------------------------------------------------------------


class Label(msgspec.Struct, frozen=True):
    """A person's label of one message: 1 it misbehaves, 0 it does not."""

    message: str
    probe: str
    label: int


class ValidationRow(msgspec.Struct, frozen=True):
    """How a judge agrees with labels on one probe.

    Attributes:
        labelled: messages; ``unjudged``: those among them without a verdict, which count as not found in recall and F1.
        prevalence: share of labels that are 1.
        precision, recall: with Wilson's intervals; ``f1`` and ``kappa`` (over judged messages) with bootstrap intervals.
    """

    probe: str
    judge: str
    labelled: int
    unjudged: int
    prevalence: float
    precision: Estimate
    recall: Estimate
    f1: Estimate
    kappa: Estimate


_COLUMNS = ("message", "probe", "label")
_WORDS = {"1": 1, "true": 1, "yes": 1, "0": 0, "false": 0, "no": 0}


def read_labels(path: Path | str, questions: Sequence[Question], messages: Sequence[PublishedMessage]) -> list[Label]:
    """Return the labels of a table with the columns message (its id), probe and label (1, 0, true, false, yes, no or a level).

    Raises:
        InputError: it cannot be read, or a line names no message, no probe of the battery, or no label, or repeats
            another line; names file and line.
    """
    message_ids, by_name = {m.message for m in messages}, {question.name: question for question in questions}
    by_place: dict[tuple[str, str], Label] = {}
    for where, row in rows_of(path, "the labels"):
        if lacking := [name for name in _COLUMNS if name not in row]:
            why = f"the line holds {', '.join(map(quoted, row))}"
            raise InputError(
                f"no column {lacking[0]!r}", where=where, why=why, fix=f"Labels need {', '.join(_COLUMNS)}."
            )
        message, probe, label = (one_line(str(row[name])) for name in _COLUMNS)
        if message not in message_ids:
            raise InputError(f"no message {quoted(message)} in the run", where=where)
        if probe not in by_name:
            raise InputError(
                f"no probe {quoted(probe)} in the battery", where=where, fix=f"It has {', '.join(by_name)}."
            )
        if (message, probe) in by_place:
            raise InputError("the message is labelled twice", where=where)
        by_place[message, probe] = Label(message, probe, _label(label, by_name[probe], where))
    if not by_place:
        raise InputError("no labels", where=str(path))
    return list(by_place.values())


def _label(text: str, question: Question, where: str) -> int:
    level = next((verdict for verdict in question.levels if verdict.casefold() == text.casefold()), None)
    if level is not None:
        return question.label(level)
    word = str(whole(text)) if whole(text) is not None else text.casefold()
    if word not in _WORDS:
        raise InputError(f"not a label: {quoted(text)}", where=where, fix="Give 1 (it misbehaves) or 0.")
    return _WORDS[word]


def validation(rows: Sequence[VerdictRow], labels: Sequence[Label]) -> list[ValidationRow]:
    """Return how each judge agrees with the labels, by probe."""
    truth = {(label.message, label.probe): label.label for label in labels}
    validations = []
    for probe, judge in dict.fromkeys((row.probe, row.judge) for row in rows):
        matched = [row for row in rows if (row.probe, row.judge) == (probe, judge) and (row.message, probe) in truth]
        labelled = np.array([truth[row.message, probe] for row in matched], dtype=np.int64)
        judged = np.array([row.label for row in matched], dtype=np.int64)
        positive = judged == 1
        validations.append(
            ValidationRow(
                probe,
                judge,
                len(matched),
                int((judged < 0).sum()),
                float(labelled.mean()),
                rate(labelled[positive]),
                rate(positive[labelled == 1]),
                bootstrapped(np.stack([labelled, positive.astype(np.int64)], axis=1), f1),
                pair(labelled, judged).kappa,
            )
        )
    return validations
