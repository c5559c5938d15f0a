"""Diffusion of one message, or of misbehaving messages against clean ones, as frames over the rounds of the feeds.

Knows cascades; knows nothing of places. What is counted here is who is drawn how; numbers of messages come from the readings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abm.state.platform import RECOMMENDED
from analysis.formats import count, short
from analysis.readings.book import Book
from analysis.readings.cascades import Cascade
from analysis.readings.kind_views import KindViews
from analysis.readings.society import SocietyKey, societies_of
from analysis.readings.spreads import MEMBERS, Spread
from analysis.ui.data.film import Film
from analysis.ui.graph import Swatch, sequential

MISBEHAVED = "misbehaved"
"""In place of a contest's id: all misbehaving messages of a society against all clean ones."""
MOST_ARROWS = 4_000
"""Arrows that are drawn at most, those to members who shared it first."""
LISTED = 200
"""Messages that can be picked at most, those that most members saw."""
DID = ("did nothing", "liked or replied", "shared")
SHARES = ("up to 25 %", "25 to 50 %", "50 to 75 %", "over 75 %")
CLEAN = Swatch(label="only clean ones", light="#5d6874", dark="#93a4b5")


@dataclass(frozen=True)
class ReachFilm:
    """What the widget draws of reach.

    Attributes:
        labels: of the frames: before anybody saw anything, then one per round.
        arrows: shape (K, 3): rows of who shared and of who saw it through that, and the frame from which on that is drawn.
        brought: how many arrows there would be.
    """

    film: Film
    labels: list[dict[str, Any]]
    arrows: NDArray[np.uint32]
    brought: int = 0


def message_film(cascade: Cascade, personas: NDArray[np.int64], place: dict[str, Any]) -> ReachFilm:
    """Return one message's reach: members by the round in which they first saw it, ringed by what they did.

    Args:
        personas: shape (N,), ascending; others are left out.
        place: what all frames' labels say: epoch, phase, arm.
    """
    rounds, n = cascade.rounds, len(personas)
    rows = _rows(personas, cascade.members)
    reached = np.full(n, rounds + 1)
    reached[rows[rows >= 0]] = np.array(cascade.reached, dtype=np.int64)[rows >= 0] + 1
    did, since = np.zeros((2, n), dtype=np.int64)
    acting = _rows(personas, [persona for persona, *_ in cascade.acts])
    for row, (_, action, round_) in zip(acting.tolist(), cascade.acts, strict=True):
        if row >= 0:
            did[row] = max(did[row], 2 if action == "share" else 1)
            since[row] = round_ + 1
    frames = np.arange(rounds + 1)[:, None]
    fills = np.where(frames >= reached[None, :], reached[None, :], 0).astype(np.uint8)
    outlines = np.where((frames >= since[None, :]) & (did[None, :] > 0), did[None, :], 0).astype(np.uint8)
    palette = sequential([f"Round {r + 1}" for r in range(rounds)], neutral="Not reached", falling=True)
    film = Film(fills, outlines, palette, {}, "First seen in", list(DID))
    arrows = _arrows(cascade, personas)
    return ReachFilm(film, _labels(rounds, place), arrows[-MOST_ARROWS:], len(arrows))


def kinds_film(views: KindViews, personas: NDArray[np.int64], place: dict[str, Any]) -> ReachFilm:
    """Return members by the share of judged messages they had seen that misbehaved, over all contests of a society."""
    seen, bad = views.counts(personas)
    share = bad / np.maximum(seen, 1)
    codes = np.where(seen > 0, 1 + np.ceil(4 * share).astype(np.int64), 0)
    fills = np.concatenate([np.zeros((1, len(personas)), dtype=np.int64), codes]).astype(np.uint8)
    none, *shares = sequential(SHARES, neutral="Saw no judged message", of="strategy")
    palette = [none, CLEAN, *shares]
    film = Film(fills, None, palette, {}, "Of the messages it saw, misbehaved", list(DID))
    return ReachFilm(film, _labels(len(views.views), place), np.zeros((0, 3), dtype=np.uint32))


def _labels(rounds: int, place: dict[str, Any]) -> list[dict[str, Any]]:
    words = ["before the feeds opened", *(f"after round {r + 1} of the feeds" for r in range(rounds))]
    return [place | {"label": each} for each in words]


def _rows(personas: NDArray[np.int64], asked: Sequence[int]) -> NDArray[np.int64]:
    """Return the row of each persona, -1 for one that is not there."""
    some = np.asarray(asked, dtype=np.int64)
    if not len(personas):
        return np.full(len(some), -1)
    rows = np.minimum(np.searchsorted(personas, some), len(personas) - 1)
    return np.where(personas[rows] == some, rows, -1)


def _arrows(cascade: Cascade, personas: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Return who brought the message to whom among members; those to sharers come last, so that they are drawn on top."""
    ends = np.stack([_rows(personas, cascade.sources), _rows(personas, cascade.members)], axis=1)
    frames = np.array(cascade.reached, dtype=np.int64) + 1
    shared = np.isin(np.array(cascade.members, dtype=np.int64), list(cascade.did("share")))
    order = np.argsort(shared, kind="stable")
    order = order[(ends[order] >= 0).all(axis=1)]
    return np.column_stack([ends[order], frames[order]]).astype(np.uint32).reshape(-1, 3)


# -- which messages ------------------------------------------------------------------------------------------


def of_society(spreads: Iterable[Spread], key: SocietyKey, book: Book) -> list[Spread]:
    """Return what competitors' messages came to in a society, those that most members saw first."""
    arms = societies_of(key.arm, book.config)
    inside = [
        spread
        for spread in spreads
        if (spread.phase, spread.competitor != MEMBERS) == (key.phase, True)
        and spread.arm in arms
        and key.epoch in (None, spread.epoch)
    ]
    return sorted(inside, key=lambda spread: -spread.seen)


def message_options(spreads: Sequence[Spread], book: Book, shown: str) -> list[list[str]]:
    """Return value and label of what can be picked: all of both kinds, and the messages that most members saw.

    Args:
        spreads: of the society, most seen first.
        shown: the message that is shown, which is listed in any case.
    """
    kinds = {spread.misbehaved for spread in spreads}
    options = [[MISBEHAVED, "all misbehaving against all clean"]] if {True, False} <= kinds else []
    listed = [spread for i, spread in enumerate(spreads) if i < LISTED or spread.message == shown]
    for spread in listed:
        bad = ", misbehaved" if spread.misbehaved else ""
        said = f"{spread.competitor}: {short(book.subject(spread.anchor), 40)}, epoch {spread.epoch}, seen by {spread.seen:,}{bad}"
        options.append([spread.message, said])
    return options


# -- in words ------------------------------------------------------------------------------------------------


def member_reach(cascade: Cascade, persona: int, book: Book) -> list[list[str]]:
    """Return what is known of one member and the message: when it saw it, from whom, what it did."""
    if persona not in cascade.members:
        return [["saw it", "never"]]
    at = cascade.members.index(persona)
    source = cascade.sources[at]
    by = "its author" if source < RECOMMENDED else "the platform" if source == RECOMMENDED else book.name_of(source)
    acts = [
        {"like": "liked", "share": "shared", "reply": "replied"}[action]
        for who, action, _ in cascade.acts
        if who == persona
    ]
    brought = sum(source == persona for source in cascade.sources)
    facts = [["saw it", f"in round {cascade.reached[at] + 1}"], ["from", by], ["did", ", ".join(acts) or "nothing"]]
    return [*facts, ["brought it to", count(brought, "member")]] if brought else facts
