"""What the fault suite shares: payloads that can be told apart, children that die, and guards taken away on demand."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.mutations import apply_from_environment

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
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
