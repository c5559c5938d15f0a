"""What ``moloch init`` writes: one kind of starting point, its files and the commands that use them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path

import msgspec

from moloch.errors import InputError

ANCHOR_ROWS = {"train": 24, "test": 16}
"""Rows of the built-in sales anchors that come with an arena."""

SHORT = "--epochs 1 --set train_anchors=24 --set held_out_anchors=24"
"""Options of a first run, which takes about a minute."""


class Starter(msgspec.Struct, frozen=True):
    """A starting point.

    Attributes:
        files: path below the folder -> text.
        commands: what to run next in that folder, each with what it does.
    """

    kind: str
    files: Mapping[str, str]
    commands: Mapping[str, str]


def write_starter(kind: str, folder: Path) -> Starter:
    """Write a starting point into a folder, which is made if it is not there; nothing is overwritten.

    Raises:
        InputError: there is no such kind, a file of it already exists (then none is written), or a file cannot be written.
    """
    if kind not in _MAKERS:
        from difflib import get_close_matches

        near = get_close_matches(kind, KINDS, n=1)
        guess = f"Did you mean {near[0]!r}? " if near else ""
        raise InputError(f"there is no starting point {kind!r}", fix=f"{guess}Choose one of {', '.join(KINDS)}.")
    made = _MAKERS[kind]()
    if there := [name for name in made.files if (folder / name).exists()]:
        raise InputError(
            f"{', '.join(there)} {'is' if len(there) == 1 else 'are'} there already",
            where=str(folder),
            why="nothing is overwritten, and nothing was written",
            fix="Give another folder: --out FOLDER; or move what is there.",
        )
    for name, text in made.files.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="") as file:
                file.write(text)
        except OSError as error:
            raise InputError(f"cannot write {name}", where=str(folder), why=error.strerror or str(error)) from error
    return made


# -- kinds -------------------------------------------------------------------------------------------------


def _text(name: str) -> str:
    return resources.files("analysis.starters.files").joinpath(name).read_text("utf-8")


def _study() -> Starter:
    commands = {
        "moloch study plan study.yaml": "what it takes: cells, calls, hours; nothing starts",
        "moloch study run study.yaml": "carry it out, or resume it",
        "moloch study results study.yaml": "the answer, with intervals over seeds",
    }
    return Starter("study", {"study.yaml": _text("study.yaml")}, commands)


_ARENA_HEAD = """\
# arena.yaml: an arena to begin with, the sales arena under another name. Change its nouns, fields and prompts to your own.
#
# `moloch arena check arena.yaml --anchors anchors` shows what is wrong, how every prompt then reads, and which models can write.
# The built-in pocket model writes only while write, tag and labels are those of the sales arena; real models write any.
# {anchor}, {persona} and {options} are filled in; a field's column in anchors/train.csv has the field's name, in any case.
name: my_arena
"""


def _arena() -> Starter:
    sales = resources.files("abm").joinpath("arenas/data/sales.yaml").read_text("utf-8")
    _, found, rest = sales.partition("name: sales\n")
    assert found, "the built-in arena begins with its name"
    run = "moloch run --arena arena.yaml --anchors anchors --epochs 1 --out runs/my_arena"
    commands = {
        "moloch arena check arena.yaml --anchors anchors": "what is wrong, every prompt, which models can write",
        run: "let models compete in it",
    }
    anchors = {f"anchors/{split}.csv": _anchors(split, rows) for split, rows in ANCHOR_ROWS.items()}
    return Starter("arena", {"arena.yaml": _ARENA_HEAD + rest} | anchors, commands)


def _anchors(split: str, rows: int) -> str:
    """Return the first anchors of the built-in pack as a table; a cell of a list, or of facts, holds JSON."""
    lines = resources.files("abm").joinpath(f"data/anchors/sales/{split}.jsonl").read_text("utf-8").splitlines()
    listed = [json.loads(line) for line in lines[:rows]]
    table = io.StringIO()
    writer = csv.DictWriter(table, ["title", "categories", "description", "facts"], lineterminator="\n")
    writer.writeheader()
    for row in listed:
        writer.writerow(
            {name: json.dumps(cell) if isinstance(cell, list | dict) else cell for name, cell in row.items()}
        )
    return table.getvalue()


def _probe() -> Starter:
    commands = {
        f"moloch run --extensions my_probe --set 'probes=[pressure,unparsed]' {SHORT} --out runs/my_probe": "a run that it judges",
        "moloch probe runs/my_probe --rules pressure --extensions my_probe": "judge any run afterwards",
    }
    return Starter("probe", {"my_probe.py": _text("my_probe.py")}, commands)


def _ranker() -> Starter:
    settings = "--world networked --extensions my_ranker --set network.feed.ranker=liked_and_fresh"
    commands = {
        f"moloch run {settings} {SHORT} --out runs/my_ranker": "a society whose feeds it ranks",
        "moloch replay runs/my_ranker --verify": "decide every step of it again",
    }
    return Starter("ranker", {"my_ranker.py": _text("my_ranker.py")}, commands)


def _persona_mapping() -> Starter:
    commands = {
        "moloch personas check people.csv --mapping mapping.yaml": "columns, refusals, and how prompts read",
        f"moloch run --personas people.csv --set mapping=mapping.yaml {SHORT} --out runs/my_people": "let them vote",
    }
    files = {name: _text(name) for name in ("mapping.yaml", "people.csv")}
    return Starter("persona-mapping", files, commands)


_MAKERS: dict[str, Callable[[], Starter]] = {
    "study": _study,
    "arena": _arena,
    "probe": _probe,
    "ranker": _ranker,
    "persona-mapping": _persona_mapping,
}
KINDS = tuple(_MAKERS)
"""What there is a starting point for; the first one is the usual."""
