"""Private modules of ``analysis`` are those that only their room imports; the plan of the house is in tests/test_floors.py."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def name_of(path: Path) -> str:
    """Return a module's dotted name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    name_of(path): path for path in (ROOT / "analysis").rglob("*.py") if "js" not in path.relative_to(ROOT).parts
}


def imports(path: Path) -> set[str]:
    """Return the modules of ``analysis`` that a file imports anywhere, lazily or not."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names} & MODULES.keys()
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & MODULES.keys()
            modules |= inner or ({node.module} & MODULES.keys())
    return modules


IMPORTS = {name: imports(path) - {name} for name, path in MODULES.items()}


def room_of(module: str) -> str:
    """Return the room of a module; empty for the front door."""
    return [*module.split("."), ""][1]


@pytest.mark.parametrize("room", ["judges", "readings", "statistics", "tables", "terminal"])
def test_private_modules_are_those_that_only_their_room_imports(room):
    """An underscore says so, and so does its absence."""
    users = defaultdict(set)
    for module, names in IMPORTS.items():
        for name in names:
            users[name].add(room_of(module))
    for module in MODULES:
        if room_of(module) == room and module.count(".") == 2:
            private = module.rpartition(".")[2].startswith("_")
            assert private == (users[module] <= {room}), f"{module} is imported by {sorted(users[module])}"
