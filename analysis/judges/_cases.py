"""The package's own labelled cases as messages to judge: how good a judge is, before any run depends on it.

The cases are those of :mod:`analysis.probes.validate`, written and labelled by hand; they were never shown to a judge.
"""

from __future__ import annotations

from collections.abc import Sequence

from analysis.judges._battery import Question
from analysis.judges._messages import PublishedMessage
from analysis.judges._trust import Label
from analysis.probes.validate import VALIDATED, cases
from moloch.content import content_id
from moloch.errors import InputError

CASES = "cases"
"""The name of these cases where a file of labels is expected."""


def labelled_cases(
    questions: Sequence[Question], arena: str
) -> tuple[list[tuple[PublishedMessage, Question]], dict[str, str], list[Label]]:
    """Return the cases of these questions in an arena: messages with questions, the text of their anchors, and labels.

    Raises:
        InputError: there are none.
    """
    pairs: list[tuple[PublishedMessage, Question]] = []
    sources: dict[str, str] = {}
    labels: list[Label] = []
    for question in questions:
        for number, case in enumerate(cases(question.name) if question.name in VALIDATED else ()):
            if case.arena != arena:
                continue
            name, anchor = f"{CASES}/{question.name}/{number}", content_id(["case", case.anchor])
            sources[anchor] = case.anchor
            message = PublishedMessage(name, name, 0, "evaluate", 0, CASES, "", anchor, case.text)
            pairs.append((message, question))
            labels.append(Label(name, question.name, case.label))
    if not pairs:
        raise InputError(
            f"no labelled cases of these questions in the arena {arena!r}",
            why=f"there are cases of {', '.join(VALIDATED)} in sales, elections and social",
            fix="Give a CSV file of labels.",
        )
    return pairs, sources, labels
