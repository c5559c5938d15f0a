"""Small synthetic logs of training contests, as a run would write them: for tests of methods. Knows events only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from abm.events import (
    AnchorsListed,
    ContestDecided,
    ContestOpened,
    Event,
    MessagePublished,
    PersonasJoined,
    Phase,
    Reacted,
    StepEnded,
    StepStarted,
)


def setup(anchors: Sequence[str], personas: int = 5) -> list[Event]:
    """Return the events before any step: the anchors, and ``personas`` people who have a text."""
    blank = {"fields": {}, "facts": {}, "subject": ""}
    return [
        AnchorsListed(split="train", anchors=[{"id": a, "text": f"Title: {a}", **blank} for a in anchors], dropped={}),
        PersonasJoined(
            split="train",
            first=0,
            ids=[f"p{i}" for i in range(personas)],
            names=[f"Person {i}" for i in range(personas)],
            texts=[f"I am person {i}." for i in range(personas)],
            traits={},
        ),
    ]


def contest(
    anchor: str,
    choices: Sequence[int],
    *,
    slots: Sequence[int] = (0, 1),
    orders: Sequence[Sequence[int]] | None = None,
    place: str = "train/1/shared",
    ties: str = "skip",
    coin: int = -1,
) -> list[Event]:
    """Return the events of one contest; persona i chooses ``choices[i]`` (-1 abstains), and has a thought in any case.

    Args:
        anchor: its id.
        slots: where a message was published; with fewer than two nobody is asked.
        orders: what each persona saw; by default the slots in their order.
        place: phase, epoch and arm, the beginning of the contest's id.
        ties: the policy, and ``coin``: the winner of a tie under policy ``random``.
    """
    name = f"{place}/{anchor}"
    published: list[Event] = [
        MessagePublished(
            message=f"{name}/{slot}",
            contest=name,
            slot=slot,
            competitor="base",
            anchor=anchor,
            adapter="",
            thinking=f"plan {slot}",
            text=f"Buy {anchor}, says {slot}.",
        )
        for slot in slots
    ]
    cast = list(choices) if len(slots) > 1 else []
    reactions: list[Event] = [
        Reacted(
            contest=name,
            persona=i,
            order=list(orders[i] if orders else slots),
            choice=choice,
            thought=f"Person {i} likes {choice} of {anchor}.",
        )
        for i, choice in enumerate(cast)
    ]
    votes = Counter(choice for choice in cast if choice >= 0)
    best = [slot for slot in slots if votes[slot] == max(votes.values(), default=0)]
    if len(slots) < 2:
        outcome, winner = ("forfeit", slots[0]) if slots else ("void", -1)
    elif not votes:
        outcome, winner = "void", -1
    else:
        outcome, winner = ("majority", best[0]) if len(best) == 1 else ("tie", coin)
    opened = ContestOpened(contest=name, anchor=anchor, messages=[f"{name}/{slot}" for slot in slots])
    decided = ContestDecided(
        contest=name,
        votes=[votes[slot] for slot in range(max(slots, default=0) + 1)],
        abstained=cast.count(-1),
        invalid=0,
        outcome=outcome,
        winner=winner,
        ties=ties,
    )
    return [*published, opened, *reactions, decided]


def step(events: Sequence[Event], arm: str = "shared", *, epoch: int = 1, phase: Phase = "train") -> list[Event]:
    """Return ``events`` as one step of the plan."""
    return [StepStarted(phase=phase, epoch=epoch, arm=arm), *events, StepEnded(state_hash="")]


def numbered(events: Sequence[Event]) -> list[Event]:
    """Return ``events`` with the ``seq`` that a log would give them."""
    return [msgspec.structs.replace(event, seq=i) for i, event in enumerate(events)]


def log(*contests: Sequence[Event]) -> list[Event]:
    """Return a whole log with one step of ``contests`` in the shared first epoch."""
    anchors = sorted({event.anchor for held in contests for event in held if isinstance(event, ContestOpened)})
    return numbered([*setup(anchors), *step([event for held in contests for event in held])])
