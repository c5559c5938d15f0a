"""What members who saw a contest choose: when it is decided, when a purchase is due, or when a poll asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from abm.audience.vocal import vocal
from abm.events import Event, PollTaken, Reacted, ReactionInvalid
from abm.reactions import reacted_many
from abm.state.platform import SERVED
from abm.worlds.contests import Slate
from abm.worlds.networked.influence import social_utility, source_utility
from abm.worlds.networked.readers import Seen, asked_part
from abm.worlds.networked.scene import Scene
from abm.worlds.offers import Occasion, Offer
from moloch.texts import whole


class Entry(NamedTuple):
    """A contest whose messages are in the feeds.

    Attributes:
        items: its messages' places in the feed, by option.
        opened: ``seq`` of its opening.
    """

    slate: Slate
    items: list[int]
    opened: int

    @property
    def contest(self) -> str:
        """The contest's id."""
        return self.slate.contest


class Own(NamedTuple):
    """Members who decided by themselves.

    Attributes:
        rows: of them, and maybe of others who were not asked.
        explain: row and chosen option -> why.
    """

    rows: NDArray[np.int64]
    explain: Callable[[int, int], str]


class Choices(NamedTuple):
    """What k members chose.

    Attributes:
        options: shape (k,), -1 for nothing.
        slots: shape (k,), the same as slots.
        own: those among them who decided by themselves; None where none did.
        invalid: place among them -> an answer of a language model that could not be read; its choice is -1, too.
    """

    seen: Seen
    options: NDArray[np.int64]
    slots: NDArray[np.int8]
    own: Own | None = None
    invalid: Mapping[int, str] = {}


def choose(scene: Scene, entry: Entry, occasion: int) -> Choices:
    """Return what those who saw a message of the contest choose now.

    Args:
        occasion: the round of the purchase; the noise of a choice is that of its occasion, so that a poll asks for what
            would be chosen then, and minds change by influence only.
    """
    posts, weights = scene.posts, scene.network.influence
    offered = (posts.seen[entry.items] & SERVED) > 0
    rows = np.flatnonzero(offered.any(axis=0))
    offered = offered[:, rows].T
    places = np.where(
        offered, posts.places[np.array(entry.items)[:, None], rows].T.astype(np.int64), np.iinfo(np.int64).max
    )
    slots = posts.slots[entry.items]
    seen = Seen(
        rows=rows,
        offered=offered,
        first=places.argmin(axis=1),
        social=social_utility(posts, rows, entry.items, weights, entry.contest),
        source=source_utility(scene.platform, slots[None, :], rows[:, None], weights)
        - scene.penalty * posts.labelled[entry.items],
        checked=scene.checked.utility(rows[:, None], np.array(entry.items)[None, :]) if scene.checked else None,
    )
    texts = [scene.texts[item] for item in entry.items]
    options = scene.reader.choose(texts, scene.voters, seen, (*entry.slate.place, "choice", occasion))
    return Choices(seen, options, _slots(scene, entry, options), invalid=_invalid(scene, entry, rows))


def _invalid(scene: Scene, entry: Entry, rows: NDArray[np.int64]) -> dict[int, str]:
    """Return place among ``rows`` -> the answer of a persona that could not be read."""
    asked = asked_part(scene.reader)
    if asked is None or not (unreadable := asked.unreadable(entry.slate.place)):
        return {}
    ids = scene.voters.ids[rows]
    return {int(place): unreadable[int(ids[place])] for place in np.flatnonzero(np.isin(ids, list(unreadable)))}


def offer_of(scene: Scene, entry: Entry, choices: Choices, why: Occasion) -> Offer:
    """Return a contest as the members who saw it have it before them."""
    rows = choices.seen.rows
    return Offer(
        contest=entry.contest,
        anchor=entry.slate.anchor,
        texts=entry.slate.texts,
        occasion=why,
        rows=rows,
        shown=_orders(scene, entry, choices.seen),
        usual=choices.options,
        endorsed=scene.posts.endorsed[np.array(entry.items)[:, None], rows].T,
    )


def with_own(scene: Scene, entry: Entry, choices: Choices, options: NDArray[np.int64], own: Own) -> Choices:
    """Return choices once some members decided by themselves.

    Args:
        options: shape (k,), what everybody chose in the end.
    """
    invalid = {i: raw for i, raw in choices.invalid.items() if int(choices.seen.rows[i]) not in own.rows}
    return Choices(choices.seen, options, _slots(scene, entry, options), own, invalid)


