"""The files to copy of docs/extending, and how this process forgets that it imported parts of a page."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from moloch.registry import Registry

PARTS = Path(__file__).parents[2] / "docs" / "extending" / "parts"
PACKAGES = ("moloch", "populations", "media_graph", "abm", "learning", "analysis", "tests")


@contextmanager
def forgotten() -> Iterator[None]:
    """After the block, let no registry know parts that are not of our packages, and no module of the folder be imported."""
    path, folders = [*sys.path], (PARTS, Path.cwd())
    try:
        yield
    finally:
        sys.path[:] = path
        for registry in _registries():
            for name in [name for name in registry._added if _package(registry.origin(name)) not in PACKAGES]:
                registry._added.pop(name)
        for name in [name for name, module in sys.modules.items() if _lies_in(module, folders)]:
            sys.modules.pop(name)


def _registries() -> list[Registry]:
    ours = [module for name, module in [*sys.modules.items()] if _package(name) in PACKAGES]
    return [value for module in ours for value in [*vars(module).values()] if isinstance(value, Registry)]


def _package(module: str) -> str:
    return module.partition(".")[0]


def _lies_in(module: ModuleType, folders: tuple[Path, ...]) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).parent in folders
