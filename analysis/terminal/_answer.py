"""The answer in sentences, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.answers import AnswerSentence

if TYPE_CHECKING:
    from rich.console import RenderableType

SHOWN = 12
"""Findings for which there is room; tables have the others."""
STYLES = {"finding": "", "scope": "dim", "advice": "cyan"}


def answer_lines(sentences: Sequence[AnswerSentence], shown: int = SHOWN) -> list[RenderableType]:
    """Return each sentence as a line, findings first."""
    from rich.text import Text

    findings = [each for each in sentences if each.kind == "finding"]
    others = [each for each in sentences if each.kind != "finding"]
    lines: list[RenderableType] = [Text(each.text, style=STYLES[each.kind]) for each in findings[:shown]]
    if (more := len(findings) - shown) > 0:
        lines.append(Text(f"and {more:,} more, in the tables", style="dim"))
    return [*lines, *(Text(each.text, style=STYLES[each.kind]) for each in others)]
