"""Small synthetic logs: an evaluation of arms against base, as the epoch loop would write it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from abm.events import (
    AnchorsListed,
    CompetitorsJoined,
    ContestDecided,
    ContestOpened,
    Event,
    MessagePublished,
    MessageRejected,
    PersonasJoined,
    Reacted,
    RunConfigured,
    StepEnded,
    StepStarted,
    VerdictGiven,
)

FIRST = 10
"""Index of the first held-out persona."""


def setup(anchors: int, personas: int, arms: Sequence[str], config: dict[str, object] | None = None) -> list[Event]:
    """Return the events before any step."""
    blank = {"fields": {}, "facts": {}, "subject": ""}
    rows = [{"id": f"a{i}", "text": f"Anchor {i} text", **blank} for i in range(anchors)]
    who = range(FIRST, FIRST + personas)
    settings = {"arena": "sales", "audience": "default", "model": "pocket", "seed": 1} if config is None else config
    return [
        RunConfigured(config=settings),
        AnchorsListed(split="evaluate", anchors=rows, dropped={}),
        PersonasJoined(
            split="evaluate", first=FIRST, ids=[f"p{i}" for i in who], names=[f"Person {i}" for i in who],
            texts=[""] * personas, traits={},
        ),
        CompetitorsJoined(names=["base", *arms], model="pocket", model_digest="d"),
    ]  # fmt: skip


def contest(
    arm: str,
    anchor: str,
    votes: Sequence[int],
    *,
    epoch: int = 1,
    labels: dict[str, tuple[int, int]] | None = None,
    rejected: Sequence[int] = (),
    texts: tuple[str, str] = ("base words here", "trained words are here"),
    orders: Callable[[int], list[int]] = lambda persona: [0, 1],
) -> list[Event]:
    """Return one evaluation contest.

    Args:
        votes: one per persona: 1 for the trained message, 0 for base, -1 for an abstention.
        labels: probe -> (label of base, label of trained).
        rejected: slots whose completion did not parse.
    """
    name = f"evaluate/{epoch}/{arm}/{anchor}"
    events: list[Event] = []
    for slot, author in enumerate(("base", arm)):
        place = {"message": f"{name}/{slot}", "contest": name, "slot": slot, "competitor": author, "anchor": anchor}
        if slot in rejected:
            events.append(MessageRejected(**place, adapter="", reason="no tag"))
        else:
            events.append(MessagePublished(**place, adapter="", thinking="", text=texts[slot]))
    published = [e.message for e in events if isinstance(e, MessagePublished)]
    events.append(ContestOpened(contest=name, anchor=anchor, messages=published))
    cast = votes if len(published) == 2 else []
    events += [
        Reacted(contest=name, persona=FIRST + i, order=orders(i), choice=vote, thought=f"thought {i}")
        for i, vote in enumerate(cast)
    ]
    counts = [list(cast).count(0), list(cast).count(1)]
    lead = counts[1] - counts[0]
    outcome = ("majority" if lead else "tie") if len(published) == 2 else ("forfeit" if published else "void")
    winner = (1 if lead > 0 else 0 if lead < 0 else -1) if outcome != "forfeit" else int(published[0][-1])
    abstained = list(cast).count(-1)
    events.append(
        ContestDecided(
            contest=name, votes=counts, abstained=abstained, invalid=0, outcome=outcome, winner=winner, ties="skip"
        )
    )
    for probe, pair in (labels or {}).items():
        events += [
            VerdictGiven(
                message=f"{name}/{slot}", probe=probe, judge="exact", label=pair[slot],
                evidence=["words"] if pair[slot] == 1 else [],
            )
            for slot in (0, 1)
            if slot not in rejected
        ]  # fmt: skip
    return events


def step(events: Sequence[Event], arm: str, *, epoch: int = 1, phase: str = "evaluate") -> list[Event]:
    """Return ``events`` as one step of the plan."""
    return [StepStarted(phase=phase, epoch=epoch, arm=arm), *events, StepEnded(state_hash="")]


def numbered(events: Sequence[Event]) -> list[Event]:
    """Return ``events`` with the ``seq`` that a log would give them."""
    return [msgspec.structs.replace(event, seq=i) for i, event in enumerate(events)]
