"""Every example runs as it stands and says what it promises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_runs_and_repeats_itself_from_its_log(path, tmp_path):
    """A second call carries nothing out and prints the same."""
    command = [sys.executable, str(path), str(tmp_path / "run")]
    first, second = (
        subprocess.run(command, cwd=path.parents[1], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    )
    assert first == second and "beyond placebo" in first
