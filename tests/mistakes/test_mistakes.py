"""Two hundred mistakes, at five doors: each ends in an error that says what, where and what to do, and leaves nothing behind."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.mistakes.doors import DOORS
from tests.mistakes.mistake import Mistake, carry_out, complaints

ROWS = [
    pytest.param(mistake, id=f"{door}-{mistake.did}", marks=[pytest.mark.system] * mistake.slow)
    for door, mistakes in DOORS.items()
    for mistake in mistakes
]


@pytest.mark.parametrize("mistake", ROWS)
def test_is_answered(mistake: Mistake, tmp_path):
    """In sentences of ours, with its exit code, before any work."""
    outcome = carry_out(mistake, tmp_path / "here")
    assert not complaints(mistake, outcome), (outcome.code, outcome.out, outcome.err)


def test_the_table():
    """Has 30 rows a door and 200 in all, each said once."""
    assert all(len(mistakes) >= 30 for mistakes in DOORS.values())
    assert len(ROWS) >= 200
    assert Counter(row.id for row in ROWS).most_common(1)[0][1] == 1
