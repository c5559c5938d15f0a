"""What arms that learn instructions tell themselves, epoch by epoch: what was proposed, how it did where it was tried, and what was kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from abm.events import AdapterTrained, Event, InstructionsProposed, InstructionsTried
from analysis.readings.reading import frame_of

if TYPE_CHECKING:
    import polars as pl


class ProposedInstructions(msgspec.Struct, frozen=True):
    """One proposal.

    Attributes:
        votes: that its messages had where it was tried, and ``own_votes``: those by the instructions that the arm had.
        kept: whether it became the arm's adapter.
        instructions: the text; empty where none could be read, and ``reason`` says why.
    """

    arm: str
    epoch: int
    proposal: int
    votes: int
    own_votes: int
    kept: bool
    instructions: str
    reason: str


class InstructionReading:
    """Reads the proposals in the order of the log; a row of its frame is one."""

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset({InstructionsProposed, InstructionsTried, AdapterTrained})

    def __init__(self) -> None:
        self._proposed: list[InstructionsProposed] = []
        self._votes: dict[tuple[str, int, int], tuple[int, int]] = {}
        self._kept: dict[tuple[str, int], int] = {}

    def take(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, InstructionsProposed):
            self._proposed.append(event)
        elif isinstance(event, InstructionsTried):
            own, its = self._votes.get(key := (event.arm, event.epoch, event.proposal), (0, 0))
            self._votes[key] = own + event.votes[0], its + event.votes[1]
        elif isinstance(event, AdapterTrained) and event.kind == "instructions":
            self._kept[event.arm, event.epoch] = int(event.figures.get("kept", 0))

    def result(self) -> list[ProposedInstructions]:
        """Return the proposals so far."""
        return [self._row(event) for event in self._proposed]

    def frame(self) -> pl.DataFrame:
        """Return a row per proposal."""
        schema = {
            "arm": str, "epoch": int, "proposal": int, "votes": int, "own_votes": int, "kept": bool, "instructions": str, "reason": str,
        }  # fmt: skip
        return frame_of(([getattr(row, name) for name in schema] for row in self.result()), schema)

    def _row(self, event: InstructionsProposed) -> ProposedInstructions:
        own, its = self._votes.get((event.arm, event.epoch, event.proposal), (0, 0))
        kept = self._kept.get((event.arm, event.epoch)) == event.proposal
        place = event.arm, event.epoch, event.proposal
        return ProposedInstructions(*place, its, own, kept, event.instructions, event.reason)
