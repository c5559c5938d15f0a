"""Words of the field for what tables name shortly: methods, probes, arms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.formats import difference, known, number

METHODS = {
    "rft": "rejection fine-tuning",
    "tfb": "text feedback",
    "dpo": "direct preference optimisation",
    "grpo": "group relative policy optimisation",
    "placebo": "learns from random messages",
    "tfb_placebo": "learns from random messages and thoughts",
    "loser": "learns from losers",
    "shuffled_votes": "learns from shuffled votes",
    "length_matched": "learns from random messages as long as winners",
}
"""Method -> what its letters stand for, or what it learns from."""


class Terms:
    """Arms by name, explained at their first use."""

    def __init__(self) -> None:
        self._explained: set[str] = set()

    def arm(self, name: str, method: str = "") -> str:
        """Return an arm's name; the first time with what its method is called in full.

        Args:
            method: how it learns; by default what its name says, where it is a method's.
        """
        method = method or name
        if method in self._explained or method not in METHODS:
            return name
        self._explained.add(method)
        return f"{name} ({METHODS[method]})" if method == name else f"{name} ({method}: {METHODS[method]})"


def points_and_interval(estimate: Mapping[str, Any]) -> str:
    """Return a difference of shares as ``+6.9 points [4.2, 9.7]``; ``0.0 points (no variation)`` where all clusters are alike."""
    value, _, rest = difference(estimate).partition(" ")
    return f"{value} points {rest}".rstrip()


def could_detect(least: float | None, design: str) -> str:
    """Return which difference would have been seen, in brackets; nothing where that is not known.

    Args:
        least: the minimum detectable difference of shares.
        design: of which it is.
    """
    if least is None or not known(least) or not least:
        return ""
    if least >= 1:
        return f" ({design} can detect no difference that there could be)"
    return f" ({design} can detect {number(100 * least, 0 if least > 0.0995 else 1)} points)"


def outcome_words(name: str) -> str:
    """Return an outcome as it stands in a sentence: ``copy_error`` is ``copy error``."""
    return "win rate" if name == "win_rate" else name.replace("_", " ")
