"""What a run decided, in one canonical form: two runs that decided the same have equal decisions, interrupted or not.

A decision has no ``seq`` and no time. Events about the process are left out, and a field that names an event by its ``seq``
holds that event's place among the decisions instead, which an interruption does not shift. Answers of models that follow
each other are sorted by site, since those of remote models arrive in any order. Digests, comparisons of
runs and replays use this form. Knows nothing of what decisions mean.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from abm.events import AdapterTrained, Event, Lifecycle, LLMReplied
from moloch.content import canonical

NOT_DECIDED = ("seq", "at", "v")
"""Fields that the log gives, not the decision."""


class Decision(msgspec.Struct, frozen=True, gc=False):
    """One decision.

    Attributes:
        event: without ``seq`` and time; fields that name other events hold places among the decisions, -1 for none.
        seq: the event's place in the log.
        line: the event as it was written, if that was in an older schema.
    """

    event: Event
    seq: int
    line: bytes | None = None


class Decisions:
    """Turns the events of a log, one after the other, into decisions. Holds only answers that are still to be sorted.

    Args:
        left_out: types of events that are no decisions, and are not counted among them.
    """

    def __init__(self, left_out: tuple[type[Event], ...] = (Lifecycle,)) -> None:
        self._left_out = left_out
        self._places = _Places()
        self._answers: list[LLMReplied] = []

    @classmethod
    def of(cls, events: Iterable[Event], left_out: tuple[type[Event], ...] = (Lifecycle,)) -> Iterator[Decision]:
        """Yield the decisions of a whole log."""
        decisions = cls(left_out)
        for event in events:
            yield from decisions.add(event)
        yield from decisions.waiting()

    def add(self, event: Event, line: bytes | None = None) -> tuple[Decision, ...]:
        """Add the next event of the log and return the decisions that are now in their order.

        Args:
            line: the event as it was written, if that was in an older schema; those kept answers in the order of the log.
        """
        if isinstance(event, self._left_out):
            self._places.leave_out(event.seq)
            return ()
        if isinstance(event, LLMReplied) and line is None:
            self._answers.append(event)
            return ()
        if not self._answers:
            return (self._decision(event, line),)
        answers = self.waiting()
        self._places.reorder([answer.seq for answer in self._answers], [decision.seq for decision in answers])
        self._answers = []
        return (*answers, self._decision(event, line))

    def waiting(self) -> list[Decision]:
        """Return the answers that no other decision has followed yet, in the order that they have if none joins them."""
        ordered = sorted(self._answers, key=lambda answer: (answer.site, answer.seq))
        return [self._decision(answer) for answer in ordered]

    def _decision(self, event: Event, line: bytes | None = None) -> Decision:
        place = self._places.of
        canonical = msgspec.structs.replace(event, seq=-1, at=0.0, cause=place(event.cause))
        if isinstance(canonical, AdapterTrained):
            data_range = [place(seq) for seq in canonical.data_range]
            canonical = msgspec.structs.replace(canonical, data_range=data_range)
        return Decision(canonical, event.seq, line)


class _Places:
    """The place of each event among the decisions; 8 bytes for an event left out, 16 for an answer that was moved."""

    def __init__(self) -> None:
        self._left_out = array("q")
        self._moved, self._moved_to = array("q"), array("q")  # seqs, ascending, and their places

    def of(self, seq: int) -> int:
        """Return the place of event ``seq``; -1 for none, or one that was left out."""
        if seq < 0:
            return -1
        if self._moved and seq <= self._moved[-1]:  # a later step may use an answer again
            at = bisect_left(self._moved, seq)
            if self._moved[at] == seq:
                return self._moved_to[at]
        if not self._left_out:
            return seq
        before = bisect_left(self._left_out, seq)
        if before < len(self._left_out) and self._left_out[before] == seq:
            return -1
        return seq - before

    def leave_out(self, seq: int) -> None:
        """Do not count the event ``seq``, the newest so far."""
        self._left_out.append(seq)

    def reorder(self, seqs: list[int], ordered: list[int]) -> None:
        """Give the places of the events ``seqs``, the newest so far, to the same events in another order."""
        places = {seq: self.of(at) for at, seq in zip(seqs, ordered, strict=True)}
        moved = [seq for seq in seqs if places[seq] != self.of(seq)]
        self._moved.extend(moved)
        self._moved_to.extend(places[seq] for seq in moved)


def equal(left: Event, right: Event) -> bool:
    """Return whether two events of one log, or of equal logs, are the same decision."""
    changed: dict[str, Any] = {name: getattr(right, name) for name in NOT_DECIDED}
    if msgspec.structs.replace(left, **changed) == right:
        return True
    return type(left) is type(right) and not unequal_fields(left, right)


def unequal_fields(left: Event, right: Event) -> list[str]:
    """Return the names of the decided fields in which two events of one type differ."""
    names = (name for name in left.__struct_fields__ if name not in NOT_DECIDED)
    return [name for name in names if not same_value(getattr(left, name), getattr(right, name))]


def same_value(left: Any, right: Any) -> bool:
    """Return whether two values are encoded alike: in the log a tuple is a list, and NaN is null."""
    return left == right or canonical(left) == canonical(right)
