"""One round of the feeds: rank and serve, then like, share, reply, follow, unfollow or ignore, then be moved.

Everything is decided from what was before the round, as events; nothing is changed here. Every draw is keyed by member
and message: who else is asked, and in which order, plays no part.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from abm.columns import Float32s, Int8s, Int16s, Int32s, pack
from abm.events import Engaged, Event, FeedServed, OpinionsShifted, TiesCut, TiesFormed
from abm.state.platform import ELIGIBLE, RECOMMENDED, SERVED, account
from abm.worlds.causes import FIRST
from abm.worlds.networked.influence import moved, shifted_opinions
from abm.worlds.networked.scene import Scene
from media_graph import distinct
from media_graph.feeds import Feed, ranker, serve


class Views(NamedTuple):
    """What was served in one round, as columns of equal length, by member and then best first.

    Attributes:
        sources: the accounts from which the messages came.
        appeal: of each message to the member, see :meth:`Scene.appeal`.
    """

    rows: NDArray[np.int64]
    items: NDArray[np.int64]
    sources: NDArray[np.int64]
    ranks: NDArray[np.int64]
    scores: NDArray[np.float64]
    appeal: NDArray[np.float64]


class Actions(NamedTuple):
    """Who did what, as masks over the views."""

    like: NDArray[np.bool_]
    share: NDArray[np.bool_]
    reply: NDArray[np.bool_]
    follow: NDArray[np.bool_]
    unfollow: NDArray[np.bool_]


def hold(scene: Scene, round_: int, cause: int) -> list[Event]:
    """Return the events of a round: what was served (none if nothing was), and then what that caused."""
    views = serve_feeds(scene, round_)
    if not len(views.rows):
        return []
    actions = act(scene, round_, views)
    served = FeedServed(
        step=scene.step,
        cause=cause,
        round=round_,
        ranker=scene.platform.ranker,
        members=_personas(scene, views.rows),
        items=pack(views.items, Int16s),
        ranks=pack(views.ranks, Int8s),
        scores=pack(views.scores, Float32s),
        sources=pack(views.sources, Int32s),
    )
    return [
        served,
        *_engaged(scene, round_, views, actions),
        *_ties(scene, views, actions),
        *_shifts(scene, round_, views, actions),
    ]


def serve_feeds(scene: Scene, round_: int) -> Views:
    """Return what each member sees: of what can reach it and did not yet, the best few by the platform's ranker."""
    posts, platform = scene.posts, scene.platform
    items, rows = np.nonzero((posts.seen & (ELIGIBLE | SERVED)) == ELIGIBLE)
    sources, age = posts.sources[items, rows].astype(np.int64), round_ - posts.arrived[items, rows].astype(np.float64)
    if scene.network.feed.discover:
        new_items, new_rows = _discovered(scene, round_)
        items, rows = np.concatenate([items, new_items]), np.concatenate([rows, new_rows])
        sources = np.concatenate([sources, np.full(len(new_items), RECOMMENDED)])
        age = np.concatenate([age, np.zeros(len(new_items))])
    if not len(rows):
        return _nothing()
    feed = Feed(
        members=rows,
        items=items,
        age=age,
        popularity=posts.counts.astype(np.float64),
        topics=posts.topics,
        tastes=platform.tastes if platform.tastes.shape[1] else None,
        predicted=lambda: scene.appeal(rows, items),
        lots=scene.lots(rows, items, round_, "feed"),
    )
    scores = ranker(platform.ranker).score(feed)
    chosen, ranks = serve(feed, scores, platform.slots)
    rows, items = rows[chosen], items[chosen]
    return Views(rows, items, sources[chosen], ranks, scores[chosen].astype(np.float64), scene.appeal(rows, items))


def _nothing() -> Views:
    none, zeros = np.zeros(0, dtype=np.int64), np.zeros(0)
    return Views(none, none, none, none, zeros, zeros)


