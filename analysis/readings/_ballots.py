"""Valid votes of one contest until it is decided, as columns of a byte each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.readings._contradiction import Contradiction


class Ballots:
    """Valid votes of one contest, until it is decided: single ones as plain numbers, a crowd's as columns."""

    def __init__(self) -> None:
        self._singles: list[tuple[int, int, int]] = []
        self._crowds: list[tuple[NDArray[np.integer], NDArray[np.int8], NDArray[np.int8]]] = []

    def one(self, persona: int, choice: int, order: Sequence[int]) -> None:
        """Add a persona's vote, with the options in the order in which it saw them."""
        self._singles.append((persona, choice, int(order[0] == choice) if len(order) > 1 else -1))

    def many(self, personas: NDArray[np.integer], choices: NDArray[np.int8], orders: NDArray[np.int8]) -> None:
        """Add a crowd's votes: shapes (k,), (k,) and (k, 2 or more), -1 among the orders for no option."""
        first = np.where(orders[:, 1] >= 0, (orders[:, 0] == choices).astype(np.int8), np.int8(-1))
        self._crowds.append((personas, choices, first))

    def columns(self) -> tuple[NDArray[np.integer], NDArray[np.int8], NDArray[np.int8]]:
        """Return personas; choices; 1 for a vote for what was seen first, 0 for another, -1 where only one was seen."""
        singles = np.array(self._singles, dtype=np.int32).reshape(-1, 3)
        singles = (singles[:, 0], singles[:, 1].astype(np.int8), singles[:, 2].astype(np.int8))
        personas, choices, first = (np.concatenate(parts) for parts in zip(singles, *self._crowds, strict=True))
        return personas, choices, first


def options(orders: NDArray[np.int8], voters: int) -> NDArray[np.int8]:
    """Return the orders in which a crowd's voters saw their options, shape (voters, 2 or more), from one column.

    Raises:
        Contradiction: it does not hold as many for each voter.
    """
    if voters and (len(orders) % voters or len(orders) < 2 * voters):
        raise Contradiction(
            f"its {voters:,} votes need the order of two options or more each, and it holds {len(orders):,} places in all"
        )
    return orders.reshape(voters, -1)


def placed(values: NDArray, at: NDArray[np.integer], who: NDArray[np.integer]) -> NDArray[np.int8]:
    """Return small whole numbers in the order of ``who``, each once among the places ``at``."""
    column = np.zeros(who[-1] + 1, dtype=np.int8)
    column[at] = values
    return column[who]
