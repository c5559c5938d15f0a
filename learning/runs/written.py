"""What became of what writers wrote: how much could be read, why the rest could not, and what would help.

A fold of a log's events, pure; for the first step of a run, for a training without anything to learn from, for a table. Knows
nothing of votes and of what messages claim.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import ClassVar

import msgspec

from abm.arenas import Arena
from abm.arenas.messages import NO_SENTENCE
from abm.arenas.near import repeats
from abm.events import (
    ArenaSet,
    Event,
    LLMReplied,
    MessagePublished,
    MessageRedrawn,
    MessageRejected,
    Phase,
    StepEnded,
    StepStarted,
)
from abm.llm.port import NO_ANSWER
from abm.log import EventLog
from learning.plan.parts import has_old_messages

OFTEN = 0.1
"""Share of messages from which a failure is worth a word of advice."""


class WritingCounts(msgspec.Struct):
    """Counts of one writer's messages, or of several writers'.

    Attributes:
        published, rejected: messages in the end, after all attempts.
        redrawn: messages of those that took more than one attempt.
        reasons: why answers could not be read -> answers, those that were asked for again among them.
        answers: of the model, each attempt one; ``bounded``: those that met the bound on tokens.
        cut: messages cut at their last whole sentence.
        copied: messages that repeat an example of the prompt.
        sample: the first message published; empty if there is none.
        unread: the first answer that could not be read; empty if all could.
    """

    published: int = 0
    rejected: int = 0
    redrawn: int = 0
    reasons: dict[str, int] = {}
    answers: int = 0
    bounded: int = 0
    cut: int = 0
    copied: int = 0
    sample: str = ""
    unread: str = ""

    @property
    def messages(self) -> int:
        """All that were to be written."""
        return self.published + self.rejected

    @property
    def parsed(self) -> float:
        """Share of answers that could be read, each attempt counted; 1 where there were none."""
        failed = sum(self.reasons.values())
        read = self.published + failed
        return self.published / read if read else 1.0

    @property
    def at_bound(self) -> float:
        """Share of answers that met the bound on tokens."""
        return self.bounded / self.answers if self.answers else 0.0


class WrittenReading:
    """Counts what is written as events come, by competitor.

    Args:
        arena: whose examples may be copied; by default the one that the log sets.
        phase: count only what is written in it; by default in both.
    """

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset(
        {ArenaSet, StepStarted, LLMReplied, MessagePublished, MessageRedrawn, MessageRejected}
    )

    def __init__(self, arena: Arena | None = None, phase: Phase | None = None) -> None:
        self._arena, self._phase, self._counted = arena, phase, True
        self._by: dict[str, WritingCounts] = {}
        self._answers: dict[int, LLMReplied] = {}

    def take(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case ArenaSet():
                self._arena = self._arena or Arena.recorded(event.arena)
            case StepStarted():
                self._counted = self._phase in (None, event.phase) and not has_old_messages(event.arm)
            case _ if not self._counted:
                pass
            case LLMReplied() if event.site.startswith("write/"):
                self._answers[event.seq] = event
            case MessagePublished() | MessageRedrawn() | MessageRejected():
                self._count(event)
            case _:
                pass

    def result(self) -> dict[str, WritingCounts]:
        """Return competitor -> counts so far."""
        return self._by

    def _count(self, event: MessagePublished | MessageRedrawn | MessageRejected) -> None:
        counts = self._by.setdefault(event.competitor, WritingCounts(reasons={}))
        answer = self._answers.pop(event.cause, None)
        if answer is not None:
            counts.answers += 1
            counts.bounded += answer.finish == "length"
        if isinstance(event, MessagePublished):
            counts.published += 1
            counts.redrawn += event.attempt > 1
            counts.cut += event.cut > 0
            counts.copied += self._copies(event.text)
            counts.sample = counts.sample or event.text
            return
        reason = event.reason if answer is None else NO_ANSWER.get(answer.finish, event.reason)
        counts.reasons[reason] = counts.reasons.get(reason, 0) + 1
        counts.unread = counts.unread or (answer.text if answer is not None else "")
        if isinstance(event, MessageRejected):
            counts.rejected += 1
            counts.redrawn += event.attempt > 1

    def _copies(self, text: str) -> bool:
        return self._arena is not None and repeats(text, [example.message for example in self._arena.examples])


def total(parts: Iterable[WritingCounts]) -> WritingCounts:
    """Return the counts of several writers together."""
    everything, reasons = WritingCounts(reasons={}), Counter[str]()
    for part in parts:
        for name in ("published", "rejected", "redrawn", "answers", "bounded", "cut", "copied"):
            setattr(everything, name, getattr(everything, name) + getattr(part, name))
        everything.sample = everything.sample or part.sample
        everything.unread = everything.unread or part.unread
        reasons.update(part.reasons)
    everything.reasons = dict(reasons.most_common())
    return everything


def written(events: Iterable[Event], arena: Arena | None = None) -> WritingCounts:
    """Return the counts of all that is written in some events, by whomever."""
    reading = WrittenReading(arena)
    for event in events:
        reading.take(event)
    return total(reading.result().values())


def first_step(log: EventLog, also: frozenset[type[Event]] = frozenset()) -> list[Event]:
    """Return what :func:`written` counts of a run's first step, and its arena; nothing if that step has not ended.

    Args:
        also: other types of events that are wanted.
    """
    until: list[Event] = []
    for block in log.blocks():
        for event in block.events(WrittenReading.TAKES | also | {StepEnded}):
            if isinstance(event, StepEnded):
                return until
            until.append(event)
    return []


def advice(counts: WritingCounts, arena: Arena) -> Iterator[str]:
    """Yield what would help, each as one sentence; nothing where messages are as they should be."""
    failed = counts.reasons
    answers = max(1, counts.published + sum(failed.values()))
    cut_off = sum(n for reason, n in failed.items() if reason.startswith("unclosed") or reason == NO_SENTENCE)
    no_tag = failed.get(f"no <{arena.tag}>", 0)
    tags = sum(n for reason, n in failed.items() if reason.startswith("tags inside message"))
    uncalled = sum(failed.get(why, 0) for why in NO_ANSWER.values())
    if uncalled > OFTEN * answers:
        yield "The server completed too few calls: look at its messages, or lower its concurrency; the writer is not at fault."
    if no_tag > OFTEN * answers:
        yield (
            f"The model does not write <{arena.tag}>: ask for plain text with --set format=plain, or have the arena's write "
            "template ask for the tag."
        )
    if tags > OFTEN * answers:
        yield "The model writes tags: leave out format: plain, or change the examples."
    if counts.at_bound > OFTEN and (cut_off or arena.cut == "none"):
        yield "Many answers met the bound on tokens: raise sampling.max_tokens, or set cut=sentence to publish whole sentences."
    if failed.get("unclosed <think>", 0) > OFTEN * answers:
        yield "The model was still thinking at the bound: switch thinking off where it is served, or raise sampling.max_tokens."
    if counts.copied > OFTEN * max(1, counts.published):
        yield "Messages repeat the prompt's examples: change examples, or use more of them that differ."
    other = sum(failed.values()) - no_tag - tags - cut_off - uncalled
    if counts.rejected > OFTEN * max(1, counts.messages) and other > OFTEN * answers and arena.attempts == 1:
        yield "Ask again for what cannot be read with --set attempts=3, the same for all arms."
