"""Whatever a user gives: it is taken as what it says, or refused in a sentence; never a traceback, a hang, or memory without bound.

The bounded form; the long one is ``benchmarks/fuzz.py``.
"""

from __future__ import annotations

import resource
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.entries import ENTRIES
from tests.fuzz.entry import Entry, taken

pytestmark = pytest.mark.fuzz
DRAWN = 60
"""Inputs of a kind, of dearer ones fewer."""
MOST_MB = 300
"""By which the memory of the process may grow meanwhile."""


def peak_mb() -> float:
    """Return the most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_is_taken_or_refused(entry: Entry, tmp_path_factory):
    """Inputs drawn by hypothesis, which makes a failing one as small as it can."""
    folder = tmp_path_factory.mktemp("odd")
    before = peak_mb()

    @settings(
        max_examples=max(8, DRAWN // entry.cost), deadline=None, database=None, derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(lot=st.randoms(use_true_random=False))
    def reads(lot: Random) -> None:
        taken(entry, entry.draw(lot), folder)

    reads()
    assert peak_mb() - before < MOST_MB


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_both_happen(entry: Entry, tmp_path):
    """What is drawn is neither always taken nor always refused: readers are reached, and their guards too."""
    found: set[bool] = set()
    for i in range(400):
        found.add(taken(entry, entry.draw(Random(f"{entry.name}/{i}")), tmp_path))
        if len(found) == 2:
            return
    pytest.fail(f"all were {'taken' if found == {True} else 'refused'}")
