"""Where decisions meet the log: what is already logged is matched, what is new is appended, then applied.

A run is a deterministic program over its log. Re-running it walks the same decisions again: each one that
the log already holds must be equal to it (else :class:`~moloch.errors.NondeterminismError`), whole steps that ended are
folded without deciding them again, and an answer of a model that is in the log is never asked for twice.
Knows nothing of contests or learning.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from typing import TypeVar

import msgspec

from abm.events import ContestOpened, Event, Forked, Lifecycle, LLMReplied, RunConfigured, StepEnded, StepStarted
from abm.journal._differences import differences, kind
from abm.journal.decisions import equal
from abm.journal.digest import Digest
from abm.llm.port import LLM, Reply, Reporting, Request, in_groups
from abm.log import EventLog, Head
from abm.state.snapshots import Snapshots
from abm.state.state import State, apply
from moloch.content import canonical, digest
from moloch.errors import NondeterminismError

E = TypeVar("E", bound=Event)


class LiveJournal:
    """One run's log with its state, and the decisions that were logged but not yet made again.

    Args:
        log: a log open for writing; its events are the run so far.
    """

    def __init__(self, log: EventLog) -> None:
        self.log = log
        self.state = State()
        self.digest = Digest()
        self._logged = list(log.read())
        self._next = 0
        self._answers: dict[str, LLMReplied] = {}
        self._steps_end = {e.step: i for i, e in enumerate(self._logged) if isinstance(e, StepEnded)}
        self._buffer: list[Event] = []
        self._snapshots = Snapshots(log.path)

    @property
    def resuming(self) -> bool:
        """Whether logged decisions are still ahead."""
        self._skip_lifecycle()
        return self._next < len(self._logged)

    def emit(self, event: Event) -> int:
        """Match ``event`` with the log, or hold it for :meth:`commit`; return its ``seq``.

        Raises:
            NondeterminismError: the log holds another event in this place.
        """
        self._skip_lifecycle()
        if self._next < len(self._logged):
            logged = self._logged[self._next]
            if not (isinstance(event, RunConfigured) and isinstance(logged, RunConfigured) and self._shared(logged)):
                _match(event, logged)
            self._take(logged)
            return logged.seq
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

    def skip_step(self, started: StepStarted, contests: Sequence[str]) -> bool:
        """Fold the next step if the log holds all of it; return whether it did.

        Raises:
            NondeterminismError: the log's next step is not this one of the plan.
        """
        logged = self.logged(StepStarted)
        end = self._steps_end.get(self.state.step)
        if logged is None or end is None:
            return False
        _match(started, logged)
        opened = [e.contest for e in self._logged[self._next : end] if isinstance(e, ContestOpened)]
        if opened != list(contests):
            raise _otherwise(logged.seq, f"step {started.step} held other contests, or in another order")
        while self._next <= end:
            self._take(self._logged[self._next])
        return True

    @property
    def shares_next(self) -> bool:
        """Whether the next decision was made before a fork, with other settings."""
        self._skip_lifecycle()
        return self._next < len(self._logged) and self._shared(self._logged[self._next])

    def fold_shared(self, *kinds: type[Event]) -> list[Event]:
        """Fold the next decisions as long as they were made before a fork and are of ``kinds``; return them."""
        folded = []
        while self.shares_next and isinstance(logged := self._logged[self._next], kinds):
            self._take(logged)
            folded.append(logged)
        return folded

    def logged(self, kind: type[E]) -> E | None:
        """Return the next logged decision if it is of ``kind``, without taking it."""
        self._skip_lifecycle()
        if self._next < len(self._logged) and isinstance(found := self._logged[self._next], kind):
            return found
        return None

    def ask(self, llm: LLM, requests: Sequence[Request], *, step: int, cause: int) -> list[LLMReplied]:
        """Return one reply per request, in order; each is durable before it is returned.

        Only requests that the log does not answer reach the model. Where its unit is the batch, they are one planned
        batch: its composition comes from the plan, and it is committed whole, so that a crash repeats it exactly. Where
        it is the call, each answer is committed as it comes: a crash repeats only those that were on their way.

        Raises:
            NondeterminismError: the log holds an answer of the same site to another call.
        """
        keys = {request.site: request.key(llm.digest) for request in requests}
        while (reply := self.logged(LLMReplied)) is not None and reply.site in keys:
            self._take(reply)
        missing = []
        for request in requests:
            answer = self._answers.get(request.site)
            if answer is None:
                missing.append(request)
            elif answer.key != keys[request.site]:
                raise NondeterminismError(
                    f"{request.site} was answered for another call",
                    where=f"event {answer.seq}",
                    why=f"logged call key {answer.key}, now {keys[request.site]}",
                    fix="Model, adapter, sampling, seed or prompt changed; start a new run with another --out.",
                )
        if missing and llm.unit == "call":
            self._ask_each(
                llm, missing, lambda request, reply, seq: replied(request, reply, keys, llm, step, cause, seq)
            )
        elif missing:
            replies = {reply.site: reply for reply in llm.complete(missing)}
            with self.transaction():
                for request in missing:
                    self.emit(replied(request, replies[request.site], keys, llm, step, cause))
        return [self._answers[request.site] for request in requests]

    def _ask_each(
        self, llm: LLM, requests: Sequence[Request], event_of: Callable[[Request, Reply, int], LLMReplied]
    ) -> None:
        """Commit answers as they come, without waiting for the disk before the next ones."""
        self.commit()  # what led to the calls comes before them
        asked = {request.site: request for request in requests}
        seq = self.log.head().seq
        coming: deque[tuple[list[LLMReplied], Future[Head]]] = deque()
        try:
            with closing(in_groups(llm, requests)) as groups:
                for replies in groups:
                    events = [event_of(asked[reply.site], reply, seq + i) for i, reply in enumerate(replies)]
                    coming.append((events, self.log.submit(events, expected_head=seq)))
                    seq += len(events)
                    while coming and coming[0][1].done():
                        self._arrived(*coming.popleft())
        finally:  # an error of the model loses none of the answers before it
            while coming:
                self._arrived(*coming.popleft())
            if isinstance(llm, Reporting) and (service := llm.service()) is not None:
                self.note(service)

    def _arrived(self, events: list[LLMReplied], durable: Future[Head]) -> None:
        durable.result()
        for event in events:
            self._apply(event)

    def _shared(self, event: Event) -> bool:
        """Return whether an event is of the run that this one was forked from."""
        return self.log.fork is not None and event.seq < self.log.fork.seq

    def _skip_lifecycle(self) -> None:
        while self._next < len(self._logged) and isinstance(self._logged[self._next], Lifecycle | Forked):
            self._take(self._logged[self._next])

    def _take(self, event: Event) -> None:
        self._next += 1
        self._apply(event)

    def _apply(self, event: Event) -> None:
        apply(self.state, event)
        self.digest.update(event)
        if isinstance(event, LLMReplied):
            self._answers[event.site] = event


def replied(
    request: Request, reply: Reply, keys: Mapping[str, str], llm: LLM, step: int, cause: int, seq: int = -1
) -> LLMReplied:
    return LLMReplied(
        seq=seq, step=step, cause=cause, key=keys[request.site], site=request.site, model=llm.name, adapter=request.adapter,
        template=request.template, refs=list(request.refs), prompt=digest(canonical(request.messages)),
        text=reply.text, finish=reply.finish, tokens_in=reply.tokens_in, tokens_out=reply.tokens_out,
        temperature=request.sampling.temperature, top_p=request.sampling.top_p,
        max_tokens=request.sampling.max_tokens, seed=request.seed, guide=request.guide,
    )  # fmt: skip


def _match(event: Event, logged: Event) -> None:
    if equal(event, logged):
        return
    if type(event) is type(logged):
        why = f"differs in: {', '.join(difference.field for difference in differences(logged, event))}"
    else:
        why = f"{kind(logged)} is logged, {kind(event)} is decided"
    raise _otherwise(logged.seq, why)


def _otherwise(seq: int, why: str) -> NondeterminismError:
    return NondeterminismError(
        "this run now decides otherwise than its log",
        where=f"event {seq}",
        why=why,
        fix="The inputs, the settings or the program changed since; start a new run with another --out.",
    )
