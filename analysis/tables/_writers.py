"""How each arm's writers wrote in the evaluation: what could not be read, was asked for again, cut, or repeats an example."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from learning.runs.written import WritingCounts


def writing_rows(counts: Mapping[str, WritingCounts]) -> list[dict[str, Any]]:
    """Return a row per arm, the base model among them, with shares of its messages; none where all of them are 0.

    ``at_bound`` is a share of the model's answers, of which a message may have taken several.
    """
    rows = [
        {
            "arm": arm,
            "messages": each.messages,
            "rejected": _share(each.rejected, each.messages),
            "redrawn": _share(each.redrawn, each.messages),
            "at_bound": each.at_bound,
            "cut": _share(each.cut, each.messages),
            "copied": _share(each.copied, each.messages),
        }
        for arm, each in counts.items()
    ]
    noted = any(row[name] for row in rows for name in ("rejected", "redrawn", "at_bound", "cut", "copied"))
    return rows if noted else []


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
