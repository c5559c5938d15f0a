"""Words of the field for what tables name shortly: methods, probes, arms."""

from __future__ import annotations

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


def outcome_words(name: str) -> str:
    """Return an outcome as it stands in a sentence: ``copy_error`` is ``copy error``."""
    return "win rate" if name == "win_rate" else name.replace("_", " ")
