"""How long a study was worked on: the hours in which at least one cell was carried out, by whichever controller. Knows times, nothing else."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class WorkedTime:
    """Stretches of time, in seconds since 1970; where they overlap, they count once.

    >>> worked = WorkedTime()
    >>> for stretch in ((0, 10), (20, 25), (5, 12)): worked.add(*stretch)
    >>> worked.seconds, worked.seconds_with([(24, 30)])
    (17, 22)
    """

    _stretches: list[tuple[float, float]] = field(default_factory=list, init=False)

    def add(self, start: float, end: float) -> None:
        """Count from ``start`` to ``end``; nothing where that is no time."""
        if end <= start:
            return
        first = last = bisect_left(self._stretches, (start, start))
        if first and self._stretches[first - 1][1] >= start:
            first -= 1
        while last < len(self._stretches) and self._stretches[last][0] <= end:
            last += 1
        met = self._stretches[first:last]
        self._stretches[first:last] = [
            (min([start, *(each[0] for each in met)]), max([end, *(each[1] for each in met)]))
        ]

    @property
    def seconds(self) -> float:
        """All of it."""
        return sum(end - start for start, end in self._stretches)

    def seconds_with(self, more: Iterable[tuple[float, float]]) -> float:
        """Return all of it and of some more stretches, which are not kept."""
        both = WorkedTime()
        both._stretches = list(self._stretches)
        for start, end in more:
            both.add(start, end)
        return both.seconds
