"""Every example runs as it stands and says what it promises."""

from __future__ import annotations

import ast
import importlib
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from learning.runs.objects import Objects
from tests.support.fakes import FakeTrainer, fake_llm

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_imports_only_what_is_there(path):
    """The names that an example takes from the packages exist."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module or "")
            assert all(hasattr(module, alias.name) for alias in node.names)


STUDIES = [path for path in EXAMPLES if path.stem in ("campaign", "feeds", "word_of_mouth")]


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.name)
def test_a_study_is_a_page(path):
    """A study of a networked world, one per arena, takes 15 lines of code."""
    source = path.read_text()
    docstring = ast.parse(source).body[0].end_lineno or 0
    assert len([line for line in source.splitlines()[docstring:] if line.strip()]) <= 15


@pytest.mark.system
@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.name)
def test_a_study_prints_what_it_promises(path, tmp_path, monkeypatch, capsys):
    """With two anchors, and stand-ins for its model and its trainer; the slow test below has the real ones."""
    monkeypatch.setattr(Objects, "models", lambda self, config, backends: (fake_llm(), fake_llm()))
    monkeypatch.setattr(Objects, "trainer_of", lambda self, config, adapters: FakeTrainer())
    monkeypatch.setattr(sys, "argv", [str(path), str(tmp_path / "run"), "2"])
    runpy.run_path(str(path), run_name="__main__")
    printed = capsys.readouterr().out
    assert "[" in printed and "n=" in printed


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
