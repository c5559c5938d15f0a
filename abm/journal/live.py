"""The journal that writes: what is already logged is matched, what is new is appended, then applied.

Re-running a program over its log walks the same decisions again: each one that the log already holds must be equal to it
(else :class:`~moloch.errors.NondeterminismError`), whole steps that ended are folded without deciding them again, and an
answer of a model that is in the log is never asked for twice. The log is read as the program reaches it: memory depends
on the longest step, not on the log's length. Knows nothing of contests or learning.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from typing import NamedTuple, TypeVar

import msgspec

from abm.events import Event, Lifecycle, LLMReplied, Repaired, StepEnded, StepStarted
from abm.journal._ahead import Ahead, Mismatch
from abm.journal._answers import Answers, replied
from abm.journal._differences import kind
from abm.journal.digest import Digest
from abm.llm.port import LLM, Reply, Reporting, Request, in_batches, in_groups
from abm.log import EventLog, Head
from abm.log.salvage import kept
from abm.state.snapshots import Snapshots
from abm.state.state import State, apply
from moloch.errors import LogError, MolochWarning, NondeterminismError

E = TypeVar("E", bound=Event)


class _Call(NamedTuple):
    """Who is asked, and from where.

    Attributes:
        keys: site -> call key.
    """

    llm: LLM
    keys: dict[str, str]
    step: int
    cause: int

    def event(self, request: Request, reply: Reply, seq: int = -1) -> LLMReplied:
        """Return the event of an answer, with its ``seq`` where that is known."""
        return replied(request, reply, self.keys, self.llm, self.step, self.cause, seq)


class LiveJournal:
    """One run's log with its state; decisions that the log does not hold yet are appended.

    Args:
        log: a log open for writing; its events are the run so far.
        heard: is given each answer of a model that is in the log, in its order, once; those of earlier processes, too.

    Attributes:
        answered, written: calls that models answered for it in this process, and tokens that they wrote.
    """

    def __init__(self, log: EventLog, heard: Callable[[LLMReplied], None] = lambda answer: None) -> None:
        self.log, self._heard = log, heard
        self.state = State()
        self.digest = Digest()
        self._ahead = Ahead(log, log.head().seq, self._apply, _otherwise)
        self._answers = Answers(log)
        self._kept: dict[tuple[str, str], LLMReplied] = {}
        self._buffer: list[Event] = []
        self._snapshots = Snapshots(log.path)
        self.answered, self.written = 0, 0

    @property
    def resuming(self) -> bool:
        """Whether logged decisions are still ahead."""
        return self._ahead.peek() is not None

    @property
    def shares_next(self) -> bool:
        """Whether the next decision was made before a fork, with other settings."""
        return self._ahead.shares_next

    def emit(self, event: Event) -> int:
        """Match ``event`` with the log, or hold it for :meth:`commit`; return its ``seq``.

        Raises:
            NondeterminismError: the log holds another event in this place.
        """
        if (logged := self._ahead.peek()) is not None:
            self._ahead.match(event, logged)
            return self._ahead.take().seq
        seq = self.log.head().seq + len(self._buffer)
        self._buffer.append(msgspec.structs.replace(event, seq=seq))
        return seq

    def commit(self) -> None:
        """Append what was emitted, durably and whole, then apply it."""
        if not self._buffer:
            return
        events, self._buffer = self._buffer, []
        self.log.append(events, expected_head=events[0].seq)
        for event in events:
            self._apply(event)
        if isinstance(events[-1], StepEnded):
            self._snapshots.offer(self.state, self.log.head())

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit when the block ends; on an error nothing of the block is kept."""
        try:
            yield
        except BaseException:
            self._buffer.clear()
            raise
        self.commit()

    def note(self, event: Lifecycle) -> None:
        """Append an event about the process; it changes neither state nor digest."""
        head = self.log.append([event])
        self._apply(msgspec.structs.replace(event, seq=head.seq - 1))

    def attach(self, event: Lifecycle) -> None:
        """Hold an event about the process for :meth:`commit`, unless decisions that are logged come next."""
        if self._ahead.peek() is None:
            seq = self.log.head().seq + len(self._buffer)
            self._buffer.append(msgspec.structs.replace(event, seq=seq))

    def skip_step(self, started: StepStarted, contests: Sequence[str]) -> bool:
        """Fold the next step if the log holds all of it; return whether it did.

        Raises:
            NondeterminismError: the log's next step is not this one of the plan.
        """
        return self._ahead.take_step(started, contests)

    def fold_shared(self, *kinds: type[Event]) -> list[Event]:
        """Fold the next decisions as long as they were made before a fork and are of ``kinds``; return them."""
        return self._ahead.take_shared(*kinds)

    def logged(self, kind: type[E]) -> E | None:
        """Return the next logged decision if it is of ``kind``, without taking it."""
        event = self._ahead.peek()
        return event if isinstance(event, kind) else None

    def recorded(self, kind: type[E]) -> E | None:
        """Return the next logged decision if it is of ``kind``, without taking it."""
        return self.logged(kind)

    def ask(self, llm: LLM, requests: Sequence[Request], *, step: int, cause: int) -> list[LLMReplied]:
        """Return one reply per request, in order; each is durable before it is returned.

        Only requests that the log does not answer reach the model. Where its unit is the batch, each batch is committed
        whole. Which requests share one follows from all that were missing when they were first asked for, so that a crash
        repeats the batch that was being answered, exactly, and none before it. Where the unit is the call, each answer is
        committed as it comes: a crash repeats only those that were on their way.

        Raises:
            NondeterminismError: the log holds an answer of the same site to another call, or continues without an answer.
        """
        keys = {request.site: request.key(llm.digest) for request in requests}
        earlier, answers = self._answers.get(keys), self._take_answers(keys)
        planned = [request for request in requests if request.site in answers or request.site not in earlier]
        answers = earlier | answers
        for request in requests:
            if (answer := answers.get(request.site)) is not None:
                _check_key(answer, keys[request.site])
        missing = [request for request in planned if request.site not in answers]
        if missing and (logged := self._ahead.peek()) is not None:  # noticed before the model is asked
            raise _unanswered(missing[0].site, logged)
        if missing:
            call = _Call(llm, keys, step, cause)
            answers |= (
                self._ask_each(call, missing) if llm.unit == "call" else self._ask_together(call, planned, answers)
            )
        return [answers[request.site] for request in requests]

    def _take_answers(self, keys: Collection[str]) -> dict[str, LLMReplied]:
        """Take those of the logged answers that come next, if they are to these sites; return them by site."""
        answers: dict[str, LLMReplied] = {}
        while (answer := self.logged(LLMReplied)) is not None and answer.site in keys:
            self._ahead.take()
            answers[answer.site] = answer
        return answers

    def _ask_together(
        self, call: _Call, requests: Sequence[Request], answered: Collection[str]
    ) -> dict[str, LLMReplied]:
        """Ask batch by batch for what is not ``answered``, and commit the answers of each as a whole; return them by site.

        Answers that a repair kept take a batch's place only if they are all there: it is answered otherwise with others in it.
        """
        answers: dict[str, LLMReplied] = {}
        for batch in in_batches(call.llm, requests):
            left = [request for request in batch if request.site not in answered]
            events = self._kept_answers(call, left)
            if len(events) < len(left):
                replies = {reply.site: reply for reply in call.llm.complete(left)}
                events = [call.event(request, replies[request.site]) for request in left]
                self._count(events)
            answers |= self._committed(events)
        return answers

    def _ask_each(self, call: _Call, requests: Sequence[Request]) -> dict[str, LLMReplied]:
        """Commit answers as they come, without waiting for the disk before the next ones; return them by site."""
        answers = self._committed(self._kept_answers(call, requests))
        asked = {request.site: request for request in requests if request.site not in answers}
        if not asked:
            return answers
        self.commit()  # what led to the calls comes before them
        coming: deque[tuple[list[LLMReplied], Future[Head]]] = deque()
        seq = self.log.head().seq
        try:
            with closing(in_groups(call.llm, list(asked.values()))) as groups:
                for replies in groups:
                    events = [call.event(asked[reply.site], reply, seq + i) for i, reply in enumerate(replies)]
                    coming.append((events, self.log.submit(events, expected_head=seq)))
                    answers |= {event.site: event for event in events}
                    self._count(events)
                    seq += len(events)
                    while coming and coming[0][1].done():
                        self._arrived(*coming.popleft())
        finally:  # an error of the model loses none of the answers before it
            while coming:
                self._arrived(*coming.popleft())
            if isinstance(call.llm, Reporting) and (service := call.llm.service()) is not None:
                self.note(service)
        return answers

    def _kept_answers(self, call: _Call, requests: Sequence[Request]) -> list[LLMReplied]:
        """Return the answers to these calls that a repair of the log kept."""
        keys = [(request.site, call.keys[request.site]) for request in requests]
        kept = [self._kept[key] for key in keys if key in self._kept]
        return [msgspec.structs.replace(answer, step=call.step, cause=call.cause) for answer in kept]

    def _committed(self, answers: Sequence[LLMReplied]) -> dict[str, LLMReplied]:
        """Commit answers as a whole; return them by site."""
        if not answers:
            return {}
        with self.transaction():
            events = [msgspec.structs.replace(answer, seq=self.emit(answer)) for answer in answers]
        return {event.site: event for event in events}

    def _arrived(self, events: list[LLMReplied], durable: Future[Head]) -> None:
        durable.result()
        for event in events:
            self._apply(event)

    def _count(self, answers: Sequence[LLMReplied]) -> None:
        self.answered += len(answers)
        self.written += sum(answer.tokens_out for answer in answers)

    def _apply(self, event: Event) -> None:
        apply(self.state, event)
        self.digest.update(event)
        if isinstance(event, LLMReplied):
            self._answers.add(event)
            self._heard(event)
        elif isinstance(event, Repaired) and event.answers and not self._ahead.is_shared(event):
            self._kept |= {(answer.site, answer.key): answer for answer in _kept_by(event, self.log)}


