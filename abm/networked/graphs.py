"""The audience graph of a run, from its settings: a builder of :mod:`media_graph`, or a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from abm import keyed
from abm.audience import Voters
from abm.columns import Int32s, pack
from abm.events import TiesFormed
from abm.networked.settings import GraphConfig
from media_graph import CSR, KINDS, build, read_graph

CHUNK = 1 << 20
"""Ties per event."""


def audience_graph(config: GraphConfig, voters: Voters, seed: int, split: str) -> CSR:
    """Return who follows whom among ``voters``, by row.

    A file's graph is that of all members of a split, by name or row; ``options`` may say ``mutual``.

    Raises:
        InputError: no such builder or file, or one that does not fit the members.
    """
    if config.kind not in KINDS and Path(config.kind).suffix:
        return read_graph(config.kind, list(voters.names), **config.options)
    options = dict(config.options)
    if config.kind == "watts_strogatz" and "k" not in options:  # the default kind must fit any number of members
        options["k"] = min(4, (len(voters.ids) - 1) // 2 * 2)
    return build(config.kind, len(voters.ids), keyed.seed32(seed, "graph", split), traits=voters.traits, **options)


def joined_ties(csr: CSR, voters: Voters) -> Iterator[TiesFormed]:
    """Yield the events of a graph's ties; they are a society's first."""
    sources, targets = csr.ties()
    for start in range(0, len(sources), CHUNK):
        part = slice(start, start + CHUNK)
        yield TiesFormed(
            why="graph",
            sources=pack(voters.ids[sources[part]], Int32s),
            targets=pack(voters.ids[targets[part]], Int32s),
        )
