"""What calls may cost: a bound on calls, tokens, money and minutes that is never crossed, only reached.

Calls, tokens and money count from the beginning of a run, over all processes that worked on it, for every call that was
sent, whatever came of it; minutes are this process's. What this process computes itself is free, and counts as minutes alone. A call is sent only if its worst case still fits: its prompt, and a
completion as long as allowed. Where a server does not say what a call cost, or never answers, the worst case is booked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

import msgspec

from abm.llm.lease import Lease
from abm.llm.ledger import Cost, Ledger
from abm.llm.port import LLM, Placed, Reply, Request, Sleeping, Writing, in_batches, most_tokens
from moloch.errors import MolochError
from moloch.exit_codes import ExitCode

MILLION = 1_000_000


class BudgetSpent(MolochError):
    """The next call could cost more than is left; the same command with a larger budget resumes."""

    exit_code = ExitCode.BUDGET


class Price(NamedTuple):
    """US dollars per million tokens, read and written."""

    usd_in: float = 0.0
    usd_out: float = 0.0

    def of(self, tokens_in: int, tokens_out: int) -> float:
        """Return US dollars."""
        return (tokens_in * self.usd_in + tokens_out * self.usd_out) / MILLION


class Bounds(msgspec.Struct, frozen=True):
    """How much may be spent; None: no bound."""

    calls: int | None = None
    tokens: int | None = None
    usd: float | None = None
    minutes: float | None = None

    @property
    def shared(self) -> tuple[int | None, int | None, float | None]:
        """Those that several processes can share: on calls, tokens and US dollars."""
        return self.calls, self.tokens, self.usd


BLOCK = 1 / 16
"""Share of what is left that is reserved in the ledger at once: after a kill, at most that much counts without being spent."""
LARGEST_BLOCK = 1024
"""Calls of the worst case that are reserved at once, at most."""


class Budget:
    """A bound, what was spent of it, and what is reserved for calls on their way.

    Attributes:
        calls, tokens, usd: spent so far.
        bounded: whether there is any bound.
    """

    def __init__(self, bounds: Bounds | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.bounds = bounds or Bounds()
        self.bounded = self.bounds != Bounds()
        self.calls, self.tokens, self.usd = 0, 0, 0.0
        self._reserved: dict[str, Cost] = {}
        self._held = Cost()
        self._ledger: Ledger | None = None
        self._lease: Lease | None = None
        self._elsewhere, self._written = Cost(), Cost()
        self._clock, self._began = clock, clock()

    def keep(self, ledger: Ledger, known: Cost, lease: Lease | None = None) -> None:
        """Go on from what a run spent before, and from now on keep what it spends.

        Args:
            known: what is known to be spent without the ledger; the larger of both counts.
            lease: the run's part of bounds that others spend of, too.

        Raises:
            InputError, LogError: the ledger cannot be read.
        """
        self._ledger, self._lease = ledger, lease
        self._written = ledger.read()
        own = self._written.or_more(known)
        self._elsewhere = lease.elsewhere() if lease is not None else Cost()
        self.calls, self.tokens, self.usd = self._elsewhere.plus(own)
        if lease is not None:
            lease.settle(own)
            self._written = Cost()  # so that the first call is asked for where all see it

    @property
    def own(self) -> Cost:
        """What was spent, without that of others who share the bounds."""
        return self._own(Cost())

    def settled(self) -> None:
        """Keep what was spent, where nothing is on its way."""
        if self._ledger is not None and (totals := self._own(self._held)) != self._written:
            self._ledger.settle(totals)
            if self._lease is not None:
                self._lease.settle(totals)
            self._written = totals

    def _own(self, more: Cost) -> Cost:
        return Cost(self.calls, self.tokens, self.usd).plus(self._elsewhere, -1).plus(more)

    def _keep(self, held: Cost, worst: Cost) -> bool:
        """See that the ledger covers all that may have been spent once ``held`` is on its way; tell whether that is allowed."""
        totals = self._own(held)
        if self._ledger is None or self._written.or_more(totals) == self._written:
            return True
        spent = totals.plus(self._elsewhere)
        shares = [
            BLOCK * max(0, bound - used) / one
            for bound, used, one in zip(self.bounds.shared, spent, worst, strict=True)
            if bound is not None and one
        ]
        if not shares:  # time is all that is bounded
            return True
        calls = int(min(LARGEST_BLOCK, *shares))
        most: Cost | None = totals.plus(Cost(calls, calls * worst.tokens, calls * worst.usd))
        if self._lease is not None and (most := self._lease.take(totals, most)) is None:
            return False
        self._ledger.reserve(most)
        self._written = most
        return True

    def _look_elsewhere(self) -> bool:
        """Look again at what others spend of the same bounds; tell whether that changed."""
        if self._lease is None or (now := self._lease.elsewhere()) == self._elsewhere:
            return False
        self.calls, self.tokens, self.usd = Cost(self.calls, self.tokens, self.usd).plus(self._elsewhere, -1).plus(now)
        self._elsewhere = now
        return True

    def book(self, price: Price, tokens_in: int, tokens_out: int) -> None:
        """Add an answer to what was spent."""
        self.calls += 1
        self.tokens += tokens_in + tokens_out
        self.usd += price.of(tokens_in, tokens_out)

    def admit(self, request: Request, price: Price, room: int = 0) -> bool:
        """Reserve the worst case of a call; return False, and reserve nothing, if it does not fit.

        Args:
            room: tokens that the completion may have besides its bound.

        Raises:
            LogError: what is to be spent cannot be kept.
        """
        if not self.bounded:
            return True
        worst = _worst(request, price, room)
        held = self._held.plus(worst)
        if self._over(held) and not (self._look_elsewhere() and not self._over(held)):
            return False
        if not self._keep(held, worst):
            self._look_elsewhere()
            return False
        self._reserved[request.site], self._held = worst, held
        return True

    def release(self, request: Request) -> None:
        """Give back what was reserved for a call."""
        if (reserved := self._reserved.pop(request.site, None)) is not None:
            self._held = self._held.plus(reserved, -1) if self._reserved else Cost()

    def _over(self, more: Cost) -> str:
        """Return which bound ``more`` would cross, and by how little it was missed; empty if none."""
        bounds, spent = self.bounds, Cost(self.calls, self.tokens, self.usd)
        for name, used, extra in zip(Cost._fields, spent, more, strict=True):
            bound = getattr(bounds, name)
            if bound is not None and used + extra > bound * (1 + 1e-12):
                return f"{used:,.6g} of {bound:,.6g} {name} are spent"
        return self.time_over()

    def time_over(self) -> str:
        """Return that the minutes are over, in words; empty if they are not."""
        minutes = (self._clock() - self._began) / 60
        if self.bounds.minutes is not None and minutes >= self.bounds.minutes:
            return f"{minutes:.1f} of {self.bounds.minutes:g} minutes are over"
        return ""

    def spent(self, request: Request | None = None, price: Price | None = None, room: int = 0) -> BudgetSpent:
        """Return the error that says so."""
        worst = _worst(request, price or Price(), room) if request else Cost(1, 1, 0.0)
        why = self._over(worst) or "too little is left for the next calls"
        return BudgetSpent(
            "the budget is spent",
            why=why,
            fix="Every answer is safe. The same command with a larger --max-… resumes from here, and so does moloch resume RUN.",
        )


def _worst(request: Request, price: Price, room: int) -> Cost:
    tokens_in, tokens_out = most_tokens(request), request.sampling.max_tokens + room
    return Cost(1, tokens_in + tokens_out, price.of(tokens_in, tokens_out))


class BudgetGate:
    """A budget before one model.

    Args:
        price: what its tokens cost.
        room: tokens that a completion may have besides its bound.
    """

    def __init__(self, budget: Budget, price: Price, room: int = 0) -> None:
        self._budget, self._price, self._room = budget, price, room
        self._last: Request | None = None

    def admit(self, question: Request) -> bool:
        """See :class:`abm.llm.http._exchange.Gate`."""
        self._last = question
        return not self._budget.bounded or self._budget.admit(question, self._price, self._room)

    def release(self, question: Request) -> None:
        """See :class:`abm.llm.http._exchange.Gate`."""
        self._budget.release(question)

    def settle(self, question: Request, usage: tuple[int | None, int | None]) -> None:
        """See :class:`abm.llm.http._exchange.Gate`; what is None is booked as the worst case has it."""
        read, written = usage
        if self._budget.bounded:
            self._budget.release(question)
        self._budget.book(
            self._price,
            most_tokens(question) if read is None else read,
            question.sampling.max_tokens + self._room if written is None else written,
        )

    def spent(self) -> BudgetSpent:
        """See :class:`abm.llm.http._exchange.Gate`."""
        return self._budget.spent(self._last, self._price, self._room)


class Budgeted:
    """A model of this process under a budget: a batch is asked for whole, or not at all.

    Args:
        free: its calls cost nothing but time.
    """

    def __init__(self, llm: LLM, budget: Budget, *, free: bool = False) -> None:
        self._llm, self._budget, self._free = llm, budget, free
        self.name = llm.name
        self.unit: Literal["batch", "call"] = llm.unit

    @property
    def digest(self) -> str:
        """The model's."""
        return self._llm.digest

    def complete(self, requests: Sequence[Request]) -> Iterator[Reply]:
        """Yield the model's replies.

        Raises:
            BudgetSpent: the batch does not fit; nothing was asked.
        """
        if self._free:
            if requests and self._budget.time_over():
                raise self._budget.spent()
            yield from self._llm.complete(requests)
            return
        gate, admitted = BudgetGate(self._budget, Price()), []
        try:
            for request in requests:
                if not gate.admit(request):
                    raise gate.spent()
                admitted.append(request)
        finally:
            for request in admitted:
                gate.release(request)
        try:
            for reply in self._llm.complete(requests):
                self._budget.book(Price(), reply.tokens_in, reply.tokens_out)
                yield reply
        finally:
            self._budget.settled()

    def batches(self, requests: Sequence[Request]) -> Sequence[Sequence[Request]]:
        """Return the model's."""
        return in_batches(self._llm, requests)

    @property
    def writing(self) -> int:
        """The model's, if it says so."""
        return self._llm.writing if isinstance(self._llm, Writing) else 0

    def sleep(self) -> None:
        """Have the model give its memory back, if it can."""
        if isinstance(self._llm, Sleeping):
            self._llm.sleep()

    def place(self) -> dict[str, str]:
        """Return by what the model computes; empty if it does not say so."""
        return self._llm.place() if isinstance(self._llm, Placed) else {}

    def close(self) -> None:
        """Close the model, if it has to be."""
        if callable(close := getattr(self._llm, "close", None)):
            close()