def _kept_by(repaired: Repaired, log: EventLog) -> list[LLMReplied]:
    try:
        return kept(log.path, repaired)
    except LogError as error:
        warnings.warn(f"{error}: {repaired.answered} answers are asked for again", MolochWarning, stacklevel=2)
        return []


def _check_key(answer: LLMReplied, key: str) -> None:
    if answer.key != key:
        raise NondeterminismError(
            f"{answer.site} was answered for another call",
            where=f"event {answer.seq}",
            why=f"logged call key {answer.key}, now {key}",
            fix="Model, adapter, sampling, seed or prompt changed; start a new run with another --out.",
        )


def _otherwise(mismatch: Mismatch) -> NondeterminismError:
    logged, decided, fields = mismatch
    if type(logged) is type(decided):
        why = f"differs in: {', '.join(difference.field for difference in fields)}"
    else:
        why = f"{kind(logged)} is logged, {kind(decided)} is decided"
    return _changed(logged, why)


def _unanswered(site: str, logged: Event) -> NondeterminismError:
    return _changed(logged, f"{kind(logged)} is logged, an answer to {site} is needed")


def _changed(logged: Event, why: str) -> NondeterminismError:
    return NondeterminismError(
        "this run now decides differently from its log",
        where=f"event {logged.seq}",
        why=why,
        fix="The inputs, the settings or the program changed since; start a new run with another --out.",
    )
