"""Fixtures that several rooms use; what is heavy is imported when it is asked for."""

from __future__ import annotations

import functools
import gc
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import typer.testing


def pytest_collection_finish() -> None:
    """Leave what was imported and collected, which lives as long as the session, out of every later garbage collection."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _notebook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests and their children note outside of runs goes to a folder of the session's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_command() -> Iterator[None]:
    """The tree of commands is built once, not at each of a thousand calls."""
    with pytest.MonkeyPatch.context() as patch:
        built = functools.cache(typer.main.get_command)
        patch.setattr(typer.main, "get_command", built)
        patch.setattr(typer.testing, "_get_command", built)
        yield


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a random language model with a chat template; see :mod:`tests.support.tiny`."""
    from tests.support.tiny import save_tiny_model

    return save_tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def tiny_adapters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two random adapters of the tiny model, :func:`one` and :func:`two`."""
    return tmp_path_factory.mktemp("adapters")


@pytest.fixture(scope="session")
def one(tiny_model: Path, tiny_adapters: Path) -> str:
    """The first tiny adapter's id."""
    from tests.support.tiny import save_tiny_adapter

    return save_tiny_adapter(tiny_model, tiny_adapters, seed=1)


@pytest.fixture(scope="session")
def two(tiny_model: Path, tiny_adapters: Path) -> str:
    """The second tiny adapter's id."""
    from tests.support.tiny import save_tiny_adapter

    return save_tiny_adapter(tiny_model, tiny_adapters, seed=2, use_rslora=True)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium under playwright, started once."""
    for package in ("anywidget", "solara", "playwright"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    if not shutil.which("chromium"):
        pytest.skip("Chromium is not installed")
    from tests.support.widget_page import chromium

    with chromium() as found:
        yield found
