"""What the fault suite shares: payloads that differ, children that die, and guards taken away on demand."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.faults.mutations import apply_from_environment
from tests.support.forked import Forked

ROOT = Path(__file__).parents[2]

apply_from_environment()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Where a run will be."""
    return tmp_path / "run"


@pytest.fixture
def child() -> Callable[..., subprocess.Popen]:
    """Start a function of ``tests.faults.children`` in a process of its own; it prints what it acknowledges."""
    started: list[subprocess.Popen] = []

    def start(function: str, *args: object, **environment: str) -> subprocess.Popen:
        code = f"import sys; from tests.faults import children; children.{function}(*sys.argv[1:])"
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, args)],
            cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | environment,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    end(started)


@pytest.fixture
def forked() -> Callable[..., Forked]:
    """As ``child``, in forks of this process: for children that are killed so often that what each imports would take the time.

    What they import is imported before, here.
    """
    from abm.llm import http  # noqa: F401
    from tests.faults import children
    from tests.learning import test_loop  # noqa: F401

    started: list[Forked] = []

    def start(function: str, *args: object) -> Forked:
        started.append(Forked(getattr(children, function), *map(str, args)))
        return started[-1]

    yield start
    end(started)


def end(started: Sequence[subprocess.Popen | Forked]) -> None:
    """End children, and close what they said."""
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
