"""Inputs of a study that are not what they were: files, models and code that cells began with, and that the page names still.

What a cell began with stands in its run's log, and a copy of its files in the run's folder: results stay what they are. But cells
that are carried out later would take other data. Reads logs and files; changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from abm.log import open_log
from analysis.studies.pages.cells import Cell, cells_of
from analysis.studies.pages.page import page_of
from analysis.studies.record.identity import RunContents, contents_begun, contents_of, identity_with
from analysis.studies.record.layout import Layout
from analysis.studies.record.places import run_of
from analysis.studies.record.study_log import CellHistory, StudyState
from learning.runs.parts import settled
from moloch.errors import MolochError

NAMED = 3
"""Inputs and cells that a sentence names."""


@dataclass(frozen=True)
class ChangedInputs:
    """What cells that ended began with, and is no more what the page comes to.

    Attributes:
        data: file (``setting/name``) or model -> cells; ``code``: extension or probe -> cells.
        ended: cells that have ended.
    """

    data: Mapping[str, tuple[str, ...]]
    code: Mapping[str, tuple[str, ...]]
    ended: int

    def __bool__(self) -> bool:
        return bool(self.data or self.code)

    @property
    def cells(self) -> list[str]:
        """The cells that began with others."""
        return sorted({cell for of in (self.data, self.code) for cells in of.values() for cell in cells})

    def sentence(self) -> str:
        """Return what changed, and for how many cells; empty for nothing."""
        if not self:
            return ""
        names = [*self.data, *self.code]
        more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
        began = f"{len(self.cells):,} of {self.ended:,} cells that ended began with others"
        return f"{', '.join(names[:NAMED])}{more} changed: {began}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON-able mapping: input -> cells."""
        return {name: list(cells) for of in (self.data, self.code) for name, cells in of.items()}


UNCHANGED = ChangedInputs({}, {}, 0)
PUT_BACK = (
    "Put back what they were (each run has its files under inputs/), or give another --out: "
    "cells whose inputs are as they were are found there, and not repeated."
)
"""What to do about data that changed."""


def changed_inputs(state: StudyState, layout: Layout, cells: Iterable[Cell] | None = None) -> ChangedInputs:
    """Return what changed since cells ended. Inputs that cannot be read now are not compared.

    Args:
        state: of the study.
        cells: of its page; by default those of the page that its log has.
    """
    if cells is None:
        try:
            cells = cells_of(page_of(state.page, recorded=True)).cells
        except MolochError:  # an extension that is not here, say
            return UNCHANGED
    now, data, code = _Now(state), defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
    ended = 0
    for cell in cells:
        history = state.cells.get(cell.name)
        if history is None or history.state not in ("ended", "reused"):
            continue
        ended += 1
        for name, is_data in now.differing(cell, history, layout):
            (data if is_data else code)[name].append(cell.name)
    of_data, of_code = ({name: tuple(of) for name, of in each.items()} for each in (data, code))
    return ChangedInputs(of_data, of_code, ended)


class _Now:
    """What the cells of a page would begin with now; each combination of levels is looked at once."""

    def __init__(self, state: StudyState) -> None:
        self._versions = state.versions
        self._known: dict[tuple[Any, ...], RunContents | None] = {}

    def differing(self, cell: Cell, history: CellHistory, layout: Layout) -> list[tuple[str, bool]]:
        """Return the names of what differs from what a cell began with, and whether each is data."""
        contents = self._of(cell)
        if contents is None or self._is_as_identified(cell, history, contents):
            return []
        run = run_of(layout, history)
        try:
            begun = contents_begun(open_log(run, write=False)) if run is not None else None
        except MolochError:
            return []
        return [] if begun is None else _differing(begun, contents)

    def _is_as_identified(self, cell: Cell, history: CellHistory, contents: RunContents) -> bool:
        """Tell without the run's log, by what the study's says, where that is enough."""
        if not history.identity or not contents.id:
            return False
        return any(identity_with(cell.config, contents, v).id == history.identity for v in self._versions)

    def _of(self, cell: Cell) -> RunContents | None:
        factors = tuple(cell.factors.items())
        if factors not in self._known:
            try:
                self._known[factors] = contents_of(settled(cell.config, None))
            except (MolochError, OSError):
                self._known[factors] = None
        return self._known[factors]


def _differing(begun: RunContents, now: RunContents) -> list[tuple[str, bool]]:
    names = [(name, True) for name in _others(begun.files, now.files)]
    names += [(f"model {name}", True) for name in _others(begun.models or {}, now.models or {}, both=True)]
    names += [(f"extension {name}", False) for name in _others(begun.extensions, now.extensions)]
    return names + [(f"probe {name}", False) for name in _others(begun.probes, now.probes, both=True)]


def _others(begun: Mapping[str, Any], now: Mapping[str, Any], *, both: bool = False) -> list[str]:
    names = [name for name in begun if name in now] if both else list(dict.fromkeys([*begun, *now]))
    return [name for name in names if begun.get(name) != now.get(name)]
