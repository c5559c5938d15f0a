"""Dependencies point one way: a package imports only from its own floor and the floors below."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = ("populations", "media_graph", "abm", "learning", "analysis")
HEAVY = {"torch", "transformers", "trl", "peft", "datasets", "polars", "mesa", "vllm", "solara", "anywidget", "scipy"}


def imported(path: Path) -> set[str]:
    """Return the top-level packages that a file imports anywhere, lazily or not."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("package", FLOORS)
def test_no_package_knows_the_floors_above(package):
    """Not even inside a function."""
    above = set(FLOORS[FLOORS.index(package) + 1 :])
    for path in (ROOT / package).rglob("*.py"):
        assert not imported(path) & above, f"{path.relative_to(ROOT)} imports from a floor above"


@pytest.mark.parametrize("statement", ["import analysis", "import analysis.cli", "import learning", "import abm"])
def test_front_doors_are_light(statement):
    """Opening a front door, the command line's among them, imports nothing heavy."""
    code = f"{statement}; import sys; print(' '.join(sys.modules))"
    loaded = set(
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split()
    )
    assert not loaded & HEAVY


def test_generation_and_training_need_neither_polars_nor_mesa():
    """GPU hosts that have torch but not these can still train and generate."""
    code = (
        "import abm.llm.local.backend, learning.training.trainer, learning.methods, sys; print(' '.join(sys.modules))"
    )
    loaded = set(
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split()
    )
    assert not loaded & {"polars", "mesa", "vllm"}
