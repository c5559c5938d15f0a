"""What a program decides against: a log that takes its decisions, or holds them against those taken before.

A run is a deterministic program over its log. :class:`~abm.journal.live.LiveJournal` appends what the log does not hold yet;
:class:`~abm.journal.checker.Checker` appends nothing and compares. Knows nothing of contests or learning.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from abm.events import Event, Lifecycle, LLMReplied, StepStarted
from abm.llm.port import LLM, Request
from abm.log import EventLog
from abm.state.state import State

E = TypeVar("E", bound=Event)


class Journal(Protocol):
    """One run's log with its state, and the logged decisions that the program has not made again yet."""

    @property
    def log(self) -> EventLog:
        """The run's log."""
        ...

    @property
    def state(self) -> State:
        """The run's state, after every event applied so far."""
        ...

    @property
    def written(self) -> int:
        """Tokens that models wrote for it in this process; may be read from any thread."""
        ...

    @property
    def resuming(self) -> bool:
        """Whether logged decisions are still ahead."""
        ...

    @property
    def shares_next(self) -> bool:
        """Whether the next decision was made before a fork, with other settings."""
        ...

    def emit(self, event: Event) -> int:
        """Make a decision and return its ``seq``; where the log holds one in this place, it must be equal."""
        ...

    def commit(self) -> None:
        """Make everything emitted so far durable, as a whole, then apply it."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """Commit when the block ends; after an error in the block, keep nothing of it."""
        ...

    def note(self, event: Lifecycle) -> None:
        """Record an event about the process; it changes neither state nor digest."""
        ...

    def attach(self, event: Lifecycle) -> None:
        """Record an event about the process together with the decisions of this transaction, whole or not at all.

        Where the log holds these decisions, it holds the event that came with them, and nothing is recorded.
        """
        ...

    def skip_step(self, started: StepStarted, contests: Sequence[str]) -> bool:
        """Fold the next step without deciding it again, where that may be done; return whether it was.

        Args:
            started: how the planned step begins.
            contests: those that it holds, in order.
        """
        ...

    def fold_shared(self, *kinds: type[Event]) -> list[Event]:
        """Fold the next decisions as long as they were made before a fork and are of ``kinds``; return them."""
        ...

    def logged(self, kind: type[E]) -> E | None:
        """Return the next logged decision if it is of ``kind`` and need not be made again; it is not taken."""
        ...

    def recorded(self, kind: type[E]) -> E | None:
        """Return the next logged decision if it is of ``kind``, even if it has to be made again; it is not taken.

        What a run records of a decision may have grown since it was begun; it goes on, and is replayed, as it was begun.
        """
        ...

    def ask(self, llm: LLM, requests: Sequence[Request], *, step: int, cause: int) -> list[LLMReplied]:
        """Return one answer per request, in order; each is in the log before it is returned.

        Args:
            step: of the answers.
            cause: their cause, the ``seq`` of an event.
        """
        ...
