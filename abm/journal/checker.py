"""A journal that appends nothing and compares: every decision of a plan is held against a finished or unfinished log.

Knows nothing of where the plan, its answers or its adapters come from; see :mod:`learning.runs.redecide`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn, TypeVar

import msgspec

from abm.events import (
    AdapterTrained,
    Event,
    Forked,
    Lifecycle,
    LLMReplied,
    RunConfigured,
    StepEnded,
    StepStarted,
)
from abm.journal._differences import NOTHING, Difference, differences, kind, place
from abm.journal.decisions import equal
from abm.journal.live import LiveJournal, replied
from abm.llm.port import LLM, Reply, Request
from abm.log import EventLog
from abm.state.state import State, apply

E = TypeVar("E", bound=Event)


class Divergence(msgspec.Struct, frozen=True):
    """The first event that the program now decides otherwise.

    Attributes:
        seq, step: of the logged event.
        logged, now: types of the logged and of the decided event; a dash for none.
        place: site, message, contest or the like.
        fields: what differs, where both are of one type; ``left`` is logged, ``right`` is now.
        prompts_equal: for an answer, whether it was asked for with the same prompt.
    """

    seq: int
    step: int
    logged: str
    now: str
    place: str
    fields: list[Difference] = []
    prompts_equal: bool | None = None


class Diverged(Exception):
    """The program decides otherwise than the log."""

    def __init__(self, divergence: Divergence) -> None:
        super().__init__(divergence)
        self.divergence = divergence


class LogEnded(Exception):
    """The log holds no further decision."""


class Checker(LiveJournal):
    """A journal that appends nothing: each decision is compared with the log's next one. It keeps no digest.

    Reads the log as it goes, and holds no more of it than the answers, which later steps may use again.

    Args:
        live: ask the model, and compare its answers too.
    """

    def __init__(self, log: EventLog, *, live: bool = False) -> None:
        self.log, self.state, self.live = log, State(), live
        self.equal = self.answers = self.trainings = self.shared = 0
        self._coming = log.read()
        self._answers: dict[str, LLMReplied] = {}
        self._ahead: Event | None = None

    @property
    def resuming(self) -> bool:
        """Whether the log holds further decisions."""
        try:
            self._peek()
        except LogEnded:
            return False
        return True

    def emit(self, event: Event) -> int:
        """Compare ``event`` with the log's next decision and return that one's ``seq``."""
        logged = self._peek()
        if not (isinstance(event, RunConfigured) and isinstance(logged, RunConfigured) and self._as_set(event, logged)):
            self._hold(event, logged)
        self._took(logged)
        return logged.seq

    def commit(self) -> None:
        """Do nothing: all there is to commit is in the log."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do nothing around the block."""
        yield

    def note(self, event: Lifecycle) -> None:
        """Do nothing: this process is no part of the run."""

    def skip_step(self, started: StepStarted, contests: Sequence[str]) -> bool:
        """Fold a step that was decided before a fork, with other settings; decide every other step again."""
        logged = self._peek()
        if not self._shared(logged):
            return False
        self._hold(started, logged)
        while not isinstance(logged, StepEnded):
            self._took(logged)
            logged = self._peek()
        self._took(logged)
        return True

    @property
    def shares_next(self) -> bool:
        """Whether the next decision was made before a fork, with other settings."""
        return self._shared(self._peek())

    def fold_shared(self, *kinds: type[Event]) -> list[Event]:
        """Fold the next decisions as long as they were made before a fork and are of ``kinds``; return them."""
        folded = []
        while self.shares_next and isinstance(logged := self._peek(), kinds):
            self._took(logged)
            folded.append(logged)
        return folded

    def logged(self, kind: type[E]) -> E | None:
        """Return the next decision if it is a shared one of ``kind``; the run's own are for :meth:`emit` only."""
        logged = self._peek()
        return logged if isinstance(logged, kind) and self._shared(logged) else None

    def ask(self, llm: LLM, requests: Sequence[Request], *, step: int, cause: int) -> list[LLMReplied]:
        """Return the logged answers, after comparing the calls, and in a live replay the model's answers, with them."""
        keys = {request.site: request.key(llm.digest) for request in requests}
        fresh = self._fresh_answers({site for site in keys if site not in self._answers})
        self._answers |= fresh

        def compare(request: Request, reply: Reply | LLMReplied) -> None:
            logged = self._answers[request.site]
            now = Reply(request.site, reply.text, reply.finish, reply.tokens_in, reply.tokens_out)
            when, why = (step, cause) if request.site in fresh else (logged.step, logged.cause)
            self._hold(replied(request, now, keys, llm, when, why), logged)

        for request in requests:  # the calls first: another prompt needs no answer
            if request.site in self._answers:
                compare(request, self._answers[request.site])
        if self.live and fresh:
            asked = [request for request in requests if request.site in fresh]
            replies = {reply.site: reply for reply in llm.complete(asked)}
            for request in asked:
                compare(request, replies[request.site])
        for event in fresh.values():
            apply(self.state, event)
        self.equal += len(fresh)
        self.answers += len(fresh)
        if missing := [request.site for request in requests if request.site not in self._answers]:
            self.diverge("llm_replied", missing[0])
        return [self._answers[request.site] for request in requests]

    def diverge(self, now: str, where: str = "") -> NoReturn:
        """Stop here: the program decides an event of type ``now``, and the log holds another, or none."""
        logged = self._peek()
        raise Diverged(Divergence(logged.seq, logged.step, kind(logged), now, where or place(logged)))

    def next_training(self) -> AdapterTrained:
        """Return the training that the log holds here."""
        logged = self._peek()
        if not isinstance(logged, AdapterTrained):
            self.diverge("adapter_trained")
        return logged

    def finish(self) -> None:
        """Hold the log to the end of the plan: it must hold no decision after it."""
        if self.resuming:
            self.diverge(NOTHING)

    def _fresh_answers(self, sites: set[str]) -> dict[str, LLMReplied]:
        """Take the answers to ``sites`` that follow in the log, in any order."""
        found: dict[str, LLMReplied] = {}
        while len(found) < len(sites) and self.resuming:
            event = self._peek()
            if not isinstance(event, LLMReplied) or event.site not in sites - found.keys():
                break
            found[event.site] = event
            self._ahead = None
        return found

    def _hold(self, event: Event, logged: Event) -> None:
        if equal(event, logged):
            return
        prompts = (
            event.prompt == logged.prompt if isinstance(event, LLMReplied) and isinstance(logged, LLMReplied) else None
        )
        raise Diverged(
            Divergence(
                logged.seq, logged.step, kind(logged), kind(event), place(logged), differences(logged, event), prompts
            )
        )

    def _as_set(self, event: RunConfigured, logged: RunConfigured) -> bool:
        """Return whether settings are those logged: a fork's may differ, and later versions know more of them."""
        return self._shared(logged) or all(event.config.get(name) == value for name, value in logged.config.items())

    def _peek(self) -> Event:
        """Return the next decision, without taking it."""
        while self._ahead is None:
            if (event := next(self._coming, None)) is None:
                raise LogEnded
            if isinstance(event, Lifecycle | Forked):
                apply(self.state, event)
            else:
                self._ahead = event
        return self._ahead

    def _took(self, logged: Event) -> None:
        self._ahead = None
        apply(self.state, logged)
        if isinstance(logged, LLMReplied):
            self._answers[logged.site] = logged
        if self._shared(logged):
            self.shared += 1
            return
        self.equal += 1
        self.trainings += isinstance(logged, AdapterTrained)
