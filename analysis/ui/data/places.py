"""Where members stand: by a stored layout of who follows whom, or, where nobody follows anybody, by what they are like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abm.columns import Float32s, Int32s, unpack
from abm.events import CrowdJoined, PersonasJoined, TiesFormed
from analysis.formats import LABEL
from analysis.readings.graphs import LAYOUTS
from media_graph import CSR, from_ties, layout, stored_layout

MOST_IN_COMMUNITIES = 4_000
"""Members up to which communities are looked for."""


@dataclass(frozen=True)
class Places:
    """N members drawn.

    Attributes:
        xy: shape (N, 2), -1 .. 1.
        ties: shape (M, 2), rows: who follows whom.
        names: of the members.
        communities: shape (N,), or None.
        followers: shape (N,), how many members follow each; None where nobody follows anyone.
        note: how they were placed.
    """

    xy: NDArray[np.float32]
    ties: NDArray[np.int64]
    names: list[str]
    communities: NDArray[np.int64] | None
    note: str
    followers: NDArray[np.int64] | None = None


def names_of(people: Sequence[PersonasJoined | CrowdJoined], split: str) -> list[str]:
    """Return the members' names; those of a crowd have numbers."""
    names: list[str] = []
    for joined in people:
        if joined.split == split:
            crowd = isinstance(joined, CrowdJoined)
            names += [f"member {joined.first + i}" for i in range(joined.size)] if crowd else joined.names
    return names


def traits_of(people: Sequence[PersonasJoined | CrowdJoined], split: str) -> dict[str, NDArray[np.float32]]:
    """Return trait -> its value for each member, -1 .. 1; traits that only some have are left out."""
    members = [joined for joined in people if joined.split == split]
    shared = [
        trait for trait in (members[0].traits if members else ()) if all(trait in joined.traits for joined in members)
    ]
    return {trait: np.concatenate([unpack(joined.traits[trait], Float32s) for joined in members]) for trait in shared}


def place(
    people: Sequence[PersonasJoined | CrowdJoined],
    graph: Sequence[TiesFormed],
    personas: NDArray[np.int64],
    split: str,
    run: Path | None = None,
    across: str = "",
    up: str = "",
) -> Places:
    """Return where members stand.

    Args:
        graph: the ties of the run's graphs.
        personas: shape (N,), persona index of each row.
        run: where layouts are kept; a read-only folder does no harm.
        across, up: traits to stand by where there are no ties; by default the first two.
    """
    all_names = names_of(people, split)
    first = min((joined.first for joined in people if joined.split == split), default=0)
    rows = personas - first
    inside = (all_names[row][:LABEL] if 0 <= row < len(all_names) else "" for row in rows.tolist())
    names = [name or f"member {persona}" for name, persona in zip(inside, personas.tolist(), strict=True)]
    traits = {
        name: column[rows] for name, column in traits_of(people, split).items() if len(column) > rows.max(initial=0)
    }
    return stand(names, _inside(graph, personas), traits, run, across, up)


def stand(
    names: Sequence[str],
    ties: NDArray[np.int64],
    traits: Mapping[str, NDArray[np.float32]],
    run: Path | None = None,
    across: str = "",
    up: str = "",
) -> Places:
    """Return where members stand, given who they are.

    Args:
        names: N of them.
        ties: shape (M, 2), rows: who follows whom.
        traits: name -> shape (N,).
        run, across, up: as of :func:`place`.
    """
    n, names = len(names), list(names)
    if len(ties):
        csr = from_ties(n, ties[:, 0], ties[:, 1])
        followers = np.bincount(ties[:, 1], minlength=n)
        return Places(_laid_out(csr, run), ties, names, _communities(n, ties), "", followers)
    if len(traits) < 2 or n < 3:
        note = "Isolated world: nobody follows anyone. Members are placed in a grid, in the order in which they joined."
        return Places(_grid(n), ties, names, None, note)
    x, y = (name if name in traits else list(traits)[i] for i, name in enumerate((across, up)))
    xy = np.stack([_ranked(traits[x]), _ranked(traits[y])], axis=1).astype(np.float32)
    note = f"Isolated world: nobody follows anyone. Members are placed by {x} (across) and {y} (up), in order of rank."
    return Places(xy, ties, names, None, note)


def _inside(graph: Sequence[TiesFormed], personas: NDArray[np.int64]) -> NDArray[np.int64]:
    if not graph or not len(personas):
        return np.zeros((0, 2), dtype=np.int64)
    ends = [np.concatenate([unpack(getattr(ties, end), Int32s) for ties in graph]) for end in ("sources", "targets")]
    both = np.isin(ends[0], personas) & np.isin(ends[1], personas)
    return np.stack([np.searchsorted(personas, end[both]) for end in ends], axis=1).astype(np.int64)


def _laid_out(csr: CSR, run: Path | None) -> NDArray[np.float32]:
    if run is not None:
        try:
            return stored_layout(csr, run / LAYOUTS)
        except OSError:  # a folder that is read-only
            pass
    return layout(csr)


def _communities(n: int, ties: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return a community per member by Louvain's method, largest first; None for large graphs."""
    if n > MOST_IN_COMMUNITIES:
        return None
    import networkx as nx

    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from(map(tuple, ties.tolist()))
    communities = np.zeros(n, dtype=np.int64)
    groups = nx.community.louvain_communities(graph, seed=0)
    for number, group in enumerate(sorted(groups, key=lambda group: (-len(group), min(group)))):
        communities[list(group)] = number
    return communities


def _grid(n: int) -> NDArray[np.float32]:
    side = max(1, int(np.ceil(np.sqrt(n))))
    rows = np.arange(n)
    xy = np.stack([rows % side, -(rows // side)], axis=1) * (2 / max(1, side - 1)) + [-1, 1]
    return xy.astype(np.float32)


def _ranked(values: NDArray[np.float32]) -> NDArray[np.float64]:
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    return 2 * ranks / max(1, len(values) - 1) - 1.0
