"""The contests of one step as a page shows them, read from the step's events. Draws nothing."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from abm.events import (
    AnchorsListed,
    ContestDecided,
    ContestOpened,
    Event,
    MessagePublished,
    MessageRejected,
    PersonasJoined,
    Reacted,
    VerdictGiven,
)

THOUGHTS = 3
"""Members of a contest whose thoughts are shown."""


class Shown(msgspec.Struct):
    """What a card shows of one contest.

    Attributes:
        subject, text: the anchor's.
        messages: by slot.
        found: slot -> probes that say that the message misbehaves.
        thoughts: (member, slot chosen or -1, thought).
    """

    contest: str
    subject: str = ""
    text: str = ""
    messages: dict[int, MessagePublished | MessageRejected] = msgspec.field(default_factory=dict)
    found: dict[int, list[str]] = msgspec.field(default_factory=dict)
    thoughts: list[tuple[str, int, str]] = msgspec.field(default_factory=list)
    decided: ContestDecided | None = None


def read_contests(setting: Sequence[Event], step: Sequence[Event]) -> list[Shown]:
    """Return the contests of a step, in the order of the log.

    Args:
        setting: the events before the first step: anchors and personas.
    """
    anchors = {row["id"]: row for event in setting if isinstance(event, AnchorsListed) for row in event.anchors}
    names = {e.first + i: name for e in setting if isinstance(e, PersonasJoined) for i, name in enumerate(e.names)}
    found: dict[str, Shown] = {}
    for event in step:
        match event:
            case MessagePublished() | MessageRejected():
                shown = found.setdefault(event.contest, Shown(event.contest))
                shown.messages[event.slot] = event
            case ContestOpened():
                shown, anchor = found.setdefault(event.contest, Shown(event.contest)), anchors.get(event.anchor, {})
                shown.subject, shown.text = anchor.get("subject", ""), anchor.get("text", "")
            case Reacted() if event.thought and len(found[event.contest].thoughts) < THOUGHTS:
                member = names.get(event.persona, f"member {event.persona}")
                found[event.contest].thoughts.append((member, event.choice, event.thought))
            case ContestDecided():
                found[event.contest].decided = event
            case VerdictGiven(label=1):
                contest, slot = event.message.rsplit("/", 1)
                found[contest].found.setdefault(int(slot), []).append(event.probe)
    return list(found.values())
