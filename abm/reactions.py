"""A crowd's reactions as one event with columns, and back. Knows how they are laid out, not how they came about."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from abm.columns import Int8s, Int32s, pack, unpack
from abm.events import Reacted, ReactedMany


def reacted_many(
    contest: str,
    personas: NDArray[np.int64],
    orders: NDArray[np.int8],
    choices: NDArray[np.int8],
    *,
    step: int,
    cause: int,
) -> ReactedMany:
    """Return the event of k members who chose among n options.

    Args:
        personas: shape (k,), persona indices.
        orders: shape (k, n), slots in the order shown.
        choices: shape (k,), slots; -1 for an abstention.
    """
    first = int(personas[0])
    return ReactedMany(
        step=step,
        cause=cause,
        contest=contest,
        first=first,
        personas=b"" if np.array_equal(personas, first + np.arange(len(personas))) else pack(personas, Int32s),
        orders=pack(orders, Int8s),
        choices=pack(choices, Int8s),
    )


def members(event: ReactedMany) -> NDArray[np.int64]:
    """Return the persona indices of the event's reactions, shape (k,)."""
    if event.personas:
        return unpack(event.personas, Int32s).astype(np.int64)
    return event.first + np.arange(len(unpack(event.choices, Int8s)))


def persona_rows(event: ReactedMany) -> NDArray[np.int64] | slice:
    """Return what picks the event's personas out of a column over all of them; a slice where they are a range."""
    if event.personas:
        return members(event)
    return slice(event.first, event.first + len(unpack(event.choices, Int8s)))


def each(event: ReactedMany, most: int | None = None) -> Iterator[Reacted]:
    """Yield the reactions of the event one by one, with its ``seq``, step, cause and time, and empty thoughts.

    Args:
        most: how many; by default all.
    """
    personas, choices = members(event), unpack(event.choices, Int8s)
    orders = unpack(event.orders, Int8s).reshape(len(personas), -1)
    personas, orders, choices = personas[:most], orders[:most], choices[:most]
    for persona, order, choice in zip(personas.tolist(), orders.tolist(), choices.tolist(), strict=True):
        yield Reacted(
            seq=event.seq,
            step=event.step,
            cause=event.cause,
            at=event.at,
            contest=event.contest,
            persona=persona,
            order=order,
            choice=choice,
            thought="",
        )
