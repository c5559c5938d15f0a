"""The platform's state as columns: who follows whom, what members think of competitors, what is in the feeds now.

Members are rows, by persona index; events name accounts (see :mod:`abm.events`). Opinions and trust are
whole numbers in units of 0.0001, so that sums over contacts are exact and no result depends on the members' order.
Changed by :mod:`abm.state.feeds` only.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from abm.state.memory import Memory, as_mapping
from media_graph import CSR, from_ties
from moloch.content import canonical

UNIT = 10_000
"""Steps of an opinion or of trust from 0 to 1."""

RECOMMENDED = -1
"""The account of the platform itself."""

ELIGIBLE, SERVED, LIKED, SHARED, REPLIED, CHOSEN = 1, 2, 4, 8, 16, 32
"""Bits of :attr:`Posts.seen`."""


Number = TypeVar("Number", int, NDArray[Any])


def account(slot: Number) -> Number:
    """Return the account of the competitor in ``slot``."""
    return -2 - slot


def slot_of(account: Number) -> Number:
    """Return the slot of a competitor's account."""
    return -2 - account


@dataclass
class Posts:
    """What is in the feeds: m messages before n members; gone when the next feed opens or the step ends.

    Attributes:
        messages: their ids, by item.
        slots: shape (m,), the slot of who wrote them; -1: a member did.
        authors: shape (m,), the account of who wrote them.
        topics: shape (m, features).
        seen: shape (m, n), bits.
        sources: shape (m, n), account from which a message reached a member first; -1 before, and where recommended.
        arrived: shape (m, n), round before which it could reach a member first.
        places: shape (m, n), where a member saw it: 128 * round + rank; it says which message it saw first.
        endorsed: shape (m, n), accounts that the member follows and that liked, shared or chose it, each once.
        counts: shape (m,), likes, shares and replies.
        labelled: shape (m,), whether a fact-check found fault with it.
        of_contest: contest -> (item, slot) of each message that competes in it, by item.
        polls: contest -> share of those asked that chose each slot.
    """

    messages: list[str]
    slots: NDArray[np.int8]
    authors: NDArray[np.int32]
    topics: NDArray[np.float32]
    seen: NDArray[np.uint8]
    sources: NDArray[np.int32]
    arrived: NDArray[np.uint16]
    places: NDArray[np.uint16]
    endorsed: NDArray[np.uint16]
    counts: NDArray[np.int64]
    labelled: NDArray[np.bool_]
    of_contest: dict[str, list[tuple[int, int]]]
    polls: dict[str, list[float]] = field(default_factory=dict)


