"""Sentences of an answer as a page shows them: the numbers in them lead to the rows behind them.

Knows how sentences write a number; knows nothing of what it says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from analysis.answers import AnswerSentence, RowKey
from analysis.figures.palette import Look
from analysis.ui.data.looks import css

ESTIMATE = re.compile(r"[+−-]?\d[\d,]*(?:\.\d+)? (?:%|points)(?: \[[^\]]*\])?")
"""A share or a difference, with its interval where it has one."""
ASIDE = re.compile(r"\([^()]*\)")
"""What stands in brackets says something of a number, and is none that was estimated."""
CLAUSE = "; "
"""Stands between what a sentence says of one outcome and of the next."""


def sentence_rows(
    sentences: Iterable[AnswerSentence], looks: Mapping[str, Look], url: Callable[[RowKey], str]
) -> list[dict[str, Any]]:
    """Return sentences with the colour of their arm and their pieces, pairs of text and address; none where it is text alone.

    Args:
        url: of the rows behind a number; empty for none.
    """
    return [
        {"pieces": _pieces(each, url), "colour": css(looks.get(each.rows[0].arm) if each.rows else None)}
        for each in sentences
    ]


def _pieces(sentence: AnswerSentence, url: Callable[[RowKey], str]) -> list[list[str]]:
    clauses, keys = sentence.text.split(CLAUSE), _by_outcome(sentence.rows)
    if len(clauses) != len(keys):  # another form: its rows are named behind it
        named = [
            [f"{key.outcome.replace('_', ' ')}, {key.measure.replace('_', ' ')}", url(key)] for key in sentence.rows
        ]
        return [[sentence.text, ""], *([" ", ""] if index < 0 else each for index, each in enumerate(named) if each[1])]
    pieces: list[list[str]] = []
    for number, (clause, of) in enumerate(zip(clauses, keys, strict=True)):
        pieces += [[CLAUSE, ""]] if number else []
        pieces += _linked(clause, [url(key) for key in of])
    return pieces


def _by_outcome(rows: Iterable[RowKey]) -> list[list[RowKey]]:
    groups: dict[str, list[RowKey]] = {}
    for key in rows:
        groups.setdefault(key.outcome, []).append(key)
    return list(groups.values())


def _linked(clause: str, urls: list[str]) -> list[list[str]]:
    """Return a clause in pieces: its numbers lead to the addresses in turn, those beyond them to the last one."""
    asides = [found.span() for found in ASIDE.finditer(clause)]
    pieces, at, taken = list[list[str]](), 0, 0
    for found in ESTIMATE.finditer(clause):
        if any(start <= found.start() < end for start, end in asides):
            continue
        pieces += [[clause[at : found.start()], ""], [found[0], urls[min(taken, len(urls) - 1)]]]
        at, taken = found.end(), taken + 1
    return [piece for piece in [*pieces, [clause[at:], ""]] if piece[0]]
