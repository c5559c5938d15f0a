"""A message's way through the feeds as a page shows it: reach by round, the tree of shares, who answered what.

All numbers are those of :mod:`analysis.readings.spreads`; who is behind them is in :mod:`analysis.readings.cascades`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import islice
from typing import Any

from abm.state.platform import RECOMMENDED
from analysis.formats import number, percent
from analysis.passages import passage
from analysis.readings.book import Book
from analysis.readings.cascades import Action, Cascade
from analysis.readings.spreads import Spread
from analysis.ui.address import PageAddress
from analysis.ui.data.doors import event_url, rows_url

ACTIONS: tuple[Action, ...] = ("like", "reply", "share")
DONE: dict[Action, str] = {"like": "liked it", "reply": "replied", "share": "shared it"}
SEEN = "seen"
"""What an address names as its frame where a message's page lists who saw it."""
VOTERS = "A message reached the members who saw it. Votes count all members who saw any message of its contest, so they can be more."
"""Why more members may have voted than a message reached, in a world with feeds."""
BRANCHES = 60
"""Sharers that a page lists at most, and answers."""


def cascade_view(
    cascade: Cascade,
    spread: Spread,
    book: Book,
    members: int,
    address: PageAddress,
    whole: set[str] | frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """Return a message's way as a page shows it.

    Args:
        spread: the same message's.
        members: how many there are in its society.
        whole: ids of texts that are shown whole.
    """
    shape = spread.shape
    facts = [
        ["seen by", f"{spread.seen:,} of {members:,}", address.at(frame=SEEN, page_no=0).url],
        ["likes", f"{spread.likes:,}", _acts(address, spread, "like")],
        ["replies", f"{spread.replies:,}", _acts(address, spread, "reply")],
        ["shares", f"{len(spread.sharers):,}", _acts(address, spread, "share")],
        ["depth", f"{shape.depth}", ""],
        ["breadth", f"{shape.breadth}", ""],
        ["structural virality", number(shape.virality, 2), ""],
    ]
    branches = tree(spread)
    people = PageAddress(run=address.run, page="persona", society=address.society)
    told = _Teller(cascade, book, people)
    return {
        "facts": facts,
        "voters": VOTERS,
        "rounds": round_rows(cascade, spread, members, address),
        "tree": [told.branch(persona, depth) for persona, depth in branches[:BRANCHES]],
        "tree_hidden": max(0, len(branches) - BRANCHES),
        "answers": [
            {
                "id": each.message,
                "name": book.name_of(each.persona),
                "url": people.at(persona=each.persona).url,
                "what": "replied" if each.kind == "reply" else "wrote as it shared it",
                "round": each.round + 1,
                "event": event_url(address, each.seq),
                "text": passage(each.text, whole=each.message in whole).as_dict(),
            }
            for each in cascade.answers[:BRANCHES]
        ],
        "answers_hidden": max(0, len(cascade.answers) - BRANCHES),
    }


def round_rows(cascade: Cascade, spread: Spread, members: int, address: PageAddress) -> list[dict[str, Any]]:
    """Return a row per round: who saw the message then and so far, from whom, and what they did."""
    acts = Counter((action, round_) for _, action, round_ in cascade.acts)
    by = Counter(zip(map(_by, cascade.sources), cascade.reached, strict=True))
    rows, reached = [], 0
    for round_, views in enumerate(spread.views):
        reached += views
        share = reached / members if members else 0.0
        rows.append(
            {
                "round": round_ + 1,
                "views": f"{views:,}",
                "reached": f"{reached:,}",
                "share": percent(share),
                "width": 100 * min(1.0, share),
                "author": f"{by['author', round_]:,}",
                "members": f"{by['member', round_]:,}",
                "platform": f"{by['platform', round_]:,}",
                "acts": [
                    [f"{acts[kind, round_]:,}", _acts(address, spread, kind, round_) if acts[kind, round_] else ""]
                    for kind in ACTIONS
                ],
            }
        )
    return rows


def viewer_rows(cascade: Cascade, book: Book, address: PageAddress, start: int, stop: int) -> list[dict[str, Any]]:
    """Return members who saw a message, those from ``start`` to ``stop`` in the order of rounds: through whom, and what they did."""
    did: defaultdict[int, list[str]] = defaultdict(list)
    for persona, action, _ in cascade.acts:
        if DONE[action] not in did[persona]:
            did[persona].append(DONE[action])
    people = PageAddress(run=address.run, page="persona", society=address.society)
    seen = zip(cascade.members, cascade.reached, cascade.sources, strict=True)
    return [
        {
            "name": book.name_of(persona),
            "url": people.at(persona=persona).url,
            "round": round_ + 1,
            "through": book.name_of(source)
            if source >= 0
            else {"author": "its author", "platform": "recommended"}[_by(source)],
            "through_url": people.at(persona=source).url if source >= 0 else "",
            "did": ", ".join(did[persona]),
        }
        for persona, round_, source in islice(seen, start, stop)
    ]


def _acts(address: PageAddress, spread: Spread, kind: str, round_: int | None = None) -> str:
    """Return where the rows are of what members did with a message, in one round or in all."""
    return rows_url(address, "reactions", message=spread.message, kind=kind, round=round_)


def _by(source: int) -> str:
    return "platform" if source == RECOMMENDED else "author" if source < RECOMMENDED else "member"


def tree(spread: Spread) -> list[tuple[int, int]]:
    """Return the sharers with their depth from the author, each after the one from whom it had the message; larger branches first."""
    parents = spread.parents.tolist()
    children: defaultdict[int, list[int]] = defaultdict(list)
    below = [1] * len(parents)
    for node in range(len(parents) - 1, 0, -1):
        below[parents[node]] += below[node]
        children[parents[node]].append(node)
    found, waiting = [], [(0, 0)]
    while waiting:
        node, depth = waiting.pop()
        if node:
            found.append((spread.sharers[node - 1], depth))
        waiting += [(child, depth + 1) for child in sorted(children[node], key=lambda child: (below[child], -child))]
    return found


class _Teller:
    """Says who a sharer is, and what it brought about."""

    def __init__(self, cascade: Cascade, book: Book, people: PageAddress) -> None:
        self._book, self._people = book, people
        self._shared = cascade.did("share")
        self._brought = Counter(source for source in cascade.sources if source >= 0)
        self._platform = {
            p for p, source in zip(cascade.members, cascade.sources, strict=True) if source == RECOMMENDED
        }

    def branch(self, persona: int, depth: int) -> dict[str, Any]:
        return {
            "name": self._book.name_of(persona),
            "url": self._people.at(persona=persona).url,
            "depth": depth,
            "round": self._shared.get(persona, 0) + 1,
            "brought": f"{self._brought[persona]:,}",
            "recommended": persona in self._platform,
        }
