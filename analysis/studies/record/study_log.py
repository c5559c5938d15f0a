"""A study's own log: hash-chained as every log. Several processes write it, each for a moment; its fold is what is known of the study."""

from __future__ import annotations

import getpass
import os
import platform
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from abm.events import Event
from abm.log import EventLog, Head, create, open_log
from abm.study_events import (
    CellEnded,
    CellFailed,
    CellReused,
    CellStarted,
    PlannedCell,
    StudyExtended,
    StudyLooked,
    StudyPlanned,
    StudyStopped,
)
from analysis.studies.pages.declarations import Declaration, declaration_of
from analysis.studies.record.layout import Layout, is_study, no_study
from analysis.studies.record.worked import WorkedTime
from moloch.errors import Conflict, InputError, Locked, LogError

PATIENCE = 60.0
"""Seconds that a writer waits for another one, which writes for a moment only."""
SEAL_EVENTS = 64
"""Of a segment: who opens the log to write reads the last one."""
APPEARS_S = 2.0
"""Seconds in which a log is there once a process has begun to make it."""
PACKAGE = "moloch-abm"
KIND = {"study": 1}
"""What ``run.json`` of such a log says."""

CellState = Literal["waiting", "running", "ended", "reused", "failed"]


@dataclass
class CellHistory:
    """What the study's log knows of a cell; whether a worker is alive, its claim says.

    Attributes:
        attempts: begun so far; ``began``: the last one, in seconds since 1970.
        run: its run's folder, relative to the study, once it ended or was found elsewhere.
    """

    planned: PlannedCell
    state: CellState = "waiting"
    attempts: int = 0
    began: float = 0.0
    identity: str = ""
    run: str = ""
    head: str = ""
    digest: str = ""
    seconds: float = 0.0
    peak_bytes: int = 0
    failures: list[CellFailed] = field(default_factory=list)


@dataclass
class StudyState:
    """A study as its log has it: a fold of its events.

    Attributes:
        page: as last planned or extended.
        cells: name -> history, in the order of the page.
        versions: of moloch that planned or extended it, and this one.
        extensions, looks, stops: as they came.
        declarations: what its page declared under ``primary``, each time that it was planned or extended.
        worked: when cells were carried out, in attempts that are over.
    """

    name: str = ""
    page: dict[str, Any] = field(default_factory=dict)
    page_id: str = ""
    cells: dict[str, CellHistory] = field(default_factory=dict)
    versions: set[str] = field(default_factory=lambda: {metadata.version(PACKAGE)})
    extensions: list[StudyExtended] = field(default_factory=list)
    looks: list[StudyLooked] = field(default_factory=list)
    stops: list[StudyStopped] = field(default_factory=list)
    declarations: list[Declaration] = field(default_factory=list)
    worked: WorkedTime = field(default_factory=WorkedTime)

    def apply(self, event: Event) -> None:
        """Fold an event in."""
        match event:
            case StudyPlanned():
                self.name, self.page, self.page_id = event.name, event.page, event.page_id
                self.cells = {each.cell: CellHistory(each) for each in event.cells}
                self.versions.add(event.versions.get(PACKAGE, ""))
                self._declare(event)
            case StudyExtended():
                self.page, self.page_id = event.page, event.page_id
                self.cells |= {each.cell: CellHistory(each) for each in event.cells}
                self.extensions.append(event)
                self.versions.add(event.versions.get(PACKAGE, ""))
                self._declare(event)
            case CellStarted():
                cell = self.cells[event.cell]
                cell.state, cell.attempts, cell.identity = "running", event.attempt, event.identity
                cell.began = event.at
            case CellEnded():
                cell = self.cells[event.cell]
                cell.state, cell.run, cell.head, cell.digest = "ended", f"cells/{event.cell}", event.head, event.digest
                cell.seconds, cell.peak_bytes = cell.seconds + event.seconds, max(cell.peak_bytes, event.peak_bytes)
                self.worked.add(cell.began, cell.began + event.seconds)
            case CellFailed():
                cell = self.cells[event.cell]
                self.worked.add(cell.began, cell.began + event.seconds)
                cell.state = "waiting" if event.again else "failed"
                cell.failures.append(event)
            case CellReused():
                cell = self.cells[event.cell]
                cell.state, cell.run, cell.head = "reused", event.run, event.head
                cell.digest, cell.identity = event.digest, event.identity
            case StudyLooked():
                self.looks.append(event)
            case StudyStopped():
                self.stops.append(event)
            case _:
                pass  # about the log itself

    def _declare(self, event: StudyPlanned | StudyExtended) -> None:
        if (declared := declaration_of(event, tuple(self.cells), len(self.looks))) is not None:
            self.declarations.append(declared)


