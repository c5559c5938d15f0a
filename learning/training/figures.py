"""What losses say of a training beside their value, such as how much was clipped: means over all of its steps. Knows no model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from learning.training._ranks import Ranks

if TYPE_CHECKING:
    import torch


class Figures:
    """Sums and counts by name, as a loss adds them."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[float, int]] = {}

    def add(self, sums: Mapping[str, float], count: int) -> None:
        """Add what was summed over ``count`` tokens or pairs; every process adds under the same names, if only nothing."""
        for name, value in sums.items():
            before, counted = self._sums.get(name, (0.0, 0))
            self._sums[name] = before + value, counted + count

    def means(self, ranks: Ranks, device: torch.device) -> dict[str, float]:
        """Return name -> mean over the training and all processes, to six places."""
        found = {}
        for name in sorted(self._sums):
            value, count = (ranks.total(float(each), device) for each in self._sums[name])
            found[name] = round(value / count, 6) if count else 0.0
        return found
