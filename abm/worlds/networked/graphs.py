"""The audience graph of a run, from its settings: a builder of :mod:`media_graph`, or a file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from abm.audience import Voters
from abm.columns import Int32s, pack
from abm.events import Split, TiesFormed
from abm.worlds.networked.settings import GraphConfig
from media_graph import BUILDERS, CSR, build, from_ties, read_graph
from moloch import keyed
from moloch.errors import InputError

CHUNK = 1 << 20
"""Ties per event."""


def audience_graphs(
    config: GraphConfig,
    voters: Mapping[Split, Voters],
    names: Mapping[Split, Sequence[str]],
    seed: int,
    others: Collection[str] = (),
) -> dict[Split, CSR]:
    """Return who follows whom among the voters of each split, by row.

    Args:
        names: of the voters, as a file calls them.
        others: names of people of the same source who take no part.

    A builder makes a graph for each split. A file holds the ties of all members, by name or persona index (``options`` may
    say ``mutual``); those between a member who trains and one who is held out are left out, for they never meet, and so are those of
    people who take no part.

    Raises:
        InputError: no such builder or file, one that does not fit the members, or a split without any tie.
    """
    if config.kind not in BUILDERS and Path(config.kind).suffix:
        return _from_file(config, voters, names, others)
    return {split: _built(config, members, seed, split) for split, members in voters.items()}


def _built(config: GraphConfig, voters: Voters, seed: int, split: Split) -> CSR:
    options = dict(config.options)
    if config.kind == "watts_strogatz" and "k" not in options:  # the default kind must fit any number of members
        options["k"] = min(4, (len(voters.ids) - 1) // 2 * 2)
    return build(config.kind, len(voters.ids), keyed.seed32(seed, "graph", split), traits=voters.traits, **options)


def _from_file(
    config: GraphConfig,
    voters: Mapping[Split, Voters],
    names: Mapping[Split, Sequence[str]],
    others: Collection[str],
) -> dict[Split, CSR]:
    if unknown := [name for name in config.options if name != "mutual"]:
        raise InputError(f"a graph's file has no option {unknown[0]!r}", where=config.kind, fix="It has 'mutual'.")
    members = [name for split in voters for name in names[split]]
    graph = read_graph(config.kind, members, others=others, **config.options)
    sources, targets = graph.ties()
    graphs: dict[Split, CSR] = {}
    for split, members in voters.items():
        first, n = int(members.ids[0]), len(members.ids)  # persona indices are places in the list of all names
        inside = (sources >= first) & (sources < first + n) & (targets >= first) & (targets < first + n)
        if not inside.any():
            raise InputError(
                f"no ties among the {n} members of {split!r}",
                where=config.kind,
                why=f"{len(sources):,} ties of the file are between people who take part; nodes are names, or persona indices: those who train come first, then those held out",
                fix="Name the nodes as the personas are named, let more people take part, or choose a builder, such as watts_strogatz.",
            )
        graphs[split] = from_ties(n, sources[inside] - first, targets[inside] - first)
    return graphs


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
