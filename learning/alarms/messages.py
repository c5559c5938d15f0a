"""What each policy writes, measured from the log as messages come: how long, how diverse, how repetitive, how readable, how copied.

A fold of a log's events. Nothing is generated for it: the messages are those that the policies wrote in their contests. Knows
nothing of votes and of what messages claim.
"""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar, NamedTuple

import msgspec

from abm.arenas import Arena
from abm.events import (
    AnchorsListed,
    ArenaSet,
    Event,
    LLMReplied,
    MessagePublished,
    MessageRedrawn,
    MessageRejected,
    OtherArenaSet,
    Phase,
    StepStarted,
)
from abm.societies import arena_in
from learning.alarms import texts

TOGETHER = 128
"""Texts of a writer over which diversity is measured, so that it means the same of everybody who wrote as many."""


class WriterKey(NamedTuple):
    """Who wrote, when: the messages of a competitor in one phase of an epoch."""

    phase: Phase
    epoch: int
    competitor: str
    arena: str = ""
    """Of another arena than the run's, its name."""


class MessageMeasures(msgspec.Struct, frozen=True):
    """Measures of the messages that one policy wrote.

    Attributes:
        adapter: that wrote them; empty for the base model.
        messages: all that were to be written.
        format_share: share of first answers that could be read as the arena wants them, 0 .. 1.
        tokens: mean tokens of an answer, thinking included; 0 where no model answered.
        words: mean words of a published message.
        distinct: :func:`~learning.alarms.texts.distinct` of the first :data:`TOGETHER` published messages; NaN where there is none.
        repetition, copy_rate: means over published messages, 0 .. 1.
    """

    adapter: str
    messages: int
    format_share: float
    tokens: float
    words: float
    distinct: float
    repetition: float
    copy_rate: float


class _Tally:
    """Sums over one writer's messages. Of what a policy writes about an anchor once for several societies, the first counts."""

    def __init__(self, society: str, adapter: str) -> None:
        self.society, self.adapter = society, adapter
        self.published = self.rejected = self.read_at_once = 0
        self.answers = self.tokens = self.words = 0
        self.repetition = self.copied = 0.0
        self.texts: list[str] = []

    def measures(self) -> MessageMeasures:
        messages, published = self.published + self.rejected, max(1, self.published)
        return MessageMeasures(
            adapter=self.adapter,
            messages=messages,
            format_share=self.read_at_once / max(1, messages),
            tokens=self.tokens / max(1, self.answers),
            words=self.words / published,
            distinct=texts.distinct(self.texts),
            repetition=self.repetition / published,
            copy_rate=self.copied / published,
        )


class MessageReading:
    """Measures what is written as events come."""

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset(
        {
            AnchorsListed,
            ArenaSet,
            StepStarted,
            LLMReplied,
            MessagePublished,
            MessageRedrawn,
            MessageRejected,
            OtherArenaSet,
        }
    )

    def __init__(self) -> None:
        self._arena: Arena | None = None
        self._anchors: dict[str, str] = {}
        self._shown: dict[str, frozenset[tuple[str, ...]]] = {}
        self._step: StepStarted | None = None
        self._tokens: dict[int, int] = {}
        self._tallies: dict[WriterKey, _Tally] = {}

    def take(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case ArenaSet():
                self._arena = Arena.recorded(event.arena)
            case AnchorsListed() | OtherArenaSet():
                self._anchors |= {str(row.get("id", "")): str(row.get("text", "")) for row in event.anchors}
            case StepStarted():
                self._step = event
            case LLMReplied() if event.site.startswith("write/"):
                self._tokens[event.seq] = event.tokens_out
            case MessagePublished() | MessageRedrawn() | MessageRejected() if self._step:
                self._count(event, self._step)
            case _:
                pass

    def result(self) -> dict[WriterKey, MessageMeasures]:
        """Return the measures of everybody who has written, in the order of the log."""
        return {who: tally.measures() for who, tally in self._tallies.items()}

    def _count(self, event: MessagePublished | MessageRedrawn | MessageRejected, step: StepStarted) -> None:
        who = WriterKey(step.phase, step.epoch, event.competitor, arena_in(step.arm))
        tally = self._tallies.setdefault(who, _Tally(step.arm, event.adapter))
        tokens = self._tokens.pop(event.cause, None)
        if tally.society != step.arm:
            return
        if tokens is not None:
            tally.answers += 1
            tally.tokens += tokens
        if isinstance(event, MessagePublished):
            self._publish(event, tally)
        elif isinstance(event, MessageRejected):
            tally.rejected += 1

    def _publish(self, event: MessagePublished, tally: _Tally) -> None:
        tally.published += 1
        tally.read_at_once += event.attempt == 1
        tally.words += len(event.text.split())
        tally.repetition += texts.repetition(event.text)
        tally.copied += texts.copied(event.text, [self._runs_of(event.anchor), *self._examples])
        if len(tally.texts) < TOGETHER:
            tally.texts.append(event.text)

    def _runs_of(self, anchor: str) -> frozenset[tuple[str, ...]]:
        if anchor not in self._shown:
            self._shown[anchor] = texts.source(self._anchors.get(anchor, ""))
        return self._shown[anchor]

    @cached_property
    def _examples(self) -> list[frozenset[tuple[str, ...]]]:
        return [texts.source(example.message) for example in self._arena.examples] if self._arena else []
