"""What a page has that the study in its folder had not: what may be added, and what makes another study of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.studies.pages.cells import Cells, cells_of
from analysis.studies.pages.page import page_of
from analysis.studies.record.study_log import StudyState
from moloch.content import content_id
from moloch.errors import InputError

BOUNDS = "stop"
"""What of a page may change at any time: it decides when a study stops, and nothing that a cell holds."""


def page_id(page: Mapping[str, Any]) -> str:
    """Return the content id of what of a page decides its cells."""
    return content_id({key: value for key, value in page.items() if key != BOUNDS})


def additions(state: StudyState, made: Cells, folder: Path) -> list[str]:
    """Return what a page adds to a study, in words.

    Args:
        state: of the study in ``folder``; ``made``: the page's cells.

    Raises:
        InputError: it is another study, or has less.
    """
    if page_id(made.page) == state.page_id:
        return []
    before = cells_of(page_of(state.page, recorded=True))
    if before.base != made.base:
        differing = ", ".join(_differing(before.page["base"], made.page["base"]))
        raise InputError(
            "the folder holds a study with another base",
            where=str(folder),
            why=f"what its cells share differs in {differing or 'its name'}",
            fix="Give another --out; by default another base has another folder.",
        )
    if state.declarations and not made.page.get("primary"):
        raise InputError(
            "the page no longer declares anything, and the study is preregistered",
            where=str(folder),
            why="what was declared cannot be taken back",
            fix="Put primary back; what changes in it is an amendment, which the study's log and its results show.",
        )
    names = {cell.name for cell in made.cells}
    if gone := [name for name in state.cells if name not in names]:
        raise InputError(
            "cells of the study are no longer on the page",
            where=str(folder),
            why=f"{len(gone)} of them, such as {gone[0]}",
            fix="Put their levels and seeds back, or give the page another name or --out.",
        )
    return _added(state.page, made.page, len(names) - len(state.cells))


def _added(before: Mapping[str, Any], now: Mapping[str, Any], cells: int) -> list[str]:
    """Return in words what a page has that an earlier one had not.

    Args:
        cells: how many are new.
    """
    old, new = (page_of(each, recorded=True).page for each in (before, now))
    words = []
    if seeds := [str(seed) for seed in new.each_seed if seed not in old.each_seed]:
        words.append(f"{_counted(seeds, 'seed')} {', '.join(seeds)}")
    for name, levels in new.cross.items():
        if more := [label for label in levels if label not in old.cross.get(name, {})]:
            words.append(f"{_counted(more, 'level')} of {name}: {', '.join(more)}")
    for part in ("sample", "exclude", "primary"):
        if before.get(part) != now.get(part):
            words.append(f"another {part}")
    new_cells = f"{cells} new cell{'s' if cells > 1 else ''}"
    return [f"{word} ({new_cells})" if word is words[0] and cells else word for word in words]


def _counted(things: Sequence[str], what: str) -> str:
    return (
        f"the {what}" if len(things) == 1 else f"{len(things)} {what}s:" if what == "seed" else f"{len(things)} {what}s"
    )


def _differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
