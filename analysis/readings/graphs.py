"""A run's audience graph as networkx has it: who follows whom, what members are, and how a society changed them.

A pure view of the log; places to draw members at are computed once and kept in the run's folder, where they may be deleted.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import networkx as nx
import numpy as np

from abm.columns import Float32s, Int32s, unpack
from abm.events import CrowdJoined, Event, PersonasJoined, PlatformOpened, Split, StepEnded, TiesFormed
from abm.log import read_events
from abm.state.platform import UNIT
from abm.state.state import State, apply
from analysis.readings.reading import read
from media_graph import CSR, PERSONA, from_csr, from_ties, stored_layout
from moloch.errors import InputError

if TYPE_CHECKING:
    from abm.state.platform import Platform

LAYOUTS = "layouts"
"""Folder of a run that keeps where members are drawn."""


def audience_graph(
    run: Path | str, split: Split = "evaluate", *, arm: str | None = None, epoch: int | None = None
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
    reading = _GraphReading(split) if arm is None else _EndReading(split, arm, epoch)
    read(read_events(run), reading)
    people, society = reading.people, reading.result()
    attributes = _attributes(people)
    first, n = people[0].first if people else 0, len(attributes["name"])
    if not reading.ties and not reading.networked:
        raise InputError(
            "no audience graph", where=str(run), why="its world is isolated", fix="Run it with --world networked."
        )
    if arm is not None and society is None:
        at = "" if epoch is None else f" in epoch {epoch}"
        raise InputError(
            f"no society of arm {arm!r}{at}",
            where=str(run),
            why=f"no step of it ended, phase {split}",
            fix="`moloch show` lists the run's arms and epochs.",
        )
    begun = _inside(n, first, reading.ties)
    places = stored_layout(begun, Path(run) / LAYOUTS)
    attributes |= {"x": places[:, 0].tolist(), "y": places[:, 1].tolist()} | (_society(society) if society else {})
    attributes[PERSONA] = list(range(first, first + n))
    graph = from_csr(society.follows if society else begun, attributes=attributes)
    return nx.relabel_nodes(graph, dict(enumerate(attributes[PERSONA])))  # pyright: ignore[reportReturnType]


class _GraphReading:
    """Reads the members and the ties of one split, as the graph began."""

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset({CrowdJoined, PersonasJoined, PlatformOpened, TiesFormed})

    def __init__(self, split: Split) -> None:
        self._split = split
        self.people: list[PersonasJoined | CrowdJoined] = []
        self.ties: list[tuple[Any, Any]] = []
        self.networked = False

    def take(self, event: Event) -> None:
        match event:
            case PersonasJoined() | CrowdJoined() if event.split == self._split:
                self.people.append(event)
            case TiesFormed(why="graph"):
                self.ties.append((unpack(event.sources, Int32s), unpack(event.targets, Int32s)))
            case PlatformOpened():
                self.networked = True  # also where its graph has no tie

    def result(self) -> Platform | None:
        return None


class _EndReading(_GraphReading):
    """Reads also the platform of an arm's society at its end, which all events make."""

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset({Event})

    def __init__(self, split: Split, arm: str, epoch: int | None) -> None:
        super().__init__(split)
        self._place, self._epoch = (split, arm), epoch
        self._state = State()
        self._platform: Platform | None = None

    def take(self, event: Event) -> None:
        super().take(event)
        state = self._state
        apply(state, event)
        if isinstance(event, StepEnded) and (state.phase, state.arm) == self._place and state.platform:
            self._platform = state.platform if self._epoch in (None, state.epoch) else self._platform

    def result(self) -> Platform | None:
        return self._platform


def _attributes(people: list[PersonasJoined | CrowdJoined]) -> dict[str, list[Any]]:
    attributes: dict[str, list[Any]] = {"name": []}
    for joined in people:
        if isinstance(joined, PersonasJoined):
            attributes["name"] += joined.names
        else:
            attributes["name"] += [f"member {joined.first + i}" for i in range(joined.size)]
        for trait, column in joined.traits.items():
            attributes.setdefault(trait, []).extend(np.round(unpack(column, Float32s).astype(float), 6).tolist())
    return attributes


def _inside(n: int, first: int, ties: list[tuple[Any, Any]]) -> CSR:
    none = np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int32)
    sources, targets = (np.concatenate(column).astype(np.int64) - first for column in zip(none, *ties, strict=True))
    inside = (sources >= 0) & (sources < n)
    return from_ties(n, sources[inside], targets[inside])


def _society(platform: Platform) -> dict[str, list[Any]]:
    attributes: dict[str, list[Any]] = {}
    for slot in range(len(platform.opinions)):
        attributes[f"opinion_{slot}"] = (platform.opinions[slot] / UNIT).tolist()
        attributes[f"trust_{slot}"] = (platform.trust[slot] / UNIT).tolist()
        attributes[f"follows_{slot}"] = platform.audience[slot].tolist()
    return attributes
