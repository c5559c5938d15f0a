"""Feeds: of all that could reach a member, a ranker orders it and the first few are served.

Knows messages as rows of numbers and members as rows of numbers; knows nothing of texts, contests or models. A ranker is
one method, ``score``: higher comes first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from moloch.errors import InputError
from moloch.registry import Registry

Scores = NDArray[np.floating]


MANY = 5_000
"""Candidates from which compiled code is worth the half second that numba takes to import."""


@dataclass(frozen=True, eq=False)
class Feed:
    """Candidates of one round: c pairs of a member and a message that may be served to it.

    Attributes:
        members: shape (c,), rows of ``tastes`` and of anything else the ranker knows of members.
        items: shape (c,), rows of ``popularity`` and ``topics``.
        age: shape (c,), rounds since the message, or a share of it, first reached the member.
        popularity: shape (messages,), likes, shares and replies so far.
        topics: shape (messages, features), what each message is like.
        tastes: shape (members, features), the sum of topics of what each member engaged with; None where it is not kept.
        predicted: returns the predicted engagement of each candidate, shape (c,), in logits; asked for on use only.
        lots: shape (c,), uniform draws in (0, 1): they order what is scored alike.
    """

    members: NDArray[np.integer]
    items: NDArray[np.integer]
    age: NDArray[np.floating]
    popularity: NDArray[np.floating]
    topics: NDArray[np.floating]
    tastes: NDArray[np.floating] | None
    predicted: Callable[[], Scores]
    lots: NDArray[np.floating]


class Ranker(Protocol):
    """Orders a feed.

    Attributes:
        name: what the log calls it.
        needs_tastes: whether :attr:`Feed.tastes` must be kept for it.
    """

    name: str
    needs_tastes: bool

    def score(self, feed: Feed) -> Scores:
        """Return a score for each candidate, shape (c,); the highest of a member's are served first."""
        ...


class Chronological:
    """What arrived last first."""

    name, needs_tastes = "chronological", False

    def score(self, feed: Feed) -> Scores:
        return -feed.age


class Popularity:
    """The most liked, shared and replied to first: log(1 + engagements)."""

    name, needs_tastes = "popularity", False

    def score(self, feed: Feed) -> Scores:
        return np.log1p(feed.popularity)[feed.items]


class Engagement:
    """The highest predicted engagement first, as the platform's model of its members predicts it."""

    name, needs_tastes = "engagement", False

    def score(self, feed: Feed) -> Scores:
        return feed.predicted()


class Similarity:
    """What is most like that which the member engaged with before: cosine of its taste and the message's topics."""

    name, needs_tastes = "similarity", True

    def score(self, feed: Feed) -> Scores:
        if feed.tastes is None:
            raise ValueError("the similarity ranker needs members' tastes")
        return _cosine(feed.tastes[feed.members], feed.topics[feed.items])


class Random:
    """Any order."""

    name, needs_tastes = "random", False

    def score(self, feed: Feed) -> Scores:
        return feed.lots


RANKERS: Registry[Callable[[], Ranker]] = Registry(
    "ranker", {made.name: made for made in (Chronological, Popularity, Engagement, Similarity, Random)}
)
"""Name -> what makes the ranker."""


def ranker(name: str) -> Ranker:
    """Return the ranker of that name.

    Raises:
        InputError: there is none.
    """
    return RANKERS.get(name)()


def scores_of(name: str, feed: Feed) -> Scores:
    """Return the scores that the ranker of that name gives to the candidates, shape (c,).

    Raises:
        InputError: there is no such ranker, or it did not give one finite score for each candidate.
    """
    given, count = ranker(name).score(feed), len(feed.members)
    why = ""
    if not isinstance(given, np.ndarray) or given.dtype.kind not in "fiub":
        why = f"score(feed) returned a value of type {type(given).__name__}, not an array of numbers"
    elif given.shape != (count,):
        why = f"score(feed) returned an array of shape {given.shape} for {count:,} candidates, not ({count},)"
    elif not np.all(np.isfinite(given)):
        why = f"{int(np.sum(~np.isfinite(given))):,} of its {count:,} scores are not finite (nan or inf)"
    if why:
        fix = "Return one finite number for each candidate; moloch init ranker writes a ranker to compare with."
        raise InputError(f"the ranker {name!r} did not rank the feed", where=RANKERS.origin(name), why=why, fix=fix)
    return given


class ServedItems(NamedTuple):
    """What members saw: ``chosen`` are indices of candidates, by member and then best first.

    Attributes:
        chosen: shape (served,).
        ranks: shape (served,), place in that member's feed, from 0.
    """

    chosen: NDArray[np.int64]
    ranks: NDArray[np.int64]


def serve(feed: Feed, scores: Scores, slots: int) -> ServedItems:
    """Return the ``slots`` best candidates of each member; equal scores are in random order.

    Raises:
        ValueError: not one finite score per candidate.
    """
    if scores.shape != feed.members.shape or not np.all(np.isfinite(scores)):
        raise ValueError(f"a ranker must give one finite score for each of {len(feed.members)} candidates")
    if len(scores) >= MANY:
        return _serve_many(feed, scores, slots)
    order = np.lexsort((feed.lots, -scores, feed.members))
    sorted_members = feed.members[order]
    starts = np.flatnonzero(np.diff(sorted_members, prepend=-1))
    ranks = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    kept = ranks < slots
    return ServedItems(order[kept], ranks[kept])


def _serve_many(feed: Feed, scores: Scores, slots: int) -> ServedItems:
    """As :func:`serve`, with equal results, without sorting everything."""
    from media_graph.feed_kernels import best

    counts = np.minimum(np.bincount(feed.members), slots)
    starts = np.concatenate([[0], np.cumsum(counts)])
    chosen = np.empty(starts[-1], dtype=np.int64)
    best(feed.members, scores, feed.lots, slots, starts, chosen)
    return ServedItems(chosen, np.arange(len(chosen)) - np.repeat(starts[:-1], counts))


def _cosine(a: NDArray[np.floating], b: NDArray[np.floating]) -> Scores:
    """Return the cosine of each pair of rows, shape (n,); 0 where one is all zeros."""
    lengths = np.sqrt(np.einsum("ij,ij->i", a, a) * np.einsum("ij,ij->i", b, b))
    return np.divide(np.einsum("ij,ij->i", a, b), lengths, out=np.zeros(len(a)), where=lengths > 0)
