"""The log of labels beside a run's: which of its messages were drawn, and what people said. The run's own log never changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from abm.events import Event
from abm.label_events import LABELS, LabelGiven, LabelsDrawn
from abm.log import create, open_log
from moloch.errors import InputError

_KIND = {LABELS: 1}


class LabelLog:
    """The log of labels of one run; made when something is first kept.

    Args:
        run: the run's folder.
    """

    def __init__(self, run: Path) -> None:
        self.folder = run / LABELS

    def events(self) -> list[Event]:
        """Return what it holds; nothing where there is none.

        Raises:
            InputError: the folder holds something else.
            LogError: it cannot be read.
        """
        if not (self.folder / "run.json").exists():
            return []
        log = open_log(self.folder, write=False)
        if log.config != _KIND:
            raise InputError("the folder holds no labels", where=str(self.folder), why="it holds another log")
        return list(log.read())

    def draws(self) -> list[LabelsDrawn]:
        """Return what was drawn, in order."""
        return [event for event in self.events() if isinstance(event, LabelsDrawn)]

    def given(self) -> dict[tuple[str, str], LabelGiven]:
        """Return (message, labeller) -> the last label."""
        given = (event for event in self.events() if isinstance(event, LabelGiven))
        return {(event.message, event.labeller): event for event in given}

    def append(self, events: Sequence[Event]) -> None:
        """Append events as one whole, durably.

        Raises:
            Locked: another process writes it.
            InputError, LogError: it cannot be written.
        """
        if not events:
            return
        there = (self.folder / "run.json").exists()
        with open_log(self.folder, write=True) if there else create(self.folder, dict(_KIND)) as log:
            log.append(events)
