"""A crowd's reactions as one event with columns, and back. Knows how they are laid out, not how they came about."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from abm import keyed
from abm.audience import Mixed
from abm.columns import Int8s, Int32s, pack, unpack
from abm.events import Reacted, ReactedMany
from abm.keyed import Part

BULK = 5_000
"""Members from which a contest's reactions are one event, but for those of whom thoughts are kept."""

THINKERS = 64
"""Members of a crowd whose thoughts are kept, unless it has a core that is asked one by one."""


Rows = NDArray[np.int64] | slice


def vocal(audience: object, ids: NDArray[np.int64], *key: Part) -> tuple[Rows, list[Rows]]:
    """Return the rows of a crowd of whom thoughts are kept, and those of the rest.

    The core of a mixed audience speaks; of any other crowd :data:`THINKERS` who stand together, from a place drawn by lot
    (rows of a crowd have no order), so that the rest are two unbroken ranges and need no column of indices.

    Args:
        ids: shape (k,), ascending.
        key: the contest, for the lot.
    """
    if isinstance(audience, Mixed):
        core = np.flatnonzero(audience.is_core(ids))
        start, stop = (int(core[0]), int(core[-1]) + 1) if len(core) else (0, 0)
        if stop - start != len(core):
            return core, [np.delete(np.arange(len(ids)), core)]
    else:
        start = int(keyed.generator(*key, "thinkers").integers(max(1, len(ids) - THINKERS + 1)))
        stop = min(len(ids), start + THINKERS)
    rest: list[Rows] = [part for part in (slice(0, start), slice(stop, len(ids))) if part.start < part.stop]
    return slice(start, stop), rest


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
            seq=event.seq, step=event.step, cause=event.cause, at=event.at, contest=event.contest, persona=persona,
            order=order, choice=choice, thought="",
        )  # fmt: skip
