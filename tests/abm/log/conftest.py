"""Small logs to write, damage and read again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from abm.events import Event, Reacted
from abm.log import Head, create
from tests.support.memory import in_memory as in_memory

Fill = Callable[..., list[Head]]


def reactions(n: int, first: int = 0) -> list[Reacted]:
    """Return ``n`` reactions that differ from each other."""
    return [
        Reacted(step=0, contest=f"c{i % 3}", persona=i, order=[i % 2, 1 - i % 2], choice=i % 2, thought=f"why {i}")
        for i in range(first, first + n)
    ]


@pytest.fixture(name="reactions")
def _reactions() -> Callable[..., list[Reacted]]:
    return reactions


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> Path:
    """A folder for this test."""
    return request.getfixturevalue("in_memory" if "in_memory" in request.fixturenames else "tmp_path")


@pytest.fixture
def run(folder: Path) -> Path:
    """Where a run will be."""
    return folder / "run"


@pytest.fixture
def fill(run: Path) -> Fill:
    """Create the run with commits of the given sizes; return the head before the first and after each."""

    def write(sizes: Sequence[int], config: dict | None = None) -> list[Head]:
        with create(run, config or {"seed": 1}) as log:
            heads = [log.head()]
            for size in sizes:
                heads.append(log.append(reactions(size, heads[-1].seq)))
        return heads

    return write


@pytest.fixture
def segment(run: Path) -> Path:
    """The first segment's file."""
    return run / "log" / f"{0:020d}.jsonl.zst"


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> int:
    """Seal segments at a few events; return how many."""
    monkeypatch.setattr("abm.log.writer.SEAL_EVENTS", 4)
    return 4


def strip(events: Sequence[Event]) -> list[dict]:
    """Return events as mappings without what the log gives them."""
    import msgspec

    return [{k: v for k, v in msgspec.to_builtins(e).items() if k not in ("seq", "at")} for e in events]


@pytest.fixture(name="strip")
def _strip() -> Callable[[Sequence[Event]], list[dict]]:
    return strip
