"""Texts that are nearly the same: runs of words in common, by an exact join over an index of the rare ones.

Two texts are nearly the same if the Jaccard similarity of their sets of four words in a row is above 0.8 (Broder 1997, "On the
resemblance and containment of documents"). Only texts that share one of their rarest runs are compared, which loses no pair
(Bayardo, Ma & Srikant 2007, "Scaling up all pairs similarity search"). Knows nothing of anchors.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from moloch.texts import same_letters

WORDS = 4
"""Words of a run."""

NEAR = 0.8
"""Similarity above which two texts are nearly the same."""

REPEATED = 6
"""Words in a row that a text has in common with another which it repeats."""

Runs = NDArray[np.uint64]
"""A text's different runs, ascending, each as one number: two runs share one by chance once in 2^64."""

_FACTORS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93], dtype=np.uint64)


def near_any(texts: Sequence[str], others: Sequence[str]) -> list[bool]:
    """Return for each text whether it is nearly the same as one of the others; a text of fewer words is one run."""
    numbers: dict[str, int] = {}
    sets, other_sets = ([_runs(text, numbers) for text in each] for each in (texts, others))
    known, times = np.unique(np.concatenate([*sets, *other_sets, np.empty(0, np.uint64)]), return_counts=True)
    index: dict[int, list[int]] = defaultdict(list)
    for i, runs in enumerate(other_sets):
        for run in _rarest(runs, known, times):
            index[run].append(i)
    return [
        any(_near(runs, other_sets[i]) for i in {i for run in _rarest(runs, known, times) for i in index.get(run, ())})
        for runs in sets
    ]


def repeats(text: str, others: Sequence[str]) -> bool:
    """Return whether a text repeats one of the others: six words in a row, or all of its four or five, stand there.

    >>> repeats("Look! Four minutes, and the water boils.", ["Four minutes, and the water boils: a kettle."])
    True
    """
    words = _words(text)
    length = min(REPEATED, len(words))
    return length >= WORDS and any(_in_a_row(words, length) & _in_a_row(_words(other), length) for other in others)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", same_letters(text).lower())


def _in_a_row(words: Sequence[str], length: int) -> set[tuple[str, ...]]:
    return {tuple(words[i : i + length]) for i in range(len(words) - length + 1)}


def _runs(text: str, numbers: dict[str, int]) -> Runs:
    """Return a text's runs; ``numbers`` gives each different word a number, and grows."""
    known = [numbers.setdefault(word, len(numbers) + 1) for word in _words(text)]
    words = np.array(known + [0] * max(0, WORDS - len(known)) if known else [], dtype=np.uint64)
    if not len(words):
        return words
    windows = np.lib.stride_tricks.sliding_window_view(words, WORDS)
    mixed = (windows * _FACTORS).sum(axis=1, dtype=np.uint64)
    return np.unique(mixed ^ (mixed >> np.uint64(29)))


def _rarest(runs: Runs, known: Runs, times: NDArray[np.int64]) -> list[int]:
    """Return so many of the rarest runs that two texts which share none of them cannot be near."""
    order = np.argsort(times[np.searchsorted(known, runs)], kind="stable")
    return runs[order[: len(runs) - int(NEAR * len(runs))]].tolist()


def _near(one: Runs, other: Runs) -> bool:
    if min(len(one), len(other)) <= NEAR * max(len(one), len(other)):
        return False
    both = len(np.intersect1d(one, other, assume_unique=True))
    return both > NEAR * (len(one) + len(other) - both)
