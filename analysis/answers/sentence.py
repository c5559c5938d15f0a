"""A sentence of an answer, and the rows of tables that it speaks of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

SentenceKind = Literal["finding", "scope", "advice"]
"""What an arm came to; how far intervals hold; what is missing and what to run."""


class RowKey(NamedTuple):
    """The name of a row: of a run's tables, or of the tidy frame of a study.

    Attributes:
        outcome: ``win_rate`` or a probe; ``measure``: as ``rate``, ``from_comparator``.
        levels: factor -> level of a study's row, as pairs.
        hypothesis: whose row it is, of those that a study declared; empty for rows of estimates.
    """

    arm: str
    outcome: str
    measure: str
    levels: tuple[tuple[str, str], ...] = ()
    hypothesis: str = ""

    @property
    def anchor(self) -> str:
        """Its name as an id of HTML, the same for the same row; different rows may share one only where letters alone differ."""
        parts = [f"{factor}-{level}" for factor, level in self.levels]
        parts += [self.arm, self.outcome, self.measure, *([f"hypothesis-{self.hypothesis}"] if self.hypothesis else [])]
        return "row-" + "--".join(re.sub(r"[^A-Za-z0-9]+", "-", part).strip("-") or "none" for part in parts)


@dataclass(frozen=True)
class AnswerSentence:
    """One sentence, or a few that belong together.

    Attributes:
        text: plain text, never markup.
        rows: those that it speaks of, in order.
    """

    text: str
    rows: tuple[RowKey, ...] = ()
    kind: SentenceKind = "finding"


def plain_sentences(sentences: Iterable[AnswerSentence]) -> list[dict[str, Any]]:
    """Return sentences as JSON can hold them."""
    return [
        {
            "kind": each.kind,
            "text": each.text,
            "rows": [key._asdict() | {"levels": dict(key.levels)} for key in each.rows],
        }
        for each in sentences
    ]


def levels_of(row: Mapping[str, Any], by: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return the levels of a study's row, without those that it has none of."""
    return tuple((factor, level_words(row[factor])) for factor in by if row.get(factor) is not None)


def level_words(value: object) -> str:
    """Return how a level is called."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
