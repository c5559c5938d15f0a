"""The rooms of ``analysis`` stand one above the other, and their names say what is in them."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = (
    "pocket", "formats", "passages", "statistics", "probes", "readings", "tables", "judges", "checks", "terminal",
    "record", "ui", "cli",
)  # fmt: skip
"""From the bottom; each imports only from those before it."""
NOUNS = {"reading", "training"}
"""Modules that end in -ing and are nouns of the field."""


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
    return (module.split(".") + [""])[1]


def test_no_room_knows_those_above():
    """Not even inside a function; only the front door names all of them."""
    for module, names in IMPORTS.items():
        for name in names if room_of(module) else ():
            assert ROOMS.index(room_of(name)) <= ROOMS.index(room_of(module)), f"{module} imports {name}"


def test_no_circle():
    """No module comes back to itself over others."""
    done: set[str] = set()

    def follow(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module not in done:
            for name in IMPORTS[module]:
                follow(name, (*path, module))
            done.add(module)

    for module in MODULES:
        follow(module, ())


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


def test_modules_are_named_for_what_they_hold():
    """Not for an activity."""
    for module in MODULES:
        last = module.rpartition(".")[2]
        assert not last.endswith("ing") or last in NOUNS, module


def test_a_class_name_means_one_thing():
    """In all rooms."""
    places = defaultdict(list)
    for module, path in MODULES.items():
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(module)
    assert {name: modules for name, modules in places.items() if len(modules) > 1} == {}


def test_no_module_hides_a_public_name():
    """Importing ``analysis.x`` must not replace the object ``analysis.x``."""
    import analysis
    from analysis import judges, probes

    for door in (analysis, judges, probes):
        inside = {module.rpartition(".")[2] for module in MODULES if module.rpartition(".")[0] == door.__name__}
        assert not inside & set(door.__all__)
