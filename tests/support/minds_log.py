"""A log of four members by hand: a poll, one whose opinion turns after a message that a friend shared, one who chooses otherwise the second time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import msgspec
import numpy as np

from abm.columns import Float32s, Int8s, Int16s, Int32s, pack
from abm.events import (
    AnchorsListed,
    ContestDecided,
    ContestOpened,
    Event,
    FeedOpened,
    FeedServed,
    MessagePublished,
    OpinionsShifted,
    PersonasJoined,
    PlatformOpened,
    PollTaken,
    Reacted,
    RunConfigured,
    StepEnded,
    StepStarted,
    VerdictGiven,
)

NAMES = ("Ann", "Ben", "Cem", "<b>Dee</b>")
FIRST = 10
CONTEST = "evaluate/1/rft/soap"
AGAIN = "evaluate/2/rft/soap"


def minds_log() -> list[Event]:
    """Return the events, numbered.

    In epoch 1 Ben (11) first thinks best of base, by 0.2; in round 2 Ann (10) brings him rft's message and he thinks best of rft, by 0.1.
    Cem (12) leads by too little to lean to anybody. In epoch 2 Ann, who had chosen base about soap, chooses rft.
    """
    events = [*_setting(), *_first_epoch(), *_second_epoch()]
    number = count()
    return [msgspec.structs.replace(event, seq=next(number)) for event in events]


def _setting() -> list[Event]:
    config = {"world": "networked", "arms": ["rft", "placebo"], "epochs": 2, "messages": 2}
    patience = pack(np.array([0.5, -0.5, 0.0, 1.0]), Float32s)
    ids = [f"{number}" for number in range(4)]
    return [
        RunConfigured(config=config),
        AnchorsListed(
            split="evaluate", anchors=[{"id": "soap", "subject": "A bar of soap", "text": "Soap."}], dropped={}
        ),
        PersonasJoined(
            split="evaluate",
            first=FIRST,
            ids=ids,
            names=list(NAMES),
            texts=["Somebody."] * 4,
            traits={"patience": patience},
        ),
    ]


def _first_epoch() -> list[Event]:
    return [
        StepStarted(step=1, phase="evaluate", epoch=1, arm="rft"),
        *_written(CONTEST),
        PlatformOpened(competitors=2, first=FIRST, size=4, ranker="new", slots=2),
        ContestOpened(contest=CONTEST, anchor="soap", messages=[f"{CONTEST}/0", f"{CONTEST}/1"]),
        FeedOpened(messages=[f"{CONTEST}/0", f"{CONTEST}/1"], topics=b""),
        _served(0, [(11, 0, -2), (12, 0, -2)]),
        _shifted(0, 0, [11, 12], [0.2, 0.005]),
        PollTaken(contest=CONTEST, round=0, asked=2, votes=[2, 0]),
        _served(1, [(11, 1, FIRST)]),
        _shifted(1, 1, [11], [0.3]),
        *_chose(CONTEST, [0, 1, 0, -1]),
        ContestDecided(contest=CONTEST, votes=[2, 1], abstained=1, invalid=0, outcome="majority", winner=0, ties=""),
        VerdictGiven(
            message=f"{CONTEST}/1", probe="misrepresentation", judge="rules", label=1, evidence=["the best soap"]
        ),
        StepEnded(step=1, state_hash="0"),
    ]


def _second_epoch() -> list[Event]:
    return [
        StepStarted(step=2, phase="evaluate", epoch=2, arm="rft"),
        *_written(AGAIN),
        *_chose(AGAIN, [1, 1, 0, -1]),
        ContestDecided(contest=AGAIN, votes=[1, 2], abstained=1, invalid=0, outcome="majority", winner=1, ties=""),
        StepEnded(step=2, state_hash="0"),
    ]


def _written(contest: str) -> list[Event]:
    texts = ("Soap, for hands.", "Buy the best soap there ever was.")
    return [
        MessagePublished(
            message=f"{contest}/{slot}", contest=contest, slot=slot, competitor=name, anchor="soap", adapter="", thinking="", text=text
        )
        for slot, (name, text) in enumerate(zip(("base", "rft"), texts, strict=True))
    ]  # fmt: skip


def _served(round_: int, rows: Sequence[tuple[int, int, int]]) -> Event:
    members, items, sources = (list(column) for column in zip(*rows, strict=True))
    return FeedServed(
        round=round_, ranker="new", members=pack(np.array(members), Int32s), items=pack(np.array(items), Int16s),
        ranks=pack(np.zeros(len(rows)), Int8s), scores=pack(np.zeros(len(rows)), Float32s), sources=pack(np.array(sources), Int32s),
    )  # fmt: skip


def _shifted(round_: int, slot: int, who: Sequence[int], values: Sequence[float]) -> Event:
    column = pack(np.rint(np.array(values) * 10_000), Int16s)
    return OpinionsShifted(
        round=round_, about="opinion", why="influence", slot=slot, members=pack(np.array(who), Int32s), values=column
    )


def _chose(contest: str, choices: Sequence[int]) -> list[Event]:
    return [
        Reacted(contest=contest, persona=FIRST + at, order=[0, 1], choice=choice, thought="")
        for at, choice in enumerate(choices)
    ]