def fold(events: Iterable[Event]) -> StudyState:
    """Return what a study's events come to."""
    state = StudyState()
    for event in events:
        state.apply(event)
    return state


class StudyLog:
    """The log of a study.

    Args:
        folder: the study's.
    """

    def __init__(self, folder: Path | str) -> None:
        self.layout = Layout(folder)
        self._state, self._tail = StudyState(), None
        self._log: EventLog | None = None
        """Open for writing, and at rest."""

    def state(self) -> StudyState:
        """Return the study as its log has it now; each call reads only what is new.

        Raises:
            InputError: there is no study.
            LogError: its log cannot be read.
        """
        if self._tail is None:
            if not is_study(self.layout.folder):
                raise no_study(self.layout.folder)
            self._tail = open_log(self.layout.log, write=False).tail()
        for block in self._tail.new():
            for event in block.events():
                self._state.apply(event)
        return self._state

    def begin(self, planned: StudyPlanned) -> Head:
        """Make the log, with its first event; if another process did, or began to, leave it as it is.

        Raises:
            InputError: the folder holds something else.
            Locked: another process makes it.
        """
        try:
            if not is_study(self.layout.folder):
                self._log = create(self.layout.log, dict(KIND), seal_events=SEAL_EVENTS)
        except (InputError, LogError):
            if not self._appears():
                raise
        log = self._opened() if self._log is None else self._log
        try:
            return log.head() if log.head().seq else log.append([planned])
        except Conflict:  # another machine began it just now
            return self.head()
        finally:
            self.close()

    def _appears(self) -> bool:
        """Wait for what another process is making; return whether it is there."""
        until = time.monotonic() + APPEARS_S
        while not is_study(self.layout.folder) and time.monotonic() < until:
            time.sleep(0.01)
        return is_study(self.layout.folder)

    def append(self, events: Sequence[Event]) -> Head:
        """Append events as one whole; waits for another writer for :data:`PATIENCE` seconds.

        Raises:
            Locked: another process writes on and on.
            LogError: it cannot be written.
        """
        until = time.monotonic() + PATIENCE
        while True:
            log = self._opened()
            try:
                head = log.append(events)
                log.rest()
                return head
            except Conflict:  # a machine that does not see our lock was before us
                self.close()
                if time.monotonic() > until:
                    raise
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Close the log; it is opened again when it is written. Closing twice does nothing."""
        if self._log is not None:
            self._log.close()
            self._log = None

    def head(self) -> Head:
        """Return where the log ends."""
        return open_log(self.layout.log, write=False).head()

    def _opened(self) -> EventLog:
        """Return the log with its lock taken; where nobody wrote since this process did, nothing is read."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                if self._log is not None and not self._log.resume():
                    self.close()
                self._log = self._log or open_log(self.layout.log, write=True, seal_events=SEAL_EVENTS)
                return self._log
            except Locked:
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)


def user() -> str:
    """Return who this is: user and machine."""
    try:
        return f"{getpass.getuser()}@{platform.node()}"
    except (OSError, KeyError, ImportError):  # a container without names
        return f"{os.getuid() if hasattr(os, 'getuid') else ''}@{platform.node()}"
