"""Whatever a file of people, ties or anchors holds: it is taken as what it says, or refused in one line. Nothing else."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from abm.arenas import arena
from abm.arenas.anchors import read_anchors
from media_graph import read_graph
from moloch.errors import InputError
from moloch.plain_text import one_line, visible
from populations import read_mapping, read_personas
from tests.support.odd_files import damaged, valid

FILES = [(use, name) for use, files in valid().items() for name in files]


def read(use: str, path: Path, folder: Path) -> None:
    """Read a file for its use, and check what must hold for all that was taken."""
    if use in ("people", "nodes", "mapping"):
        people = folder / "p.csv" if use == "mapping" else path
        plan = read_mapping(path if use == "mapping" else folder / "m.yaml")
        for persona in read_personas(people, None if use == "nodes" else plan)[0]:
            assert one_line(persona.text) == persona.text and one_line(persona.name) == persona.name
            age = persona.attributes.get("age", 30)
            assert isinstance(age, str) or 0 < age < 130
    elif use == "ties":
        read_graph(path, ["Ada", "Ben", "Cleo"])
    else:
        for anchor in read_anchors(path, arena("sales")):
            assert visible(anchor.text) == anchor.text and anchor.subject


def tried(use: str, name: str, folder: Path, times: int, seed: int) -> tuple[int, int]:
    """Return how many of ``times`` damaged files were taken, and how many refused; anything else is raised."""
    files = valid()
    (folder / "p.csv").write_bytes(files["people"]["p.csv"])
    (folder / "m.yaml").write_bytes(files["mapping"]["m.yaml"])
    data, taken = files[use][name], 0
    (folder / "odd").mkdir(exist_ok=True)
    path = folder / "odd" / name
    for i in range(times):
        path.write_bytes(damaged(data, random.Random(f"{seed}/{use}/{name}/{i}")))
        try:
            read(use, path, folder)
            taken += 1
        except InputError as error:
            said = str(error)
            assert "\x1b" not in said, said
            for line in said.split("\n"):  # a mistake each
                assert len(line) < 2_000 and ("odd" in line or "p.csv" in line), said
        except BaseException as error:
            error.add_note(f"{use} {name}: input {i} of seed {seed}")
            raise
    return taken, times - taken


@pytest.mark.parametrize(("use", "name"), FILES)
def test_what_is_valid_is_taken(use, name, tmp_path):
    """Every kind of file, undamaged."""
    files = valid()
    (tmp_path / "p.csv").write_bytes(files["people"]["p.csv"])
    (tmp_path / "m.yaml").write_bytes(files["mapping"]["m.yaml"])
    (tmp_path / name).write_bytes(files[use][name])
    read(use, tmp_path / name, tmp_path)


@pytest.mark.parametrize(("use", "name"), FILES)
def test_damaged_files_are_taken_or_refused(use, name, tmp_path):
    """Forty of each kind, fewer of Parquet, which is read by a process of its own."""
    times = 2 if name.endswith(".parquet") else 40
    taken, refused = tried(use, name, tmp_path, times, seed=1)
    assert refused and taken + refused == times


@pytest.mark.slow
@pytest.mark.parametrize(("use", "name"), FILES)
def test_thousands_of_damaged_files_are_taken_or_refused(use, name, tmp_path):
    """2,700 of each kind, 300 of Parquet: 40,000 and more in all."""
    tried(use, name, tmp_path, 300 if name.endswith(".parquet") else 2_700, seed=2)
