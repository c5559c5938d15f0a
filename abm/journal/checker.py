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
    Lifecycle,
    LLMReplied,
    RunConfigured,
    StepStarted,
    TrainingMeasured,
)
from abm.journal._ahead import BETWEEN, Ahead, Mismatch
from abm.journal._answers import Answers, replied
from abm.journal._differences import NOTHING, Difference, kind, place
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


class Checker:
    """A journal that appends nothing: each decision is compared with the log's next one. It keeps no digest.

    Args:
        log: whose decisions are checked.
        live: ask the model, and compare its answers too.

    Attributes:
        equal: decisions that came out equal, among them ``answers`` of models and ``trainings``.
        shared: decisions before a fork, which were folded.
        written: tokens that models wrote in a live replay.
        measured: how the newest training went, as the log says; None where it does not.
    """

    def __init__(self, log: EventLog, *, live: bool = False) -> None:
        self.log, self.state, self.live = log, State(), live
        self.written = 0
        self.measured: TrainingMeasured | None = None
        self.equal = self.answers = self.trainings = self.shared = 0
        self._ahead = Ahead(log, None, self._apply, _diverged)
        self._answers = Answers(log)

    @property
    def resuming(self) -> bool:
        """Whether the log holds further decisions."""
        return self._ahead.peek() is not None

    @property
    def shares_next(self) -> bool:
        """Whether the next decision was made before a fork, with other settings."""
        return self._ahead.is_shared(self._next())

    def emit(self, event: Event) -> int:
        """Compare ``event`` with the log's next decision and return that one's ``seq``.

        Raises:
            Diverged: they differ.
            LogEnded: there is none.
        """
        logged = self._next()
        if not (isinstance(event, RunConfigured) and isinstance(logged, RunConfigured) and _set_so_far(event, logged)):
            self._ahead.match(event, logged)
        return self._ahead.take().seq

    def commit(self) -> None:
        """Do nothing: all there is to commit is in the log."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do nothing around the block."""
        yield

    def note(self, event: Lifecycle) -> None:
        """Do nothing: this process is no part of the run."""

    def attach(self, event: Lifecycle) -> None:
        """Do nothing: this process is no part of the run."""

    def skip_step(self, started: StepStarted, contests: Sequence[str]) -> bool:
        """Fold a step that was decided before a fork, with other settings; every other step is decided again.

        Raises:
            Diverged: the step before the fork is not this one of the plan.
            LogEnded: the log holds nothing more.
        """
        return self.shares_next and self._ahead.take_step(started, contests)

    def fold_shared(self, *kinds: type[Event]) -> list[Event]:
        """Fold the next decisions as long as they were made before a fork and are of ``kinds``; return them."""
        self._next()
        return self._ahead.take_shared(*kinds)

    def logged(self, kind: type[E]) -> E | None:
        """Return the next decision if it is a shared one of ``kind``; the run's own are for :meth:`emit` only."""
        logged = self._next()
        return logged if isinstance(logged, kind) and self._ahead.is_shared(logged) else None

    def recorded(self, kind: type[E]) -> E | None:
        """Return the next decision if it is of ``kind``: what it holds is compared, in which form it was recorded is not."""
        event = self._ahead.peek()
        return event if isinstance(event, kind) else None

    def ask(self, llm: LLM, requests: Sequence[Request], *, step: int, cause: int) -> list[LLMReplied]:
        """Return the logged answers, after comparing the calls, and in a live replay the model's answers, with them.

        Raises:
            Diverged: a call or an answer differs, or a call was not answered but the log continues.
            LogEnded: a call was not answered, and the log ends here.
        """
        keys = {request.site: request.key(llm.digest) for request in requests}
        recorded = self._answers.get(keys)
        fresh = self._take_answers(keys.keys() - recorded.keys())
        answers = recorded | fresh

        def compare(request: Request, reply: Reply | LLMReplied) -> None:
            logged = answers[request.site]
            counted = reply.tokens_in, reply.tokens_out
            now = Reply(request.site, reply.text, reply.finish, *counted, tuple(reply.logprobs))
            when, why = (step, cause) if request.site in fresh else (logged.step, logged.cause)
            self._ahead.match(replied(request, now, keys, llm, when, why), logged)

        for request in requests:  # the calls first: another prompt needs no answer
            if request.site in answers:
                compare(request, answers[request.site])
        if self.live and fresh:
            asked = [request for request in requests if request.site in fresh]
            replies = {reply.site: reply for reply in llm.complete(asked)}
            self.written += sum(reply.tokens_out for reply in replies.values())
            for request in asked:
                compare(request, replies[request.site])
        for event in fresh.values():
            self._apply(event)
        if missing := [request.site for request in requests if request.site not in answers]:
            self.diverge("llm_replied", missing[0])
        return [answers[request.site] for request in requests]

    def diverge(self, now: str, where: str = "") -> NoReturn:
        """Stop here: the program decides an event of type ``now``, and the log holds another, or none.

        Raises:
            Diverged: it holds another.
            LogEnded: it holds none.
        """
        logged = self._next()
        raise Diverged(Divergence(logged.seq, logged.step, kind(logged), now, where or place(logged)))

    def next_training(self) -> AdapterTrained:
        """Return the training that the log holds here.

        Raises:
            Diverged, LogEnded: as :meth:`diverge`.
        """
        logged = self._next()
        if not isinstance(logged, AdapterTrained):
            self.diverge("adapter_trained")
        return logged

    def finish(self) -> None:
        """Hold the log to the end of the plan.

        Raises:
            Diverged: it holds a decision after it.
        """
        if self.resuming:
            self.diverge(NOTHING)

    def _take_answers(self, sites: set[str]) -> dict[str, LLMReplied]:
        """Take the answers to ``sites`` that follow in the log, in any order; nothing is applied yet."""
        taken: dict[str, LLMReplied] = {}
        while isinstance(event := self._ahead.peek(), LLMReplied) and event.site in sites and event.site not in taken:
            taken[event.site] = event
            self._ahead.pull()
        return taken

    def _next(self) -> Event:
        """Return the next decision, without taking it."""
        if (event := self._ahead.peek()) is None:
            raise LogEnded
        return event

    def _apply(self, event: Event) -> None:
        apply(self.state, event)
        if isinstance(event, TrainingMeasured):
            self.measured = event
        if isinstance(event, BETWEEN):
            return
        if isinstance(event, LLMReplied):
            self._answers.add(event)
        if self._ahead.is_shared(event):
            self.shared += 1
            return
        self.equal += 1
        self.answers += isinstance(event, LLMReplied)
        self.trainings += isinstance(event, AdapterTrained)


def _diverged(mismatch: Mismatch) -> Diverged:
    logged, decided, fields = mismatch
    prompts_equal = None
    if isinstance(logged, LLMReplied) and isinstance(decided, LLMReplied):
        prompts_equal = decided.prompt == logged.prompt
    return Diverged(
        Divergence(logged.seq, logged.step, kind(logged), kind(decided), place(logged), fields, prompts_equal)
    )


def _set_so_far(event: RunConfigured, logged: RunConfigured) -> bool:
    """Return whether all settings that were logged are those of now; later versions know more of them."""
    return all(event.config.get(name) == value for name, value in logged.config.items())
