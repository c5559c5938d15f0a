"""The audience graph of a run, from its settings: a builder of :mod:`media_graph`, or a file."""

from __future__ import annotations

from collections.abc import Iterator

from abm import keyed
from abm.audience import Voters
from abm.columns import Int32s, pack
from abm.events import TiesFormed
from abm.networked.platform import ties
from abm.networked.settings import GraphConfig
from media_graph import CSR, barabasi_albert, erdos_renyi, isolated, to_csr, watts_strogatz

CHUNK = 1 << 20
"""Ties per event."""

_BUILDERS = {
    "isolated": isolated,
    "erdos_renyi": erdos_renyi,
    "barabasi_albert": barabasi_albert,
    "watts_strogatz": watts_strogatz,
}


def audience_graph(config: GraphConfig, voters: Voters, seed: int, split: str) -> CSR:
    """Return who follows whom among ``voters``, by row.

    Raises:
        InputError: no such builder or file, or one that does not fit the members.
    """
    n = len(voters.ids)
    draw = keyed.seed32(seed, "graph", split)
    options = {"watts_strogatz": {"k": min(4, (n - 1) // 2 * 2), "p": 0.1}}.get(config.kind, {}) | config.options
    if config.kind != "isolated":
        options["seed"] = draw
    return to_csr(_BUILDERS[config.kind](n, **options))


def joined_ties(csr: CSR, voters: Voters) -> Iterator[TiesFormed]:
    """Yield the events of a graph's ties; they are a society's first."""
    sources, targets = ties(csr)
    for start in range(0, len(sources), CHUNK):
        part = slice(start, start + CHUNK)
        yield TiesFormed(
            why="graph",
            sources=pack(voters.ids[sources[part]], Int32s),
            targets=pack(voters.ids[targets[part]], Int32s),
        )
