"""How events change the platform: the fold's part for the networked world, live and on replay."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from abm.columns import Float32s, Int8s, Int16s, Int32s, unpack
from abm.events import (
    Engaged,
    FeedOpened,
    FeedServed,
    Intervened,
    MembersPosted,
    MessagesLabelled,
    OpinionsShifted,
    PlatformOpened,
    PollTaken,
    Remembered,
    TiesCut,
    TiesFormed,
)
from abm.state import memory
from abm.state.platform import (
    CHOSEN,
    ELIGIBLE,
    LIKED,
    RECOMMENDED,
    REPLIED,
    SERVED,
    SHARED,
    Platform,
    Posts,
    account,
    expand,
    slot_of,
)
from media_graph import from_ties

PlatformEvent = (
    FeedOpened
    | FeedServed
    | Engaged
    | MembersPosted
    | Remembered
    | OpinionsShifted
    | PollTaken
    | Intervened
    | MessagesLabelled
    | TiesFormed
    | TiesCut
)

ENDORSED = LIKED | SHARED | CHOSEN

_BITS = {"like": LIKED, "share": SHARED, "reply": REPLIED}


OF_COMPETITOR, OF_TASTE, MOST_BYTES = 5, 4, 2**34
"""Bytes that a platform holds for each member; and of all, more than which an event of a few bytes does not ask for."""


def opened(event: PlatformOpened, sources: NDArray[np.int32], targets: NDArray[np.int32]) -> Platform:
    """Return a new society's platform.

    Args:
        sources, targets: shape (ties,), the ties of the run's graphs, as persona indices; those of its members count.
    """
    n = event.size
    if n < 0 or (event.competitors * OF_COMPETITOR + event.tastes * OF_TASTE) * n > MOST_BYTES:
        raise ValueError(f"{n} members, {event.competitors} competitors, {event.tastes} tastes")
    personas = unpack(event.personas, Int32s).astype(np.int64) if event.personas else event.first + np.arange(n)
    platform = Platform(
        personas=personas,
        follows=from_ties(n, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)),
        reach=from_ties(n, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)),
        audience=np.zeros((event.competitors, n), dtype=bool),
        opinions=np.zeros((event.competitors, n), dtype=np.int16),
        trust=np.zeros((event.competitors, n), dtype=np.int16),
        tastes=np.zeros((n, event.tastes), dtype=np.float32),
        ranker=event.ranker,
        slots=event.slots,
    )
    inside = np.isin(sources, personas) & np.isin(targets, personas)
    platform.follows = from_ties(n, platform.rows(sources[inside]), platform.rows(targets[inside]))
    platform.reach = platform.follows.transposed()
    return platform


def apply(platform: Platform, event: PlatformEvent) -> None:
    """Change ``platform`` by one event."""
    match event:
        case FeedOpened():
            _settle(platform)
            platform.posts = _posts(platform, event)
        case FeedServed():
            posts, rows = _now(platform), _rows(platform, event.members)
            items = _items(posts, event.items)
            posts.seen[items, rows] |= SERVED
            posts.sources[items, rows] = unpack(event.sources, Int32s)
            posts.places[items, rows] = 128 * event.round + unpack(event.ranks, Int8s).astype(np.uint16)
        case Engaged():
            _engage(platform, event)
        case MembersPosted():
            _post(platform, _now(platform), event)
        case Remembered():
            _rows(platform, event.personas)  # who is not a member remembers nothing
            memory.apply(platform.memories, event)
        case OpinionsShifted():
            column = platform.opinions if event.about == "opinion" else platform.trust
            if not 0 <= event.slot < len(column):
                raise IndexError(f"slot {event.slot} of {len(column)}")
            column[event.slot, _rows(platform, event.members)] = unpack(event.values, Int16s)
        case PollTaken():
            _now(platform).polls[event.contest] = [votes / max(1, event.asked) for votes in event.votes]
        case MessagesLabelled():
            posts = _now(platform)
            posts.labelled[_items(posts, event.items)] = True
        case TiesFormed() | TiesCut():
            _tie(platform, event)
        case Intervened():
            _intervene(platform, event)


def chosen(platform: Platform, contest: str, personas: NDArray[np.int64], slots: NDArray[np.integer]) -> None:
    """Let others see what members chose: to choose a message is to endorse it, as to like it is; nobody endorses it twice."""
    posts = platform.posts
    if posts is None:
        return
    rows = platform.rows(personas)
    for item, slot in posts.of_contest.get(contest, ()):
        who = rows[slots == slot]
        who = who[(posts.seen[item, who] & ENDORSED) == 0]
        posts.seen[item, who] |= CHOSEN
        _endorse(platform, posts, np.full(len(who), item), who)


def chosen_by(platform: Platform, contest: str, persona: int, slot: int) -> None:
    """Let others see what one member chose: :func:`chosen`, without arrays of one."""
    posts = platform.posts
    if posts is None:
        return
    row = platform.row(persona)
    for item, of in posts.of_contest.get(contest, ()):
        if of == slot and not posts.seen[item, row] & ENDORSED:
            posts.seen[item, row] |= CHOSEN
            reach = platform.reach
            posts.endorsed[item, reach.indices[reach.indptr[row] : reach.indptr[row + 1]]] += 1  # each follows once


def settle(platform: Platform) -> None:
    """Let ties that formed or were cut count, and clear the feeds: the step is over."""
    _settle(platform)
    platform.posts = None


def _now(platform: Platform) -> Posts:
    if platform.posts is None:
        raise ValueError("no feed is open")
    return platform.posts


def _items(posts: Posts, column: bytes) -> NDArray[np.int16]:
    """Return places of messages, shape (n,); raise IndexError for one that is not in the feeds."""
    items = unpack(column, Int16s)
    if len(items) and not 0 <= items.min() <= items.max() < len(posts.messages):
        raise IndexError(f"message {items.min()} .. {items.max()} of {len(posts.messages)} in the feeds")
    return items


def _rows(platform: Platform, column: bytes) -> NDArray[np.int64]:
    return platform.rows(unpack(column, Int32s))


def _posts(platform: Platform, event: FeedOpened) -> Posts:
    m, n = len(event.messages), platform.n
    slots = np.array([int(message.rsplit("/", 1)[1]) for message in event.messages], dtype=np.int8)
    allowed = ~np.isin(slots, platform.banned)
    return Posts(
        messages=list(event.messages),
        slots=slots,
        authors=account(slots.astype(np.int32)),
        topics=_matrix(unpack(event.topics, Float32s), m),
        seen=np.where(allowed[:, None] & platform.audience[slots], np.uint8(ELIGIBLE), np.uint8(0)),
        sources=np.where(platform.audience[slots], account(slots.astype(np.int32))[:, None], np.int32(RECOMMENDED)),
        arrived=np.zeros((m, n), dtype=np.uint16),
        places=np.zeros((m, n), dtype=np.uint16),
        endorsed=np.zeros((m, n), dtype=np.uint16),
        counts=np.zeros(m, dtype=np.int64),
        labelled=np.zeros(m, dtype=bool),
        of_contest=_by_contest(event.messages, slots),
    )


def _by_contest(messages: list[str], slots: NDArray[np.int8]) -> dict[str, list[tuple[int, int]]]:
    """Return contest -> (item, slot) of each of its messages."""
    items: dict[str, list[tuple[int, int]]] = {}
    for item, (message, slot) in enumerate(zip(messages, slots.tolist(), strict=True)):
        items.setdefault(message.rsplit("/", 1)[0], []).append((item, slot))
    return items


def _intervene(platform: Platform, event: Intervened) -> None:
    """Put it in force; the effects of a fact-check or a shock have events of their own."""
    platform.interventions.append({"kind": event.kind, **event.settings})
    match event.kind:
        case "rule":
            platform.ranker = event.settings.get("ranker") or platform.ranker
            platform.slots = event.settings.get("slots") or platform.slots
        case "ban":
            platform.banned = sorted({*platform.banned, event.settings["slot"]})


def _matrix(values: NDArray[np.float32], rows: int) -> NDArray[np.float32]:
    """Return ``values`` row by row; no columns where there is no row to tell how many."""
    return values.reshape(rows, len(values) // rows if rows else 0)


def _engage(platform: Platform, event: Engaged) -> None:
    posts, rows = _now(platform), _rows(platform, event.members)
    items = _items(posts, event.items).astype(np.int64)
    bit = _BITS[event.action]
    new = (posts.seen[items, rows] & ENDORSED) == 0
    posts.seen[items, rows] |= bit
    posts.counts += np.bincount(items, minlength=len(posts.counts))
    if platform.tastes.shape[1]:
        np.add.at(platform.tastes, rows[new], posts.topics[items[new]])
    if event.action != "reply":
        _endorse(platform, posts, items[new], rows[new])
    if event.action == "share":
        _carry(platform, posts, items, rows, event.round + 1)


def _post(platform: Platform, posts: Posts, event: MembersPosted) -> None:
    """Put what members wrote into the feeds: it can reach those who follow its author, and the member whom it answers."""
    rows, about = _rows(platform, event.personas), _items(posts, event.items).astype(np.int64)
    old, new, n = len(posts.messages), len(event.messages), platform.n
    if not len(rows) == len(about) == len(event.kinds) == len(event.texts) == new:
        raise ValueError(f"{len(rows)} authors of {len(event.texts)} texts in {new} messages")
    if not new:  # all that was written found the feeds full
        return
    posts.messages = [*posts.messages, *event.messages]
    posts.slots = np.append(posts.slots, np.full(new, -1, dtype=np.int8))
    answered = posts.authors[about]
    posts.authors = np.append(posts.authors, platform.personas[rows].astype(np.int32))
    posts.topics = np.concatenate([posts.topics, _matrix(unpack(event.topics, Float32s), new)])
    posts.counts, posts.labelled = (
        np.append(posts.counts, np.zeros(new, np.int64)),
        np.append(posts.labelled, [False] * new),
    )
    fresh: dict[str, int] = {"seen": 0, "sources": RECOMMENDED, "arrived": event.round + 1, "places": 0, "endorsed": 0}
    for name, value in fresh.items():
        before = getattr(posts, name)
        setattr(posts, name, np.concatenate([before, np.full((new, n), value, dtype=before.dtype)]))
    items = np.arange(old, old + new)
    followers, of = expand(platform.reach, rows)
    to_members = answered >= 0
    who = np.concatenate([followers, platform.rows(answered[to_members])])
    which = np.concatenate([items[of], items[to_members]])
    posts.seen[which, who] |= ELIGIBLE
    posts.sources[which, who] = posts.authors[which]
    posts.seen[items, rows] |= ELIGIBLE | SERVED  # nobody is shown what it wrote itself


def _carry(platform: Platform, posts: Posts, items: NDArray[np.int64], rows: NDArray[np.int64], round_: int) -> None:
    """Let what ``rows`` shared reach their followers; where several shared it, an arbitrary one is its source."""
    order = np.argsort(-_mixed(platform.personas[rows], items), kind="stable")
    items, rows = items[order], rows[order]
    followers, of = expand(platform.reach, rows)
    fresh = posts.seen[items[of], followers] == 0
    of, followers = of[fresh], followers[fresh]
    posts.sources[items[of], followers] = platform.personas[rows[of]]  # the last one that is written stays
    posts.arrived[items[of], followers] = round_
    posts.seen[items[of], followers] |= ELIGIBLE


def _mixed(personas: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a number for each pair that has nothing to do with the order of members."""
    return ((personas + 1) * 2654435761 ^ (items + 1) * 2246822519) % 4294967291


def _endorse(platform: Platform, posts: Posts, items: NDArray[np.int64], rows: NDArray[np.int64]) -> None:
    """Let the followers of ``rows`` see that they liked, shared or chose ``items``."""
    followers, of = expand(platform.reach, rows)
    np.add.at(posts.endorsed.reshape(-1), items[of] * platform.n + followers, np.uint16(1))


def _tie(platform: Platform, event: TiesFormed | TiesCut) -> None:
    """Ties to competitors count at once, those among members from the next feed on."""
    forms = isinstance(event, TiesFormed)
    rows, targets = _rows(platform, event.sources), unpack(event.targets, Int32s).astype(np.int64)
    to_competitors = targets < RECOMMENDED
    platform.audience[slot_of(targets[to_competitors]), rows[to_competitors]] = forms  # pyright: ignore[reportArgumentType]
    among = ~to_competitors
    if among.any():
        platform.pending.append((forms, rows[among], platform.rows(targets[among])))


def _settle(platform: Platform) -> None:
    if platform.pending:
        platform.follows, platform.pending = platform.settled(), []
        platform.reach = platform.follows.transposed()
