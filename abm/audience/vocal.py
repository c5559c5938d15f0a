"""Whose thoughts are kept where a crowd reacts: the core of a mixed audience, else a few drawn at random."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from abm.audience.mixed import Mixed
from moloch import keyed
from moloch.keyed import Part

BULK = 5_000
"""From this many members on, a contest's reactions are one event, except for members whose thoughts are kept."""

THINKERS = 64
"""Members of a crowd whose thoughts are kept, unless it has a core that is asked one by one."""


Rows = NDArray[np.int64] | slice


def vocal(audience: object, ids: NDArray[np.int64], *key: Part) -> tuple[Rows, list[Rows]]:
    """Return the rows of a crowd's members whose thoughts are kept, and the rows of the rest.

    The core of a mixed audience speaks; of any other crowd :data:`THINKERS` who stand together, from a place drawn at random
    (rows of a crowd have no order), so that the rest are two unbroken ranges and need no column of indices.

    Args:
        ids: shape (k,), ascending.
        key: the contest, for the draw.
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
