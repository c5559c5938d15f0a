"""The house: imports point down, between packages, between rooms and between files; there are no exceptions.

Every import counts, lazy ones and those for types only too.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOUSE: dict[str, str] = {
    "moloch": "beats durable exit_codes near_files | errors | content texts lazy kernels notebook numerals plain_text cores meanings records meant_texts reasons | utf8 column_names extras | keyed registry yamls extensions tables | checked_values | xml_graphs | __main__",
    "populations": "randomness personas tables margins | mapping raking splits _traits | sources draws adults | sides",
    "media_graph": "csr cascades growth feed_kernels | mesh_forces | random_graphs files layouts feeds diffusion | conformance",
    "abm": "arenas columns societies | events probe | study_events label_events | log llm reactions | audience state tasks | journal surveys | worlds | views conformance",
    "learning": "methods pocket fitness | arms mitigations training | alarms | settings | plan | runs | surrogates surveys moves",
    "analysis": "formats markup frames statistics passages pocket checks starters | probes readings | tables | answers calibration judges | terminal | studies | figures packs inspect_log tensorboard_log | ui | labels | reports record | site | cli",
}
"""Package -> its rooms, from the ground up; rooms between two bars stand side by side. Packages stand on each other, too."""
HEAVY = {"torch", "transformers", "trl", "peft", "datasets", "polars", "mesa", "vllm", "solara", "anywidget", "scipy"}


@cache
def modules() -> dict[str, Path]:
    """Return every module of the product by its dotted name; a package by its own."""
    found = {}
    for package in HOUSE:
        for path in (ROOT / package).rglob("*.py"):
            if "node_modules" in path.parts:
                continue
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports(module: str) -> frozenset[str]:
    """Return the modules of the product that a module imports anywhere in its code."""
    found = set()
    for node in ast.walk(ast.parse(modules()[module].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in modules() else node.module)
    return frozenset(name for name in found if name in modules() and name != module)


def circles(graph: dict[str, set[str]]) -> list[str]:
    """Return what is left of a graph after everything that only rests on firm ground was taken away."""
    left = {name: set(targets) for name, targets in graph.items()}
    while firm := [name for name, targets in left.items() if not targets & left.keys()]:
        for name in firm:
            del left[name]
    return sorted(left)


@pytest.mark.parametrize("package", HOUSE)
def test_no_package_knows_the_floors_above(package):
    """Not even inside a function."""
    above = list(HOUSE)[list(HOUSE).index(package) + 1 :]
    for module in modules():
        if module.split(".")[0] == package and package != "moloch":
            assert not [each for each in imports(module) if each.split(".")[0] in above], module


def test_the_ground_knows_none_of_the_packages():
    """The front door names where things are; only for type checkers does it import them."""
    for module in modules():
        if module.split(".")[0] == "moloch" and module != "moloch":
            assert all(each.split(".")[0] == "moloch" for each in imports(module)), module


@pytest.mark.parametrize("package", HOUSE)
def test_no_room_knows_the_rooms_above(package):
    """Inside a package, too; a room that is not in the plan of the house is not built."""
    height = {room: i for i, level in enumerate(HOUSE[package].split("|")) for room in level.split()}
    for module in modules():
        if not module.startswith(f"{package}."):
            continue
        room = module.split(".")[1]
        assert room in height, f"{module} stands in no room of the plan"
        for each in imports(module):
            if each.startswith(f"{package}.") and (other := each.split(".")[1]) != room:
                assert height[other] < height[room], f"{module} imports {each}"


@pytest.mark.parametrize("depth", [2, 3, 4, 9])
def test_nothing_goes_round(depth):
    """Between rooms, rooms of rooms, and files."""
    graph: dict[str, set[str]] = {}
    for module in modules():
        if module == "moloch":  # the front door, which stands before the whole house
            continue
        room = ".".join(module.split(".")[:depth])
        targets = {".".join(each.split(".")[:depth]) for each in imports(module)}
        graph.setdefault(room, set()).update(targets - {room})
    assert circles(graph) == []


def test_private_modules_stay_in_their_folder():
    """A name with an underscore is imported by its neighbours only; others go through the door."""
    for module in modules():
        package = module if modules()[module].name == "__init__.py" else module.rpartition(".")[0]
        for each in imports(module):
            parts = each.split(".")
            for i, part in enumerate(parts):
                if part.startswith("_"):
                    folder = ".".join(parts[:i])
                    assert f"{package}.".startswith(f"{folder}."), f"{module} imports {each}"


def loaded(statement: str) -> set[str]:
    """Return the modules that a fresh Python has loaded after a statement."""
    code = f"{statement}; import sys; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("statement", ["import analysis, analysis.cli, learning, abm"])
def test_front_doors_are_light(statement):
    """Opening a front door, the command line's among them, imports nothing heavy."""
    assert not loaded(statement) & HEAVY


NOUNS = {"learning", "mapping", "raking", "reading", "training"}
"""Modules whose names end in -ing and are nouns of the field."""


def test_modules_are_named_for_what_they_hold():
    """Not for an activity."""
    names = {module.rpartition(".")[2] for module in modules()}
    assert {name for name in names if name.endswith("ing")} - NOUNS == set()


def test_a_class_name_means_one_thing():
    """In the whole house: a reader who meets a name again knows what it is."""
    places: dict[str, list[str]] = {}
    for module, path in modules().items():
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(module)
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
