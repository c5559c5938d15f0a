"""A run's adapters against its log: each that is there has to be the one whose training, or whose rival, the log holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from abm.events import AdapterTrained, CompetitorsJoined, Event
from abm.llm.adapters import is_here, read_adapter
from abm.llm.instructions import instructions_are_here, read_instructions


class AdaptersHeld:
    """What of the adapters that a log names is there; events are looked at one after the other.

    Args:
        run: the run's folder.

    Attributes:
        checked: ids of those that are there, and are what the log says.
        missing: ids of those that are not there: what was decided with them can still be verified, but not continued.
    """

    def __init__(self, run: Path | str) -> None:
        self._folder = Path(run) / "adapters"
        self.checked: list[str] = []
        self.missing: list[str] = []

    def look(self, event: Event) -> None:
        """Compare the adapters that an event is about: one that was trained, or those with which rivals join.

        Raises:
            CorruptLog: what is there is another adapter, or cannot be read.
            InputError: it is none that a backend would take.
        """
        if isinstance(event, AdapterTrained):
            self._compare(event.adapter, event.kind == "instructions")
        elif isinstance(event, CompetitorsJoined):
            for adapter in event.adapters.values():
                self._compare(adapter)

    def _compare(self, adapter: str, instructions: bool = False) -> None:
        if adapter in (*self.checked, *self.missing):
            return
        here, read = (instructions_are_here, read_instructions) if instructions else (is_here, read_adapter)
        if here(self._folder, adapter):
            read(self._folder, adapter)
            self.checked.append(adapter)
        else:
            self.missing.append(adapter)

    def __str__(self) -> str:
        return told(self.checked, self.missing)


def told(checked: Sequence[str], missing: Sequence[str]) -> str:
    """Return in words how many adapters were checked, and which are not there; empty if the log names none."""
    if not checked and not missing:
        return ""
    here = f"{len(checked)} checked" if checked else ""
    gone = f"{len(missing)} not in this folder: {', '.join(missing)}" if missing else ""
    return f"adapters  {'; '.join(filter(None, (here, gone)))}"
