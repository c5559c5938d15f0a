"""A small networked world to hold contests in, with messages that need no model."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import numpy as np

from abm.arenas import arena
from abm.arenas.anchors import make_anchor
from abm.audience import Voters, audience
from abm.columns import Int8s, Int16s, Int32s, pack, unpack
from abm.events import Engaged, Event, FeedServed, PersonasJoined, TiesFormed
from abm.journal import LiveJournal
from abm.llm import Sampling, ScriptedLLM
from abm.log import create, open_log, read_events
from abm.worlds.agents import NamedPolicy
from abm.worlds.model import Society, Stage
from abm.worlds.networked.settings import NetworkConfig
from abm.worlds.networked.world import NetworkedModel
from populations import TRAITS

SALES = arena("sales")
built_in = cache(audience)
WORDS = (
    "Warm welcome to you all! 40 days. Hurry, now! Experts guarantee it. They hate us. It is blue. Best ever.".split(
        ". "
    )
)


def anchors(n: int) -> list[Any]:
    return [
        make_anchor(SALES.anchor, {"title": f"Lamp {i}", "description": f"A lamp, the {i}th of many."})
        for i in range(n)
    ]


def write(request) -> str:
    """Return a message that depends on the request alone; some do not parse."""
    random = Random(f"{request.site}")
    text = ". ".join(random.sample(WORDS, random.randint(1, 4)))
    return f"<think>x</think><sales_pitch>{text}" + ("" if random.random() < 0.1 else "</sales_pitch>")


def people(n: int, seed: int = 0, first: int = 0) -> Voters:
    traits = np.random.default_rng(seed).uniform(-1, 1, (n, len(TRAITS))).astype(np.float32)
    return Voters(np.arange(first, first + n), [f"p{i}" for i in range(n)], TRAITS, traits)


def random_ties(n: int, p: float, seed: int = 0) -> list[tuple[int, int]]:
    """Return directed ties (who follows, whom)."""
    drawn = np.random.default_rng(seed).random((n, n)) < p
    np.fill_diagonal(drawn, False)
    return [(int(a), int(b)) for a, b in zip(*np.nonzero(drawn), strict=True)]


def hold(
    folder: Path,
    network: NetworkConfig,
    *,
    voters: Voters,
    ties: list[tuple[int, int]],
    contests: int = 3,
    seed: int = 1,
    bulk: int = 5_000,
    writers: int = 2,
    people_are: Any = "default",
    say=write,
    checkers=(),
    batch: int = 2,
    steps: int | None = None,
) -> tuple[NetworkedModel, list[Event]]:
    """Hold contests and return the model and the log.

    Args:
        steps: after which it is cut; the same call goes on with it.
    """
    log = open_log(folder, write=True) if folder.exists() else create(folder, {})
    journal = LiveJournal(log)
    ids = sorted(voters.ids.tolist())
    names = [f"p{i}" for i in ids]
    with journal.transaction():
        journal.emit(PersonasJoined(split="train", first=ids[0], ids=names, names=names, texts=names, traits={}))
        if ties:
            sources, targets = zip(*ties, strict=True)
            journal.emit(TiesFormed(why="graph", sources=pack(sources, Int32s), targets=pack(targets, Int32s)))
    society = Society(
        arena=SALES, audience=built_in(people_are) if isinstance(people_are, str) else people_are, llm=ScriptedLLM(say),
        sampling=Sampling(), seed=seed, batch=batch, bulk=bulk,
    )  # fmt: skip
    stage = Stage(anchors(contests), [NamedPolicy(f"w{i}") for i in range(writers)], voters, "train", 1, "shared")
    model = NetworkedModel(society, journal, stage, network, checkers)
    while model.running and steps != 0:
        model.step()
        steps = steps and steps - 1
    log.close()
    return model, list(read_events(folder))


def comparable(events) -> list[Event]:
    """Return the events without their times."""
    return [msgspec.structs.replace(event, at=0.0) for event in events]


def of(kind, events):
    """Return the events of one kind."""
    return [event for event in events if isinstance(event, kind)]


def views(served: FeedServed) -> list[tuple[int, int, int, int]]:
    """Return (member, item, rank, source) of everything that was served."""
    return list(
        zip(
            unpack(served.members, Int32s).tolist(), unpack(served.items, Int16s).tolist(),
            unpack(served.ranks, Int8s).tolist(), unpack(served.sources, Int32s).tolist(), strict=True,
        )
    )  # fmt: skip


def pairs(engaged: Engaged) -> list[tuple[int, int]]:
    """Return (member, item) of those who acted."""
    return list(zip(unpack(engaged.members, Int32s).tolist(), unpack(engaged.items, Int16s).tolist(), strict=True))
