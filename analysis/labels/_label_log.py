"""The log of labels beside a run's: which of its messages were drawn, and what people said. The run's own log never changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from abm.events import Event
from abm.label_events import LABELS, LabelGiven, LabelsDrawn
from abm.log import SideLog


class LabelLog:
    """The log of labels of one run; made when something is first kept.

    Args:
        run: the run's folder.
    """

    def __init__(self, run: Path) -> None:
        self._log = SideLog(run / LABELS, LABELS)

    def events(self) -> list[Event]:
        """Return what it holds; nothing where there is none.

        Raises:
            InputError: the folder holds something else.
            LogError: it cannot be read.
        """
        return list(self._log.read())

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
        with self._log.opened() as log:
            log.append(events)
