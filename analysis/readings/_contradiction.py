"""What readings say of an event that cannot be so after those before it: a log whose chain holds may still contradict itself."""

from __future__ import annotations

from collections.abc import Collection

from abm.events import Event
from moloch.errors import ContradictoryLog


class Contradiction(Exception):
    """Raised by a reading that takes such an event. The message says what contradicts what; which event it is stands before it."""


def contradicted(event: Event, error: Exception) -> ContradictoryLog:
    """Return what is said of an event that a reading could not take.

    Args:
        error: what the reading raised; where that is no :class:`Contradiction`, what exactly is wrong was not foreseen.
    """
    seen = f"a reading failed on it with {type(error).__name__}: {str(error)[:200]}"
    return ContradictoryLog(
        f"event {event.seq:,} ({event.__struct_config__.tag}) contradicts the events before it",
        seq=event.seq,
        why=str(error) if isinstance(error, Contradiction) else seen,
        fix=f"`moloch show RUN --event {event.seq}` shows it.",
    )


def check_slot(slot: str, contest: str, slots: Collection[int]) -> int:
    """Return the number of a message in its contest, as its id ends with it.

    Raises:
        Contradiction: the contest has no such message.
    """
    if slot.isascii() and slot.isdecimal() and int(slot) in slots:
        return int(slot)
    there = ", ".join(map(str, sorted(slots)))
    raise Contradiction(f"it is about message {slot[:40]!r} of contest {contest[:200]}, which has messages {there}")


def check_items(items: Collection[int], feed: int) -> None:
    """Check that places in a feed are those of its messages.

    Args:
        items: places; ``feed``: how many messages stand in it.

    Raises:
        Contradiction: one of them is beyond its end.
    """
    beyond = [item for item in items if not 0 <= item < feed]
    if beyond:
        raise Contradiction(
            f"it is about message {beyond[0]} of the feeds, which hold messages 0 to {feed - 1}"
            if feed
            else "it is about messages of feeds, and none were opened"
        )
