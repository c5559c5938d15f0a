"""What an audience is: members who are shown messages and react. Knows nothing of how they decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from abm import keyed
from abm.keyed import Part


@dataclass(frozen=True)
class Voters:
    """Members as columns; row i is one member.

    Attributes:
        ids: shape (k,), each member's persona index; randomness is keyed by it, not by the row.
        traits: shape (k, len(trait_names)), each in -1 .. 1.
    """

    ids: NDArray[np.int64]
    names: Sequence[str]
    trait_names: tuple[str, ...]
    traits: NDArray[np.float32]


@dataclass(frozen=True)
class Reactions:
    """What k members did with one contest.

    Attributes:
        choices: shape (k,), index of the chosen text; -1 for an abstention.
        thoughts: one per member, or empty if none were asked for.
    """

    choices: NDArray[np.int16]
    thoughts: list[str]


class Audience(Protocol):
    """Reacts to the messages of one contest."""

    def react(
        self, texts: Sequence[str], shown: NDArray[np.int8], voters: Voters, key: tuple[Part, ...]
    ) -> Reactions:
        """Return every member's choice among ``texts``.

        Args:
            texts: n messages, in contest order.
            shown: shape (k, n); ``shown[i, j]`` is the index of the text that member i saw at position j.
            key: names this contest for keyed randomness.
        """
        ...


def orders(ids: NDArray[np.int64], n: int, *key: Part) -> NDArray[np.int8]:
    """Return each member's own random order of ``n`` options, shape (k, n), keyed by who and where."""
    draws = np.stack([keyed.uniforms(ids, *key, option) for option in range(n)], axis=1)
    return np.argsort(draws, axis=1).astype(np.int8)
