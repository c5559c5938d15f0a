"""What to tell somebody who named a folder that is no run: what is there instead, and which runs are near."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from zipfile import is_zipfile

from moloch.errors import NoRun
from moloch.near_files import near_file

SHOWN = 5
"""Runs that an error names."""


def no_run(folder: Path) -> NoRun:
    """Return the error for a folder that is no run."""
    why, fix = "there is no run.json", "Give the folder that moloch run printed."
    if folder.is_file():
        why = "it is a file"
        if is_zipfile(folder):
            fix = "It is a pack, or another zip file: unpack it first, with moloch unpack."
    elif not folder.exists():
        why = "there is nothing of that name"
        if near := get_close_matches(folder.name, _runs_in(folder.parent), n=1):
            fix = f"Did you mean {folder.parent / near[0]}?"
        elif (other := near_file(folder)) is not None and ((other / "run.json").is_file() or _runs_in(other)):
            fix = f"Did you mean {other}?"
    elif (folder / "log").is_dir():
        why = "its log is here, and run.json is missing"
        fix = "Restore run.json from a copy: the log's hash chain starts from its bytes."
    elif inside := _runs_in(folder):
        named = ", ".join(str(folder / name) for name in inside[:SHOWN])
        why, fix = "it is a folder of runs", f"Give one of them: {named}{', ...' if inside[SHOWN:] else '.'}"
    return NoRun("no run here", where=str(folder), why=why, fix=fix)


def _runs_in(folder: Path) -> list[str]:
    try:
        return sorted(path.parent.name for path in folder.glob("*/run.json"))
    except OSError:  # it may not be looked into
        return []
