"""Compiled loops run on any machine: what numba keeps between processes may be missing, full or damaged."""

from __future__ import annotations

import errno
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from numba.core import caching

import moloch

ROOT = Path(moloch.__file__).parents[1]
MODULES = ("moloch.kernels", "media_graph.growth", "media_graph.feed_kernels", "media_graph.diffusion.kernels")
NOWHERE = "from numba.core.caching import CompileResultCacheImpl as c; c._locator_classes = []"
"""As on a machine where neither the package's folder nor a home may be written to."""
LOOP = """
from moloch.kernels import compiled

@compiled(nogil=True)
def doubled(x):
    return 2 * x
"""


@pytest.fixture
def loop(tmp_path):
    """Return what imports a module with one loop afresh, as a new process does."""
    path = tmp_path / "loops.py"
    path.write_text(LOOP, "utf-8")

    def imported():
        spec = importlib.util.spec_from_file_location("loops", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.doubled

    return imported


@pytest.mark.system
def test_every_kernel_does_without_a_folder():
    """Modules of kernels are imported where numba finds no place for its cache."""
    code = f"{NOWHERE}; import {', '.join(MODULES)}"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_loop_without_a_folder_is_compiled(loop, monkeypatch):
    """In this process alone."""
    monkeypatch.setattr(caching.CompileResultCacheImpl, "_locator_classes", [])
    assert loop()(21) == 42


def test_a_loop_is_compiled_once(loop):
    """Where there is a place, the next process finds it."""
    assert loop()(21) == 42
    again = loop()
    assert again(21) == 42
    assert sum(again.stats.cache_hits.values()) == 1


def test_a_full_disk_keeps_nothing(loop, monkeypatch):
    """And stops nothing."""

    def save(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(caching.IndexDataCacheFile, "save", save)
    assert loop()(21) == 42


@pytest.mark.parametrize("kind", ["nbi", "nbc"])
def test_a_damaged_cache_is_made_again(loop, tmp_path, kind):
    """Whichever of numba's files it is, cut or empty."""
    assert loop()(21) == 42
    (damaged,) = (tmp_path / "__pycache__").glob(f"*.{kind}")
    damaged.write_bytes(damaged.read_bytes()[: len(damaged.read_bytes()) // 2])
    assert loop()(21) == 42
    again = loop()
    assert again(21) == 42
    assert sum(again.stats.cache_hits.values()) == 1
