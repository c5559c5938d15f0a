"""Where decisions meet the log: what is already logged is matched, what is new is appended, then applied.

A run is a deterministic program over its log. Re-running it walks the same decisions again: each one that
the log already holds must be equal to it (else :class:`~abm.errors.NondeterminismError`), whole steps that ended are
folded without deciding them again, and an answer of a model that is in the log is never asked for twice.
Knows nothing of contests or learning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from abm.content import canonical, digest
from abm.digest import Digest
from abm.errors import NondeterminismError
from abm.events import Event, Lifecycle, LLMReplied, StepEnded, StepStarted
from abm.llm.port import LLM, Reply, Request
from abm.log import EventLog
from abm.state import State, apply


class Journal:
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
            _same(event, logged)
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
        self.log.append([event])

    def skip_step(self) -> bool:
        """Fold the next step if the log holds all of it; return whether it did."""
        self._skip_lifecycle()
        if not (self._next < len(self._logged) and isinstance(self._logged[self._next], StepStarted)):
            return False
        end = self._steps_end.get(self.state.step)
        if end is None:
            return False
        while self._next <= end:
            self._take(self._logged[self._next])
        return True

    def logged(self, kind: type[Event]) -> Event | None:
        """Return the next logged decision if it is of ``kind``, without taking it."""
        self._skip_lifecycle()
        if self._next < len(self._logged) and isinstance(self._logged[self._next], kind):
            return self._logged[self._next]
        return None

    def ask(self, llm: LLM, requests: Sequence[Request], *, step: int, cause: int) -> list[LLMReplied]:
        """Return one reply per request, in order; each is durable before it is returned.

        Only requests that the log does not answer reach the model. They are one planned batch: its composition
        comes from the plan, and it is committed whole, so that a crash repeats it exactly.

        Raises:
            NondeterminismError: the log holds an answer of the same site to another call.
        """
        keys = {request.site: request.key(llm.digest) for request in requests}
        while (reply := self.logged(LLMReplied)) is not None and reply.site in keys:  # type: ignore[union-attr]
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
                    mend="Model, adapter, sampling, seed or prompt changed; start a new run with another --out.",
                )
        if missing:
            replies = {reply.site: reply for reply in llm.complete(missing)}
            with self.transaction():
                for request in missing:
                    self.emit(_replied(request, replies[request.site], keys[request.site], llm, step, cause))
        return [self._answers[request.site] for request in requests]

    def _skip_lifecycle(self) -> None:
        while self._next < len(self._logged) and isinstance(self._logged[self._next], Lifecycle):
            self._take(self._logged[self._next])

    def _take(self, event: Event) -> None:
        self._next += 1
        self._apply(event)

    def _apply(self, event: Event) -> None:
        apply(self.state, event)
        self.digest.update(event)
        if isinstance(event, LLMReplied):
            self._answers[event.site] = event


def _replied(request: Request, reply: Reply, key: str, llm: LLM, step: int, cause: int) -> LLMReplied:
    return LLMReplied(
        step=step, cause=cause, key=key, site=request.site, model=llm.name, adapter=request.adapter,
        template=request.template, refs=list(request.refs), prompt=digest(canonical(request.messages)),
        text=reply.text, finish=reply.finish, tokens_in=reply.tokens_in, tokens_out=reply.tokens_out,
        temperature=request.sampling.temperature, top_p=request.sampling.top_p,
        max_tokens=request.sampling.max_tokens, seed=request.seed,
    )  # fmt: skip


def _same(event: Event, logged: Event) -> None:
    if msgspec.structs.replace(event, seq=logged.seq, at=logged.at) == logged:
        return
    fields = [
        f for f in event.__struct_fields__ if f not in ("seq", "at") and getattr(event, f) != getattr(logged, f, None)
    ]
    names = (
        ", ".join(fields)
        if type(event) is type(logged)
        else f"{type(logged).__name__} logged, {type(event).__name__} decided"
    )
    raise NondeterminismError(
        "this run now decides otherwise than its log",
        where=f"event {logged.seq}",
        why=f"differs in: {names}",
        mend="The inputs or the program changed since; start a new run with another --out.",
    )
