"""A log beside a run's own, of what came after it: labels, verdicts of judges, answers. The run's log never changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from abm.events import Event
from abm.log.eventlog import EventLog, create, open_log
from moloch.errors import InputError


class SideLog:
    """A log of one kind; made when something is first kept.

    Args:
        folder: its own.
        kind: what it holds, as its ``run.json`` says.
        fix: what to do where the folder holds something else.
    """

    def __init__(self, folder: Path, kind: str, *, fix: str = "") -> None:
        self.folder, self.kind, self._fix = folder, kind, fix

    @property
    def exists(self) -> bool:
        """Whether something was kept."""
        return (self.folder / "run.json").exists()

    def read(self) -> Iterator[Event]:
        """Yield what it holds; nothing where there is none.

        Raises:
            InputError: the folder holds something else.
            LogError: it cannot be read.
        """
        if self.exists:
            log = open_log(self.folder, write=False)
            self._check(log)
            yield from log.read()

    def head(self) -> str:
        """Return the hash of its head; empty where there is none."""
        return open_log(self.folder, write=False).head().hash if self.exists else ""

    def opened(self) -> EventLog:
        """Open it to write, or make it; the caller closes it.

        Raises:
            InputError: the folder holds something else, or cannot be made.
            Locked: another process writes it.
            LogError: it cannot be written.
        """
        if not self.exists:
            return create(self.folder, {self.kind: 1})
        log = open_log(self.folder, write=True)
        try:
            self._check(log)
        except InputError:
            log.close()
            raise
        return log

    def _check(self, log: EventLog) -> None:
        if log.config != {self.kind: 1}:
            raise InputError(
                f"the folder holds no {self.kind}",
                where=str(log.path),
                why="it holds a run, or a log of another kind",
                fix=self._fix,
            )
