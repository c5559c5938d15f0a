"""A run's audience graph as networkx has it: who follows whom, what members are, and what a society made of them.

A pure view of the log; places to draw members at are computed once and kept in the run's folder, where they may be deleted.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np

from abm.columns import Float32s, Int32s, unpack
from abm.events import CrowdJoined, PersonasJoined, Phase, PlatformOpened, StepEnded, TiesFormed
from abm.log import read_events
from abm.state.platform import UNIT
from abm.state.state import State, apply
from media_graph import CSR, PERSONA, from_csr, from_ties, stored_layout
from moloch.errors import InputError

if TYPE_CHECKING:
    from abm.state.platform import Platform

LAYOUTS = "layouts"
"""Folder of a run that keeps where members are drawn."""


def audience_graph(
    run: Path | str, split: Phase = "evaluate", *, arm: str | None = None, epoch: int | None = None
) -> nx.DiGraph[int]:
    """Return the audience graph of a networked run: an edge u -> v says that u follows v.

    Nodes are persona indices, as events name them, with the attributes ``persona`` (the same), ``name``, each trait
    (-1 .. 1), and ``x`` and ``y`` (-1 .. 1), a layout. A file of it can be the graph of another run.

    Args:
        split: the members who train, or those held out.
        arm: show them at the end of this arm's society: its ties, and for each competitor slot the attributes
            ``opinion_<slot>`` and ``trust_<slot>`` (-1 .. 1) and ``follows_<slot>``. By default the graph as it began.
        epoch: of that society; the last one by default.

    Raises:
        InputError: the run's world is isolated, or it has no such society.
        LogError: no run, or it is damaged.
    """
    state, society = State(), None
    people: list[PersonasJoined | CrowdJoined] = []
    ties: list[tuple[Any, Any]] = []
    networked = False
    for event in read_events(run):
        match event:
            case PersonasJoined() | CrowdJoined() if event.split == split:
                people.append(event)
            case TiesFormed(why="graph"):
                ties.append((unpack(event.sources, Int32s), unpack(event.targets, Int32s)))
            case PlatformOpened():
                networked = True  # also where its graph has no tie
        if arm is not None:
            apply(state, event)
            if isinstance(event, StepEnded) and (state.phase, state.arm) == (split, arm) and state.platform:
                society = state.platform if epoch in (None, state.epoch) else society
    attributes = _attributes(people)
    first, n = people[0].first if people else 0, len(attributes["name"])
    if not ties and not networked:
        raise InputError(
            "no audience graph", where=str(run), why="its world is isolated", fix="Run it with --world networked."
        )
    if arm is not None and society is None:
        at = "" if epoch is None else f" in epoch {epoch}"
        raise InputError(f"no society of arm {arm!r}{at}", where=str(run), why=f"no step of it ended, phase {split}",
                         fix="`moloch show` lists the run's arms and epochs.")  # fmt: skip
    begun = _inside(n, first, ties)
    places = stored_layout(begun, Path(run) / LAYOUTS)
    attributes |= {"x": places[:, 0].tolist(), "y": places[:, 1].tolist()} | (_society(society) if society else {})
    attributes[PERSONA] = list(range(first, first + n))
    graph = from_csr(society.follows if society else begun, attributes=attributes)
    return nx.relabel_nodes(graph, dict(enumerate(attributes[PERSONA])))  # pyright: ignore[reportReturnType]


def _attributes(people: list[PersonasJoined | CrowdJoined]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {"name": []}
    for joined in people:
        if isinstance(joined, PersonasJoined):
            found["name"] += joined.names
        else:
            found["name"] += [f"member {joined.first + i}" for i in range(joined.size)]
        for trait, column in joined.traits.items():
            found.setdefault(trait, []).extend(np.round(unpack(column, Float32s).astype(float), 6).tolist())
    return found


def _inside(n: int, first: int, ties: list[tuple[Any, Any]]) -> CSR:
    none = np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int32)
    sources, targets = (np.concatenate(column).astype(np.int64) - first for column in zip(none, *ties, strict=True))
    mine = (sources >= 0) & (sources < n)
    return from_ties(n, sources[mine], targets[mine])


def _society(platform: Platform) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for slot in range(len(platform.opinions)):
        found[f"opinion_{slot}"] = (platform.opinions[slot] / UNIT).tolist()
        found[f"trust_{slot}"] = (platform.trust[slot] / UNIT).tolist()
        found[f"follows_{slot}"] = platform.audience[slot].tolist()
    return found
