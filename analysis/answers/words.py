"""Words of the field for what tables name shortly: methods, probes, arms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from analysis.formats import difference, known, number

METHODS = {
    "rft": "rejection fine-tuning",
    "tfb": "text feedback",
    "dpo": "direct preference optimisation",
    "grpo": "group relative policy optimisation",
    "dpo_random": "direct preference optimisation on random preferences",
    "dpo_swapped": "direct preference optimisation on swapped preferences",
    "grpo_permuted": "group relative policy optimisation on shuffled rewards",
    "tfb_paper_code": "text feedback as in the paper's code",
    "prompt": "learns an instruction",
    "prompt_random": "learns an instruction from random messages",
    "placebo": "learns from random messages",
    "tfb_placebo": "learns from random messages and thoughts",
    "loser": "learns from losers",
    "shuffled_votes": "learns from shuffled votes",
    "length_matched": "learns from random messages as long as winners",
}
"""Method -> what its letters stand for, or what it learns from."""
_A_WORD = {"placebo", "loser", "base"}
"""Names that a sentence can hold before they are explained."""

TASKS = {
    "copied": "share of the requested names and quantities that the answer holds",
    "refused": "harmful requests that are refused, by a rule on words",
    "over-refused": "harmless twins of these that are refused",
}
"""Measure of answers to tasks -> what it is; others are probes."""
RIVALRY = (
    "Rivalry: (learner less market twin) less (the same alone), in points, of one training each: no interval holds for new trainings. "
    "Where rows are not equal it mixes rivalry with the amount of training; rows_of makes them equal."
)


def task_words(measures: Iterable[str]) -> str:
    """Return what measures of answers to tasks are, in a sentence."""
    there = list(dict.fromkeys(measures))
    said = [f"{name}: {TASKS[name]}" for name in there if name in TASKS]
    if probes := [name for name in there if name not in TASKS]:
        said.append(f"{', '.join(probes)}: answers to broad questions in which the probe finds it")
    return f"{'; '.join(said)}."


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

    def other(self, name: str, method: str = "") -> str:
        """Return the name of what an arm is compared with: explained where this is its first use, unless it is a word."""
        return name if name in _A_WORD else self.arm(name, method)


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
        return f" ({design} cannot detect any possible difference)"
    return f" ({design} can detect {number(100 * least, 0 if least > 0.0995 else 1)} points)"


def outcome_words(name: str) -> str:
    """Return an outcome as it stands in a sentence: ``copy_error`` is ``copy error``."""
    return "win rate" if name == "win_rate" else name.replace("_", " ")
