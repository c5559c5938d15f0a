"""What became of what readers answered: how many answers name an option, why the others do not, and what would help.

A fold of a log's events, pure, like :mod:`learning.runs.written` for writers. Knows nothing of what was chosen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

import msgspec

from abm.events import Event, LLMReplied, Reacted, ReactedMany, ReactionInvalid, StepStarted
from abm.llm.port import NO_ANSWER
from learning.runs.attempts import is_retry
from learning.runs.written import OFTEN

NO_OPTION = "names no option"
AT_BOUND = "met the bound on tokens before it named an option"


class ReactionCounts(msgspec.Struct):
    """Counts of readers' answers.

    Attributes:
        valid, invalid: answers that name an option, and those that do not, after their second question.
        reasons: why not -> answers.
        sample: the first answer that names none; empty if all do.
    """

    valid: int = 0
    invalid: int = 0
    reasons: dict[str, int] = {}
    sample: str = ""

    @property
    def answers(self) -> int:
        """All of them."""
        return self.valid + self.invalid


class ReactionsReading:
    """Counts readers' answers as events come."""

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset(
        {LLMReplied, Reacted, ReactedMany, ReactionInvalid, StepStarted}
    )

    def __init__(self) -> None:
        self._counts = ReactionCounts(reasons={})
        self._finished: dict[str, str] = {}

    def take(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case Reacted():
                self._counts.valid += 1
            case ReactedMany():
                self._counts.valid += len(event.choices)
            case ReactionInvalid():
                self._count(event)
            case LLMReplied() if event.site.startswith("react/") and not is_retry(event.site):
                self._finished[event.site] = event.finish
            case StepStarted():
                self._finished.clear()
            case _:
                pass

    def result(self) -> ReactionCounts:
        """Return the counts so far."""
        return self._counts

    def _count(self, event: ReactionInvalid) -> None:
        counts, finish = self._counts, self._finished.get(f"react/{event.contest}/{event.persona}", "")
        reason = AT_BOUND if finish == "length" else NO_ANSWER.get(finish, NO_OPTION)
        counts.invalid += 1
        counts.reasons[reason] = counts.reasons.get(reason, 0) + 1
        counts.sample = counts.sample or event.raw


def reactions(events: Iterable[Event]) -> ReactionCounts:
    """Return the counts of all that is answered in some events."""
    reading = ReactionsReading()
    for event in events:
        reading.take(event)
    return reading.result()


def reading_advice(counts: ReactionCounts, arena: str) -> Iterator[str]:
    """Yield what would help readers, each as one sentence; nothing where their answers are as they should be."""
    least = OFTEN * max(1, counts.answers)
    if counts.reasons.get(NO_OPTION, 0) > least:
        yield (
            "The readers' model does not answer in the form that is asked: try --set reader.answer=json or "
            f"reader.answer=letters, or another model; moloch llm check MODEL --arena {arena} --audience llm looks at one."
        )
    if counts.reasons.get(AT_BOUND, 0) > least:
        yield "Readers were cut off: raise reader.max_tokens, or switch thinking off where the model is served."
    if sum(counts.reasons.get(why, 0) for why in NO_ANSWER.values()) > least:
        yield "The server completed too few of the readers' calls: look at its messages, or lower its concurrency."
