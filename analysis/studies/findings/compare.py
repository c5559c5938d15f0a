"""Two studies side by side: differences of estimates for the levels and arms that both have, and how their pages differ. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.studies.findings.results import StudyResults, study_results
from analysis.studies.record.study_log import StudyLog
from analysis.studies.values.corrections import EstimateRow
from analysis.studies.values.estimates import differences, frame_rows
from moloch.errors import InputError


@dataclass(frozen=True)
class StudyComparison:
    """What :func:`compare_studies` made of two studies.

    Attributes:
        by: factors that both have, by which rows are split.
        shared_seeds: seeds that both have: differences are taken within them.
        pages: what their pages say otherwise: key, A's and B's.
        only_a, only_b: levels and arms of one study alone, in words.
    """

    a: StudyResults
    b: StudyResults
    by: tuple[str, ...]
    shared_seeds: tuple[int, ...]
    pages: tuple[tuple[str, str, str], ...]
    rows: tuple[EstimateRow, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return everything as a JSON-able mapping."""
        return {
            "a": str(self.a.folder),
            "b": str(self.b.folder),
            "by": list(self.by),
            "shared_seeds": list(self.shared_seeds),
            "pages": [{"key": key, "a": a, "b": b} for key, a, b in self.pages],
            "rows": list(frame_rows(self.rows)),
            "only_a": list(self.only_a),
            "only_b": list(self.only_b),
            "missing": {"a": len(self.a.missing), "b": len(self.b.missing)},
            "withheld": list({**self.a.said.get("withheld", {}), **self.b.said.get("withheld", {})}),
            "notes": list({**self.a.said.get("note", {}), **self.b.said.get("note", {})}),
        }


def compare_studies(
    a: Path,
    b: Path,
    by: Sequence[str] | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> StudyComparison:
    """Return how two studies differ, B less A.

    Args:
        by: factors that both have; by default all such with levels. Others are averaged over.

    Raises:
        InputError: one is no study, a factor is not in both, or no cell of one has ended.
        LogError: a log cannot be read.
    """
    one, other = study_results(a, by, report), study_results(b, by, report)
    factors = tuple(name for name in one.by if name in other.by)
    rows = differences(one.cells, other.cells, factors)
    if not rows:
        raise InputError(
            "the studies have no levels and arms in common",
            where=f"{a}, {b}",
            why=f"A has {_told(_groups(one, factors))}; B has {_told(_groups(other, factors))}",
        )
    of_a, of_b = (dict.fromkeys(_groups(each, factors)) for each in (one, other))
    return StudyComparison(
        a=one,
        b=other,
        by=factors,
        shared_seeds=tuple(seed for seed in one.seeds if seed in other.seeds),
        pages=tuple(_pages(StudyLog(a).state().page, StudyLog(b).state().page)),
        rows=tuple(rows),
        only_a=tuple(each for each in of_a if each not in of_b),
        only_b=tuple(each for each in of_b if each not in of_a),
    )


def _groups(told: StudyResults, by: Sequence[str]) -> list[str]:
    named = {
        ", ".join([*(f"{factor}={cell.factors[factor]}" for factor in by), measured.arm])
        for cell in told.cells
        for measured in cell.tables
    }
    return sorted(named)


def _told(groups: Sequence[str]) -> str:
    return "; ".join(groups[:4]) + (" ..." if len(groups) > 4 else "")


def _pages(a: Any, b: Any, key: str = "") -> list[tuple[str, str, str]]:
    """Return where two pages differ, mapping by mapping."""
    if isinstance(a, dict) and isinstance(b, dict):
        names = dict.fromkeys([*a, *b])
        return [
            each for name in names for each in _pages(a.get(name), b.get(name), f"{key}.{name}" if key else str(name))
        ]
    return [] if a == b else [(key, _value(a), _value(b))]


def _value(value: Any) -> str:
    return "–" if value is None else str(value)
