"""Ties that end and begin without a message's doing: a contact is dropped, and a contact's contact takes its place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from abm.state.platform import Platform
from media_graph import CSR
from moloch import keyed
from moloch.keyed import Part

Ties = tuple[NDArray[np.int64], NDArray[np.int64]]


def churned(platform: Platform, share: float, place: tuple[Part, ...]) -> tuple[Ties, Ties]:
    """Return ties that are cut and those that form instead, as sources and targets (persona indices).

    Each tie is cut with chance ``share``. Who cut one follows somebody whom one of its contacts follows, drawn at random;
    where that is itself, or somebody whom it follows already, it has one contact less. All of it on the ties as the next
    feed will have them, whether or not a step ended since the last.
    """
    none = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    if not share:
        return none, none
    follows = platform.settled()
    sources, targets = follows.ties()
    names = platform.personas[sources] << 32 | platform.personas[targets]  # whom a draw is for: the tie
    ends = keyed.uniforms(names, *place, "cut") < share
    sources, targets, names = sources[ends], targets[ends], names[ends]
    through = _drawn(follows, sources, keyed.uniforms(names, *place, "through"))
    friends = _drawn(follows, through, keyed.uniforms(names, *place, "friend"))
    followed = _follow(follows, sources, friends)
    new = np.unique(np.stack([sources, friends], axis=1)[(friends >= 0) & (friends != sources) & ~followed], axis=0)
    of = platform.personas
    return (of[sources], of[targets]), (of[new[:, 0]], of[new[:, 1]])


def _drawn(csr: CSR, rows: NDArray[np.int64], lots: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return a random one of those whom each row follows; -1 for a row that is -1 or follows nobody."""
    counts = np.where(rows >= 0, csr.degrees[rows], 0)
    followed = np.full(len(rows), -1)
    some = counts > 0
    followed[some] = csr.indices[csr.indptr[rows[some]] + (lots[some] * counts[some]).astype(np.int64)]
    return followed


def _follow(csr: CSR, sources: NDArray[np.int64], targets: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether each source follows its target already."""
    followers, followed = csr.ties()
    keys = followers * csr.n + followed  # ascending: by source, then by target
    wanted = sources * csr.n + targets
    at = np.minimum(np.searchsorted(keys, wanted), max(0, len(keys) - 1))
    return keys[at] == wanted if len(keys) else np.zeros(len(wanted), dtype=bool)
