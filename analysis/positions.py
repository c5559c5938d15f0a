"""Whether it matters where an option stands: how often each place was chosen, by how many options there were.

Every member sees the options in an order of its own, so that without a bias each of n places is chosen by 1/n. Knows
events; the votes of all phases count, since a bias is the reader's, not the writers'.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from abm.columns import Int8s, unpack
from abm.crowd import members
from abm.events import Event, MessagePublished, Reacted, ReactedMany
from analysis.statistics import Estimate, clustered_mean


class PositionRow(msgspec.Struct, frozen=True):
    """One place among so many.

    Attributes:
        options: that a member saw.
        position: from 1, the option shown first.
        chosen: share of valid votes, clustered on anchors and personas; null 1 / ``options``.
    """

    options: int
    position: int
    chosen: Estimate


class _Votes(NamedTuple):
    """Valid votes as columns, shape (votes,) each: options seen, place chosen from 0, codes of anchor and persona."""

    options: NDArray[np.int64]
    places: NDArray[np.int64]
    anchors: NDArray[np.int64]
    personas: NDArray[np.int64]


def position_table(events: Iterable[Event]) -> list[PositionRow]:
    """Return one row per number of options, two or more, and place."""
    anchors: dict[str, str] = {}
    codes: dict[str, int] = {}
    parts = []
    for event in events:
        match event:
            case MessagePublished():
                anchors[event.contest] = event.anchor
            case Reacted():
                orders = np.array([event.order], dtype=np.int8)
                parts.append(
                    _valid(orders, np.array([event.choice]), np.array([event.persona]), _code(event, anchors, codes))
                )
            case ReactedMany():
                choices = unpack(event.choices, Int8s)
                orders = unpack(event.orders, Int8s).reshape(len(choices), -1)
                parts.append(_valid(orders, choices, members(event), _code(event, anchors, codes)))
            case _:
                pass
    if not parts:
        return []
    votes = _Votes(*map(np.concatenate, zip(*parts, strict=True)))
    rows = []
    for options in np.unique(votes.options[votes.options > 1]).tolist():
        some = _Votes(*(column[votes.options == options] for column in votes))
        for place in range(options):
            chosen = clustered_mean(some.places == place, some.anchors, some.personas, null=1 / options)
            rows.append(PositionRow(options, place + 1, chosen))
    return rows


def _code(event: Reacted | ReactedMany, anchors: dict[str, str], codes: dict[str, int]) -> int:
    return codes.setdefault(anchors.get(event.contest, event.contest), len(codes))


def _valid(orders: NDArray[np.int8], choices: NDArray, personas: NDArray, anchor: int) -> _Votes:
    """Return the votes among these that chose what they saw; orders have -1 where a member saw fewer options."""
    found = (orders == choices[:, None]) & (choices[:, None] >= 0)
    kept = found.any(axis=1)
    return _Votes(
        (orders[kept] >= 0).sum(axis=1), found[kept].argmax(axis=1), np.full(int(kept.sum()), anchor),
        np.asarray(personas)[kept].astype(np.int64),
    )  # fmt: skip
