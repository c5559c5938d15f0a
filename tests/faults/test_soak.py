"""Very many events: memory and handles stay as they were."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from abm.log import create, verify
from tests.faults.children import events


def resident() -> int:
    """Return this process's resident memory in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def handles() -> int:
    """Return how many files this process holds open."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("millions", [0.2, pytest.param(100, marks=pytest.mark.faults)])
def test_memory_and_handles_are_flat(run, monkeypatch, millions):
    """The second half of a long log takes no more memory and no more open files than the first; all of it verifies."""
    monkeypatch.setattr("abm.log.writer.SEAL_EVENTS", 10_000 if millions < 1 else 1_000_000)
    monkeypatch.setattr("abm.log.projection.project", lambda run, segment: None)  # projecting has its own tests
    slack = (8 if millions < 1 else 64) * 2**20
    batch, total = events(2_000, 0), int(millions * 1e6)
    halfway = {}
    with create(run, {}) as log:
        for done in range(0, total, len(batch)):
            log.append(batch)
            if done == total // 2:
                halfway = {"memory": resident(), "handles": handles(), "threads": threading.active_count()}
        assert handles() <= halfway["handles"] and threading.active_count() <= halfway["threads"]
        assert resident() <= halfway["memory"] + slack
        assert log.head().seq == total
    assert verify(run).seq == total
    assert resident() <= halfway["memory"] + 2 * slack, "verifying holds no more than it reads at once"
