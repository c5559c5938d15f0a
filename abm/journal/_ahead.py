"""What a log holds and the program has not decided again yet, read as it is needed: at most one step is looked ahead.

Both journals match their decisions here; what a difference means is theirs to say. Knows nothing of models or of writing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from abm.events import ContestOpened, Event, Forked, Lifecycle, RunConfigured, StepEnded, StepStarted
from abm.journal._differences import Difference, differences, excerpts
from abm.journal.decisions import equal
from abm.log import EventLog

BETWEEN = (Lifecycle, Forked)
"""Events between decisions: about the process, or where one run diverges from another."""


class Mismatch(NamedTuple):
    """A decision that is not the logged one.

    Attributes:
        logged: what the log holds in its place.
        decided: what the program decides now.
        fields: what differs, where both are of one type; ``left`` is logged, ``right`` is now.
    """

    logged: Event
    decided: Event
    fields: list[Difference]


class Ahead:
    """The logged decisions that are still ahead.

    Args:
        log: the run's log.
        stop: read only events before this one; those after it are the program's own.
        hand_on: is given each event once, in the order of the log, when it is taken.
        refuse: makes the error for a mismatch.
    """

    def __init__(
        self, log: EventLog, stop: int | None, hand_on: Callable[[Event], None], refuse: Callable[[Mismatch], Exception]
    ) -> None:
        self._coming = log.read(stop=stop)
        self._fork = log.fork.seq if log.fork is not None else 0
        self._hand_on, self._refuse = hand_on, refuse
        self._near: deque[Event] = deque()

    def peek(self) -> Event | None:
        """Return the next decision without taking it; None at the end. What is no decision before it is taken."""
        while (event := self._first()) is not None and isinstance(event, BETWEEN):
            self.take()
        return event

    def take(self) -> Event:
        """Take the event that :meth:`peek` returned, and hand it on."""
        event = self.pull()
        self._hand_on(event)
        return event

    def pull(self) -> Event:
        """Take the event that :meth:`peek` returned, without handing it on."""
        return self._near.popleft()

    def match(self, event: Event, logged: Event) -> None:
        """Check that ``event`` is the decision that was logged; settings of before a fork may be others."""
        if isinstance(event, RunConfigured) and isinstance(logged, RunConfigured) and self.is_shared(logged):
            return
        if not equal(event, logged):
            raise self._refuse(Mismatch(logged, event, differences(logged, event)))

    def is_shared(self, event: Event) -> bool:
        """Return whether an event is of the run that this one was forked from."""
        return event.seq < self._fork

    @property
    def shares_next(self) -> bool:
        """Whether the next decision was made before a fork, with other settings."""
        event = self.peek()
        return event is not None and self.is_shared(event)

    def take_shared(self, *kinds: type[Event]) -> list[Event]:
        """Take the next decisions as long as they were made before a fork and are of ``kinds``; return them."""
        taken = []
        while self.shares_next and isinstance(self.peek(), kinds):
            taken.append(self.take())
        return taken

    def take_step(self, started: StepStarted, contests: Sequence[str]) -> bool:
        """Take the next step if the log holds all of it; return whether it did.

        Args:
            started: how the planned step begins, and ``contests``: those that it holds, in order.
        """
        logged = self.peek()
        if not isinstance(logged, StepStarted) or not (size := self._reach_step_end()):
            return False
        self.match(started, logged)
        events = [self._near.popleft() for _ in range(size)]
        opened = [event.contest for event in events if isinstance(event, ContestOpened)]
        if opened != list(contests):
            fields = [Difference("contests", *excerpts(", ".join(opened), ", ".join(contests)))]
            raise self._refuse(Mismatch(logged, started, fields))
        for event in events:
            self._hand_on(event)
        return True

    def _reach_step_end(self) -> int:
        """Read ahead to the next end of a step; return how many events lead to it, 0 if the log does not hold it."""
        for size, event in enumerate(self._near, 1):
            if isinstance(event, StepEnded):
                return size
        for event in self._coming:
            self._near.append(event)
            if isinstance(event, StepEnded):
                return len(self._near)
        return 0

    def _first(self) -> Event | None:
        """Return the next event, decision or not; None at the end."""
        if not self._near and (event := next(self._coming, None)) is not None:
            self._near.append(event)
        return self._near[0] if self._near else None
