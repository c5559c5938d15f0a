"""Instructions on disk: an adapter that is text. Named by what it holds, and read only if it is what its name says.

``<folder>/<id>/instructions.json`` holds ``{"format": 1, "instructions": text}``; beside it lies ``lineage.json``, as with
weights (:mod:`abm.llm.adapters`). A run's log holds the text, too: these files are for those who look at a run, hand it on or take its
instructions elsewhere. Knows files; knows no prompt and no model.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from abm.llm.adapters import RESTORE
from moloch.content import content_id
from moloch.durable import sync
from moloch.errors import CorruptLog, MolochError

FILE, LINEAGE = "instructions.json", "lineage.json"
MOST_BYTES = 1 << 20
"""Of a file; instructions have some hundreds."""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: Literal[1]
    instructions: str


def instructions_id(text: str) -> str:
    """Return the content id of instructions, 16 hex characters; of no instructions, too."""
    return content_id({"instructions": text})


def save_instructions(folder: Path, text: str, lineage: Mapping[str, Any]) -> str:
    """Write instructions under ``folder``, whole or not at all, and return their id; those that are there already stay as they are.

    Args:
        lineage: facts that are kept beside them: parent, data, who learnt them when.

    Raises:
        CorruptLog: what is there already is something else.
        MolochError: they cannot be written (a full disk, say); nothing of that id is there.
    """
    name = instructions_id(text)
    final, new = folder / name, folder / f".{name}.new"
    if final.is_dir():
        read_instructions(folder, name)
        return name
    try:
        shutil.rmtree(new, ignore_errors=True)  # what a killed process left
        new.mkdir(parents=True)
        for file, value in ((FILE, {"format": 1, "instructions": text}), (LINEAGE, dict(lineage))):
            (new / file).write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", "utf-8")
        sync(*new.iterdir(), new)
        new.rename(final)
        sync(folder, folder.parent)
    except OSError as error:
        shutil.rmtree(new, ignore_errors=True)
        fix = "Fix the cause and run the same command again."
        raise MolochError("cannot write the instructions", where=str(final), why=str(error), fix=fix) from error
    return name


def read_instructions(folder: Path, name: str) -> str:
    """Return the instructions ``name`` from a folder of adapters, their content compared with their name.

    Raises:
        CorruptLog: the file cannot be read, or holds other instructions.
    """
    place = folder / name / FILE
    try:
        if Path(name).name != name or not place.is_file():
            raise ValueError(f"{FILE} is not a file")
        if place.stat().st_size > MOST_BYTES:
            raise ValueError(f"{FILE} is larger than {MOST_BYTES:,} bytes")
        text = msgspec.json.decode(place.read_bytes(), type=_File).instructions
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise CorruptLog(
            "cannot read the instructions", where=str(place), why=str(why).splitlines()[0][:200], fix=RESTORE
        ) from error
    if (found := instructions_id(text)) != name:
        raise CorruptLog(
            "the instructions are not those that were learnt",
            where=str(place),
            why=f"the log and the folder's name say {name}; the text there makes {found}",
            fix=RESTORE,
        )
    return text


def instructions_are_here(folder: Path, name: str) -> bool:
    """Return whether a folder of adapters holds anything of the instructions ``name``."""
    return (folder / name / FILE).exists() or (folder / name / FILE).is_symlink()