def act(scene: Scene, round_: int, views: Views) -> Actions:
    """Return what members do with what they see; each action is a separate draw, with its rate shifted by appeal."""
    rates, platform = scene.network.engagement, scene.platform
    logits = rates.appeal * views.appeal

    def drawn(action: str, logits: NDArray[np.float64]) -> NDArray[np.bool_]:
        return scene.lots(views.rows, views.items, round_, action) < chance(getattr(rates, action), logits)

    like, share, reply = (drawn(action, logits) for action in ("like", "share", "reply"))
    strange = ~platform.audience[scene.posts.slots[views.items], views.rows]
    cold = ~(like | share | reply) & (views.sources != RECOMMENDED)
    return Actions(
        like, share, reply, (like | share) & strange & drawn("follow", logits), cold & drawn("unfollow", -logits)
    )


def chance(rate: float, logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``rate`` (0 .. 1) moved by logits; 0 and 1 stay what they are."""
    if rate in (0.0, 1.0):
        return np.full(len(logits), rate)
    return 1.0 / (1.0 + (1.0 - rate) / rate * np.exp(-np.clip(logits, -500, 500)))


def _discovered(scene: Scene, round_: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs of message and member to whom the platform shows it although nobody whom it follows shared it."""
    posts, platform = scene.posts, scene.platform
    items, rows = np.nonzero((posts.seen & (ELIGIBLE | SERVED)) == 0)
    shown = ~np.isin(posts.slots[items], platform.banned)
    items, rows = items[shown], rows[shown]
    drawn = scene.lots(rows, items, round_, "discover") < scene.network.feed.discover
    return items[drawn], rows[drawn]


def _engaged(scene: Scene, round_: int, views: Views, actions: Actions) -> Iterator[Event]:
    for action in ("like", "share", "reply"):
        did = getattr(actions, action)
        if did.any():
            members, items = _personas(scene, views.rows[did]), pack(views.items[did], Int16s)
            yield Engaged(step=scene.step, cause=FIRST, round=round_, action=action, members=members, items=items)


def _ties(scene: Scene, views: Views, actions: Actions) -> Iterator[Event]:
    """Yield new follows of authors, and unfollows of those from whom something unwelcome came."""
    authors = account(scene.posts.slots[views.items].astype(np.int64))
    if actions.follow.any():
        sources, targets = _pairs(scene, views.rows[actions.follow], authors[actions.follow])
        yield TiesFormed(step=scene.step, cause=FIRST, why="follow", sources=sources, targets=targets)
    if actions.unfollow.any():
        sources, targets = _pairs(scene, views.rows[actions.unfollow], views.sources[actions.unfollow])
        yield TiesCut(step=scene.step, cause=FIRST, why="unfollow", sources=sources, targets=targets)


def _shifts(scene: Scene, round_: int, views: Views, actions: Actions) -> Iterator[Event]:
    platform, weights = scene.platform, scene.network.influence
    author = scene.posts.slots[views.items]
    for slot in range(len(platform.opinions)):
        by_author = author == slot
        rows, values = shifted_opinions(platform, slot, views.rows[by_author], views.appeal[by_author], weights)
        yield from shift(scene, round_, "opinion", "influence", slot, rows, values, cause=FIRST)
        likers = distinct(views.rows[by_author & actions.like])
        rows, values = moved(platform.trust[slot], likers, weights.trust_gain)
        yield from shift(scene, round_, "trust", "influence", slot, rows, values, cause=FIRST)


def shift(
    scene: Scene,
    round_: int,
    about: Literal["opinion", "trust"],
    why: Literal["influence", "shock", "fact_check"],
    slot: int,
    rows: NDArray[np.int64],
    values: NDArray[np.int16],
    *,
    cause: int = -1,
) -> Iterator[OpinionsShifted]:
    """Yield the event of changed opinions or trust, if there are any."""
    if len(rows):
        yield OpinionsShifted(
            step=scene.step,
            cause=cause,
            round=round_,
            about=about,
            why=why,
            slot=slot,
            members=_personas(scene, rows),
            values=pack(values, Int16s),
        )


def _personas(scene: Scene, rows: NDArray[np.int64]) -> bytes:
    return pack(scene.platform.personas[rows], Int32s)


def _pairs(scene: Scene, rows: NDArray[np.int64], targets: NDArray[np.int64]) -> tuple[bytes, bytes]:
    """Return ties as columns, each once."""
    least, span = targets.min(), np.ptp(targets) + 1
    rows, above = np.divmod(distinct(rows * span + targets - least), span)
    return _personas(scene, rows), pack(above + least, Int32s)
