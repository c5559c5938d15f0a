"""Measures of texts: how much they repeat themselves, how diverse they are together, how much of them was copied.

Words are runs of letters and digits, in small letters. Pure; knows nothing of logs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

REPEATED = 4
"""Words of the runs whose repetition within a message counts (Welleck et al. 2020, arXiv 1908.04319, seq-rep-4)."""
DISTINCT = 2
"""Words of the runs whose diversity counts (Li et al. 2016, arXiv 1510.03055, distinct-2)."""
COPIED = 4
"""Words of the runs that count as copied; facts are shorter, quotations longer."""

_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """Return the words of a text."""
    return _WORD.findall(text.lower())


def runs(tokens: Sequence[str], length: int) -> list[tuple[str, ...]]:
    """Return all runs of ``length`` words, in order."""
    return list(zip(*(tokens[i:] for i in range(length)), strict=False))


def repetition(text: str) -> float:
    """Return the share of a text's runs of four words that stood in it before, 0 .. 1; 0 for a text of fewer words.

    seq-rep-n = 1 - |different n-grams| / |n-grams|.

    >>> repetition("buy it now or never, buy it now or never")
    0.2857142857142857
    """
    found = runs(words(text), REPEATED)
    return 1 - len(set(found)) / len(found) if found else 0.0


def distinct(texts: Iterable[str]) -> float:
    """Return the share of different ones among all runs of two words of some texts, 0 .. 1; NaN where there is none.

    It falls with the number of texts: compare equally many.
    """
    found = [run for text in texts for run in runs(words(text), DISTINCT)]
    return len(set(found)) / len(found) if found else float("nan")


def copied(text: str, sources: Iterable[frozenset[tuple[str, ...]]]) -> float:
    """Return the share of a text's runs of four words that stand in any source, 0 .. 1; 0 for a text of fewer words.

    Args:
        sources: what :func:`source` makes of them.
    """
    found = runs(words(text), COPIED)
    known = list(sources)
    return sum(any(run in each for each in known) for run in found) / len(found) if found else 0.0


def source(text: str) -> frozenset[tuple[str, ...]]:
    """Return the runs of a text that may be copied."""
    return frozenset(runs(words(text), COPIED))