def reacted(scene: Scene, entry: Entry, choices: Choices, occasion: int, bulk: int) -> list[Event]:
    """Return the events of members' choices.

    A member's order is that in which it saw the options; those that it did not see are missing. From ``bulk`` members on
    choices are columns, but for some of those who saw everything, whose thoughts are kept (:func:`abm.audience.vocal.vocal`).
    """
    seen, ids = choices.seen, scene.voters.ids[choices.seen.rows]
    orders = _orders(scene, entry, seen)
    thoughts = _thoughts(scene, entry, choices, orders, occasion, bulk)
    slots = np.append(scene.posts.slots[entry.items], np.int8(-1))[orders]  # an option that was not seen: slot -1
    alone = [*thoughts, *choices.invalid]
    single = np.ones(len(ids), dtype=bool) if len(ids) < bulk else np.isin(np.arange(len(ids)), alone)
    events: list[Event] = []
    for i in np.flatnonzero(single).tolist():
        common = {"step": scene.step, "cause": entry.opened, "contest": entry.contest, "persona": int(ids[i])}
        order = slots[i][slots[i] >= 0].tolist()
        if i in choices.invalid:
            events.append(ReactionInvalid(**common, order=order, raw=whole(choices.invalid[i])))
        else:
            thought = whole(thoughts.get(i, ""))
            events.append(Reacted(**common, order=order, choice=int(choices.slots[i]), thought=thought))
    if not single.all():
        crowd = ~single
        events.append(
            reacted_many(
                entry.contest, ids[crowd], slots[crowd], choices.slots[crowd], step=scene.step, cause=entry.opened
            )
        )
    return events


def poll(scene: Scene, entry: Entry, choices: Choices, round_: int, competitors: int) -> PollTaken:
    """Return a poll's result."""
    votes = np.bincount(choices.slots[choices.slots >= 0], minlength=competitors).tolist()
    return PollTaken(
        step=scene.step, cause=entry.opened, contest=entry.contest, round=round_, asked=len(choices.slots), votes=votes
    )


def _slots(scene: Scene, entry: Entry, options: NDArray[np.int64]) -> NDArray[np.int8]:
    return np.where(options < 0, np.int8(-1), scene.posts.slots[entry.items][options])


def _orders(scene: Scene, entry: Entry, seen: Seen) -> NDArray[np.int64]:
    """Return options in the order in which each member saw them, shape (k, n); -1 at the end for those it did not."""
    places = scene.posts.places[np.array(entry.items)[:, None], seen.rows].T.astype(np.int64)
    places[~seen.offered] = np.iinfo(np.int64).max
    orders = np.argsort(places, axis=1, kind="stable")
    return np.where(np.take_along_axis(seen.offered, orders, axis=1), orders, -1)


def _thoughts(
    scene: Scene, entry: Entry, choices: Choices, orders: NDArray[np.int64], occasion: int, bulk: int
) -> dict[int, str]:
    """Return the thoughts that are kept, by place among those who saw the contest: of members who could compare.

    A persona that a language model plays says why in any case.
    """
    seen = choices.seen
    compared = np.flatnonzero((seen.offered.all(axis=1) & (len(entry.items) >= 2)) | scene.asked[seen.rows])
    if len(seen.rows) >= bulk:
        asked, _ = vocal(scene.audience, scene.voters.ids[seen.rows[compared]], *entry.slate.place)
        compared = compared[asked]
    own, explained = choices.own, {}
    if own is not None:
        decided = np.isin(seen.rows[compared], own.rows)
        for place in compared[decided].tolist():
            explained[place] = own.explain(int(seen.rows[place]), int(choices.options[place]))
        compared = compared[~decided]
    if not len(compared):
        return explained
    texts = [scene.texts[item] for item in entry.items]
    thoughts = scene.reader.thoughts(
        texts,
        scene.voters,
        seen.of(compared),
        choices.options[compared],
        orders[compared].astype(np.int8),
        (*entry.slate.place, "choice", occasion),
    )
    return dict(zip(compared.tolist(), thoughts, strict=True)) | explained
