"""A society over time as codes per frame and member. Knows nothing of how they are read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNDECIDED, FIRST_SLOT = 0, 1
"""Codes of choice: nobody yet, then one per slot, then abstained and invalid."""
ENDS = (0.1, 0.25, 0.5, 1.0)
"""Ends of the scale of opinions; the least that holds them all is taken."""


@dataclass
class Frames:
    """Frames of one society, T of them over N members.

    Attributes:
        personas: shape (N,), persona index of each row.
        slots: competitors' names, by slot; a choice's code is its slot + 1, then abstained, then invalid.
        choices: T of shape (N,): uint8, what each chose last.
        exposures: T of shape (N,): uint8, 0 saw nothing of what is in the feeds, 1 saw something, 2 liked, shared or replied.
        opinions: T of shape (slots, N): float32, -1 .. 1; none in a world without feeds.
        labels: T mappings as :class:`analysis.ui.graph.DiffusionGraph` takes them.
        marks: ``t``, ``kind`` and ``label``.
        contests: T contest ids, empty where a frame shows none.
        formed, cut: ties among members since the society began.
        thinned: only every n-th frame was kept.
    """

    personas: NDArray[np.int64]
    slots: list[str]
    choices: list[NDArray[np.uint8]] = field(default_factory=list)
    exposures: list[NDArray[np.uint8]] = field(default_factory=list)
    opinions: list[NDArray[np.float32]] = field(default_factory=list)
    labels: list[dict[str, Any]] = field(default_factory=list)
    marks: list[dict[str, Any]] = field(default_factory=list)
    contests: list[str] = field(default_factory=list)
    formed: int = 0
    cut: int = 0
    thinned: int = 1

    @property
    def n(self) -> int:
        """Members."""
        return len(self.personas)

    def __len__(self) -> int:
        return len(self.labels)

    def copy(self) -> Frames:
        """Return the frames as they are now; arrays are shared, since none is ever changed."""
        return replace(
            self,
            choices=list(self.choices),
            exposures=list(self.exposures),
            opinions=list(self.opinions),
            labels=list(self.labels),
            marks=[dict(mark) for mark in self.marks],
            contests=list(self.contests),
        )

    @property
    def abstained(self) -> int:
        """The code of an abstention; the next one is that of an invalid reaction."""
        return FIRST_SLOT + len(self.slots)

    def thin(self) -> None:
        """Drop every second frame."""
        for kept in (self.choices, self.exposures, self.opinions, self.labels, self.contests):
            del kept[1::2]
        for mark in self.marks:
            mark["t"] //= 2
        self.thinned *= 2
