"""The answer of a run's tables or of a study's results, whichever it is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.answers._run import run_answer
from analysis.answers._study import study_answer
from analysis.answers.sentence import AnswerSentence


def answer(results: Mapping[str, Any]) -> list[AnswerSentence]:
    """Return the answer in plain sentences: findings, then how far they hold, then what is missing. A pure function.

    Args:
        results: the tables of a run, as :func:`analysis.tables.results.results` makes them, or a study's results, as
            ``analysis.studies.findings.results.StudyResults.as_dict`` does.
    """
    return study_answer(results) if "rows" in results else run_answer(results)