@dataclass
class Platform:
    """One society's medium.

    Attributes:
        personas: shape (n,), persona index of each row, ascending.
        follows: row i lists the members whom member i follows.
        reach: row i lists the members who follow member i.
        audience: shape (competitors, n), who follows each competitor.
        opinions, trust: shape (competitors, n), units of 0.0001.
        tastes: shape (n, features), topics of what each member engaged with, summed; no columns where it is not kept.
        ranker, slots: the rule in force.
        banned: slots.
        interventions: those that came into force, as the log tells them: ``kind`` and settings.
        pending: ties among members that formed (True) and were cut (False) since the feeds opened; rows.
        posts: what is in the feeds.
        memories: persona index -> what it remembers, of those that a language model plays.
    """

    personas: NDArray[np.int64]
    follows: CSR
    reach: CSR
    audience: NDArray[np.bool_]
    opinions: NDArray[np.int16]
    trust: NDArray[np.int16]
    tastes: NDArray[np.float32]
    ranker: str
    slots: int
    banned: list[int] = field(default_factory=list)
    interventions: list[dict[str, Any]] = field(default_factory=list)
    pending: list[tuple[bool, NDArray[np.int64], NDArray[np.int64]]] = field(default_factory=list)
    posts: Posts | None = None
    memories: dict[int, Memory] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Number of members."""
        return len(self.personas)

    def rows(self, personas: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the rows of personas, shape as given.

        Raises:
            KeyError: a persona is not a member.
        """
        asked, n = np.asarray(personas, dtype=np.int64), self.n
        if n and self.personas[-1] - self.personas[0] == n - 1:  # a range, as it is unless members were left out
            rows = np.clip(asked - self.personas[0], 0, n - 1)
        else:
            rows = np.minimum(np.searchsorted(self.personas, asked), max(0, n - 1))
        if len(asked) and (not self.n or not np.array_equal(self.personas[rows], asked)):
            raise KeyError(f"not all of these personas are members: {asked[:5].tolist()} ...")
        return rows

    def row(self, persona: int) -> int:
        """Return the row of one persona.

        Raises:
            KeyError: it is not a member.
        """
        row = persona - int(self.personas[0]) if self.n else 0
        if not 0 <= row < self.n or self.personas[row] != persona:  # not a range, or no member
            return int(self.rows(np.array([persona]))[0])
        return row

    def settled(self) -> CSR:
        """Return whom members follow once all that is pending counts: what happened to a tie last holds."""
        if not self.pending:
            return self.follows
        keys = self._keys(*self.follows.ties())
        changed = np.concatenate([self._keys(sources, targets) for _, sources, targets in self.pending])
        forms = np.concatenate([np.full(len(sources), forms) for forms, sources, _ in self.pending])
        changed, last = np.unique(changed[::-1], return_index=True)
        formed = forms[::-1][last]
        at = np.searchsorted(keys, changed[~formed])
        there = np.append(keys, -1)[at] == changed[~formed]
        keys = np.concatenate([np.delete(keys, at[there]), changed[formed]])
        return from_ties(self.n, keys // self.n, keys % self.n)

    def is_followed(self, account: int, row: int) -> bool:
        """Return whether member ``row`` follows an account now, what is pending among it."""
        if account < RECOMMENDED:
            return bool(self.audience[slot_of(account), row])
        return bool(self.are_followed(np.array([account]), np.array([row]))[0])

    def are_followed(self, accounts: NDArray[np.integer], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return whether each of ``rows`` follows the member beside it in ``accounts`` now, what is pending among it."""
        asked = self._keys(rows, self.rows(accounts))
        some = np.unique(rows)
        followed, of = expand(self.follows, some)
        follows = np.isin(asked, self._keys(some[of], followed))
        for forms, sources, targets in self.pending:
            follows[np.isin(asked, self._keys(sources, targets))] = forms
        return follows

    def _keys(self, sources: NDArray[np.int64], targets: NDArray[np.int64]) -> NDArray[np.int64]:
        return sources * self.n + targets

    def hash(self) -> str:
        """Return the SHA-256 of all that outlasts a step, interventions by what they changed; the same on every machine."""
        sha = hashlib.sha256(f"{self.ranker}/{self.slots}/{self.banned}".encode())
        for column in (
            self.personas.astype("<i8"),
            self.follows.indptr.astype("<i8"),
            self.follows.indices.astype("<i4"),
            self.audience,
            self.opinions.astype("<i2"),
            self.trust.astype("<i2"),
            self.tastes.astype("<f4"),
        ):
            sha.update(column.tobytes())
        for forms, sources, targets in self.pending:
            sha.update(b"+" if forms else b"-")
            sha.update(np.stack([sources, targets]).astype("<i8").tobytes())
        if self.memories:
            sha.update(canonical(as_mapping(self.memories)))
        return sha.hexdigest()


def expand(csr: CSR, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return all neighbours of ``rows`` one after the other, and for each the place in ``rows`` it belongs to."""
    starts, lengths = csr.indptr[rows], csr.indptr[rows + 1] - csr.indptr[rows]
    of = np.repeat(np.arange(len(rows)), lengths)
    offsets = np.arange(len(of)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return csr.indices[starts[of] + offsets].astype(np.int64), of
