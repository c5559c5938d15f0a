"""Every example runs as it stands and says what it promises."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_imports_only_what_is_there(path):
    """The names that an example takes from the packages exist."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module or "")
            assert all(hasattr(module, alias.name) for alias in node.names)


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_runs_and_repeats_itself_from_its_log(path, tmp_path):
    """A second call carries nothing out and prints the same."""
    command = [sys.executable, str(path), str(tmp_path / "run")]
    first, second = (
        subprocess.run(command, cwd=path.parents[1], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    )
    assert first == second and first
