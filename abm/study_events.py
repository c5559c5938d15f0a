"""Everything that happens to a study, in the past tense: its own log, beside those of its cells, is made of these.

A cell is one run: what happens within it stands in that run's log, and is not said again here.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from abm.events import Event

Origin = Literal["settings", "data", "backend", "budget", "memory", "node", "disk", "bug", "interrupted"]
"""Whose fault it was that a cell failed. ``settings`` and ``data`` fail again however often they are tried; ``node`` is a machine
or a process that is gone; ``bug`` is ours, or that of an extension."""


class PlannedCell(msgspec.Struct, frozen=True):
    """A cell as it was planned."""

    cell: str
    """Its name, which is that of its folder."""
    factors: dict[str, str | int | float | bool]
    """Factor -> level: a name, or the value of the setting."""
    seed: int
    settings: str
    """Content id of the run's settings."""


class StudyPlanned(Event, frozen=True, kw_only=True, tag="study_planned"):
    """A page became a study: before anything was asked of a model."""

    name: str
    page: dict[str, Any]
    """The page, with everything that it names in place: files of settings as mappings."""
    page_id: str
    """Content id of it."""
    cells: list[PlannedCell]
    versions: dict[str, str]
    """Package -> version."""
    code: str = ""
    """State of the code, where it is a working tree of git: commit, and ``+`` where files differ from it."""
    by: str = ""
    """Who: user and machine."""
    preregistration: str = ""
    """Content id of what the page declares under ``primary``; empty where it declares nothing."""
    probes: dict[str, int] = {}  # noqa: RUF012 (msgspec copies it)
    """Probe -> version of its rules, of those that judge the cells of a preregistered study."""


class StudyExtended(Event, frozen=True, kw_only=True, tag="study_extended"):
    """The page got more seeds or levels, after the study had begun; readers of its results must know."""

    page: dict[str, Any]
    page_id: str
    before: str
    """``page_id`` of the page so far."""
    what: list[str]
    """The additions, in words."""
    cells: list[PlannedCell]
    """The new ones."""
    ended: int
    """Cells that had ended by then, whose results could have been seen."""
    versions: dict[str, str]
    code: str = ""
    by: str = ""
    preregistration: str = ""
    """As of :class:`StudyPlanned`; another one than before is an amendment."""
    probes: dict[str, int] = {}  # noqa: RUF012 (msgspec copies it)
    """As of :class:`StudyPlanned`."""


class CellStarted(Event, frozen=True, kw_only=True, tag="cell_started"):
    """A worker took a cell up, for the first time or again."""

    cell: str
    attempt: int
    """1, 2, ... within the study."""
    identity: str
    """What it takes for two cells to be one: settings, content of files, models and extensions, version of moloch."""
    worker: dict[str, str]
    """Engine, process, device, threads; no name of a machine or of a person."""


class CellEnded(Event, frozen=True, kw_only=True, tag="cell_ended"):
    """A cell's run is whole."""

    cell: str
    attempt: int
    head: str
    digest: str
    events: int
    seconds: float
    """Of the attempt that ended it."""
    peak_bytes: int = 0
    """Memory of its process, at most; 0 where nobody measured it."""


class CellFailed(Event, frozen=True, kw_only=True, tag="cell_failed"):
    """An attempt came to nothing, or to a part; what its run's log holds is kept."""

    cell: str
    attempt: int
    origin: Origin
    message: str
    """One line."""
    traceback: str = ""
    """File with all of it, relative to the study; empty where there is none."""
    again: bool = False
    """Whether it will be tried again by itself."""
    peak_bytes: int = 0
    seconds: float = 0.0
    """Of the attempt, as far as somebody knows of it: where its controller is gone, until its claim was last touched."""


class CellReused(Event, frozen=True, kw_only=True, tag="cell_reused"):
    """A finished run of equal identity stands elsewhere: it is this cell."""

    cell: str
    run: str
    """Its folder, relative to the study."""
    identity: str
    head: str
    digest: str
    events: int
    version: str
    """Of the moloch that began it."""


class StudyStopped(Event, frozen=True, kw_only=True, tag="study_stopped"):
    """A controller stopped before all cells had ended."""

    why: Literal["interrupted", "budget", "hours", "failed_share", "failed"]
    detail: str = ""


class StudyLooked(Event, frozen=True, kw_only=True, tag="study_looked"):
    """Somebody asked for the effects of a study before it was over: an interim look."""

    door: str
    """The command, such as ``study results``."""
    ended: int
    """Cells that had ended."""
    of: int
    by: str = ""
    seeds: int = 0
    """Of the page's seeds, how many of the first had all their cells ended."""
    left: int = 0
    """Cells that were still to come; 0 where the others had failed for good."""
    declared: int = 0
    """Seeds of the declared look that it was; 0 for none."""


AnyStudyEvent = (
    StudyPlanned | StudyExtended | CellStarted | CellEnded | CellFailed | CellReused | StudyStopped | StudyLooked
)
