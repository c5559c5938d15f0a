"""One round of the feeds: rank and serve, then like, share, reply, follow, unfollow or ignore, then be moved.

Everything is decided from what was before the round, as events; nothing is changed here. Every draw is keyed by member
and message: who else is asked, and in which order, plays no part. Members whom a language model plays draw nothing: they do
what they answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from abm.columns import Float32s, Int8s, Int16s, Int32s, pack
from abm.events import (
    Engaged,
    Event,
    FeedAnswerInvalid,
    FeedServed,
    MembersPosted,
    OpinionsShifted,
    TiesCut,
    TiesFormed,
)
from abm.state.platform import ELIGIBLE, RECOMMENDED, SERVED
from abm.worlds.causes import FIRST
from abm.worlds.networked.feed_answers import Deed, FeedAnswer, Unreadable
from abm.worlds.networked.influence import moved, shifted_opinions
from abm.worlds.networked.pages import Views
from abm.worlds.networked.scene import Scene
from media_graph import distinct
from media_graph.feeds import Feed, scores_of, serve
from moloch.texts import whole


class Actions(NamedTuple):
    """Who did what, as masks over the views."""

    like: NDArray[np.bool_]
    share: NDArray[np.bool_]
    reply: NDArray[np.bool_]
    follow: NDArray[np.bool_]
    unfollow: NDArray[np.bool_]


def hold(
    scene: Scene, round_: int, cause: int, views: Views, answers: Sequence[FeedAnswer | Unreadable] = ()
) -> list[Event]:
    """Return the events of a round: what was served (none if nothing was), and then what that caused.

    Args:
        views: what :func:`serve_feeds` returned.
        answers: of the members whom a language model plays, and who have anything before them.
    """
    invalid = [
        FeedAnswerInvalid(
            step=scene.step, cause=cause, round=round_, persona=each.page.persona, why=each.why, raw=whole(each.raw)
        )
        for each in answers
        if isinstance(each, Unreadable)
    ]
    if not len(views.rows):
        return [*invalid]
    read = [each for each in answers if isinstance(each, FeedAnswer)]
    actions = answered(act(scene, round_, views), scene, views, read)
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
        *_posted(scene, round_, read),
        *_ties(scene, views, actions, read),
        *_shifts(scene, round_, views, actions, read),
        *invalid,
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
    scores = scores_of(platform.ranker, feed)
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
    follow = (like | share) & drawn("follow", logits)
    slots, authors = scene.posts.slots[views.items], scene.posts.authors[views.items]
    follow &= ~((slots >= 0) & platform.audience[slots, views.rows])
    of_members = np.flatnonzero(follow & (slots < 0))
    follow[of_members] = ~platform.are_followed(authors[of_members], views.rows[of_members])
    cold = ~(like | share | reply) & (views.sources != RECOMMENDED)
    return Actions(like, share, reply, follow, cold & drawn("unfollow", -logits))


def answered(actions: Actions, scene: Scene, views: Views, answers: Sequence[FeedAnswer]) -> Actions:
    """Return actions once those of members whom a language model plays are what they answered; their ties come apart from views."""
    if not scene.asked.any():
        return actions
    asked = scene.asked[views.rows]
    did = {(answer.page.row, deed.item): deed.do for answer in answers for deed in answer.deeds}
    deeds = np.full(len(asked), "nothing", dtype="<U7")
    for at in np.flatnonzero(asked).tolist():
        deeds[at] = did.get((int(views.rows[at]), int(views.items[at])), "nothing")
    like, share, reply = (
        np.where(asked, deeds == action, getattr(actions, action)) for action in ("like", "share", "reply")
    )
    return Actions(like, share, reply, actions.follow & ~asked, actions.unfollow & ~asked)


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


def _posted(scene: Scene, round_: int, answers: Sequence[FeedAnswer]) -> Iterator[Event]:
    """Yield what members wrote; if the feeds have no room for all of it, a draw decides whose is taken."""
    wrote = [(answer, deed) for answer in answers for deed in answer.deeds if deed.say]
    if not wrote:
        return
    members_texts = int((scene.posts.slots < 0).sum())
    room = max(0, scene.network.posts.most - members_texts)
    rows = np.array([answer.page.row for answer, _ in wrote])
    items = np.array([deed.item for _, deed in wrote])
    first = np.argsort(scene.lots(rows, items, round_, "room"), kind="stable")[:room]
    placed = [wrote[i] for i in sorted(first.tolist())]
    texts = [deed.say for _, deed in placed]
    yield MembersPosted(
        step=scene.step,
        cause=FIRST,
        round=round_,
        messages=[_message(scene, answer.page.persona, round_, deed) for answer, deed in placed],
        personas=pack([answer.page.persona for answer, _ in placed], Int32s),
        items=pack([deed.item for _, deed in placed], Int16s),
        kinds=["share" if deed.do == "share" else "reply" for _, deed in placed],
        texts=texts,
        topics=pack(scene.reader.topics(texts), Float32s) if texts else b"",
        unplaced=len(wrote) - len(placed),
    )


def _message(scene: Scene, persona: int, round_: int, deed: Deed) -> str:
    return f"{scene.said[deed.item].contest}/said/{persona}.{round_}.{deed.item}"


def _ties(scene: Scene, views: Views, actions: Actions, answers: Sequence[FeedAnswer]) -> Iterator[Event]:
    """Yield new follows of authors, and unfollows of those from whom something unwelcome came."""
    authors = scene.posts.authors[views.items].astype(np.int64)
    said = [(answer.page.row, each, follows) for answer in answers for each, follows in answer.ties.items()]
    for forms, did, whom in ((True, actions.follow, authors), (False, actions.unfollow, views.sources)):
        rows = np.concatenate([views.rows[did], np.array([row for row, _, f in said if f == forms], dtype=np.int64)])
        targets = np.concatenate([whom[did], np.array([each for _, each, f in said if f == forms], dtype=np.int64)])
        if len(rows):
            sources, followed = _pairs(scene, rows, targets)
            if forms:
                yield TiesFormed(step=scene.step, cause=FIRST, why="follow", sources=sources, targets=followed)
            else:
                yield TiesCut(step=scene.step, cause=FIRST, why="unfollow", sources=sources, targets=followed)


def _shifts(
    scene: Scene, round_: int, views: Views, actions: Actions, answers: Sequence[FeedAnswer]
) -> Iterator[Event]:
    platform, weights = scene.platform, scene.network.influence
    author = scene.posts.slots[views.items]
    crowd = ~scene.asked[views.rows]
    for slot in range(len(platform.opinions)):
        of_slot = {answer.page.row: answer.opinions[slot] for answer in answers if slot in answer.opinions}
        said = np.array(sorted(of_slot), dtype=np.int64)
        values = np.array([of_slot[row] for row in said.tolist()], dtype=np.int16)
        new = values != platform.opinions[slot, said]
        yield from shift(scene, round_, "opinion", "reader", slot, said[new], values[new], cause=FIRST)
        by_author = author == slot
        moving = by_author & crowd
        rows, values = shifted_opinions(platform, slot, views.rows[moving], views.appeal[moving], weights)
        yield from shift(scene, round_, "opinion", "influence", slot, rows, values, cause=FIRST)
        likers = distinct(views.rows[by_author & actions.like])
        rows, values = moved(platform.trust[slot], likers, weights.trust_gain)
        yield from shift(scene, round_, "trust", "influence", slot, rows, values, cause=FIRST)


def shift(
    scene: Scene,
    round_: int,
    about: Literal["opinion", "trust"],
    why: Literal["influence", "shock", "fact_check", "reader"],
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
