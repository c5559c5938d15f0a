"""Notebooks run from top to bottom, and are kept without outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


def cells(path: Path, kind: str) -> list[dict[str, Any]]:
    """Return a notebook's cells of one kind."""
    return [cell for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == kind]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_nothing_that_was_printed_is_kept(path):
    """Outputs age, and they are what a change of a notebook is hidden among."""
    assert [cell["id"] for cell in cells(path, "code") if cell["outputs"] or cell["execution_count"]] == []


@pytest.mark.system
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_runs_from_top_to_bottom(path, tmp_path, monkeypatch, capsys):
    """In the shell that Jupyter's kernel has, with the pocket model, and with something to see under each cell."""
    monkeypatch.chdir(tmp_path)
    shell = InteractiveShell()
    for cell in cells(path, "code"):
        source = "".join(cell["source"])
        for full, small in (("train_anchors=24", "train_anchors=3"), ("held_out_anchors=24", "held_out_anchors=3")):
            source = source.replace(full, small)
        done = shell.run_cell(source)
        done.raise_error()
        assert capsys.readouterr().out, f"{path.name}, cell {cell['id']}: nothing to see"
