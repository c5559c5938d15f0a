"""A folder that need not wait for a disk, for tests with hundreds of files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def in_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in memory; syncs do nothing."""
    monkeypatch.setattr("abm.log.disk.sync_data", lambda file: None)
    monkeypatch.setattr("os.fsync", lambda file: None)
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)
