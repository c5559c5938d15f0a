"""The files to copy of docs/extending: where they lie, and how this process forgets that it imported them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from abm.arenas import ARENAS
from abm.audience import AUDIENCES
from abm.probe import PROBES
from learning.methods.sets import METHODS
from media_graph.feeds import RANKERS

PARTS = Path(__file__).parents[2] / "docs" / "extending" / "parts"
SNIPPET = "snippet"
"""The module that code on a page stands in."""
MODULES = sorted(path.stem for path in PARTS.glob("*.py"))
REGISTRIES = (ARENAS, AUDIENCES, METHODS, PROBES, RANKERS)


@contextmanager
def forgotten() -> Iterator[None]:
    """Let the block import the parts, or register its own, as a process that never did; nothing after it knows them."""
    path = [*sys.path]
    _forget()
    try:
        yield
    finally:
        _forget()
        sys.path[:] = path


def _forget() -> None:
    for module in MODULES:
        sys.modules.pop(module, None)
    for registry in REGISTRIES:
        for name in [name for name in registry.names() if registry.origin(name) in (*MODULES, SNIPPET)]:
            registry._added.pop(name)
