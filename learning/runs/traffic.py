"""What a run's models are doing at the moment: calls answered, how fast, for how much, and what waits for a server.

The process that carries a run out writes it every few seconds to ``now/traffic.json`` in the run's folder, and removes that at its
end: commands and pages of other processes show the same numbers. No part of the log; nothing depends on it.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from abm.events import LLMReplied
from abm.journal import LiveJournal
from abm.llm.budget import Budget
from abm.llm.port import LLM, Flight, Flying, Writing
from learning.runs.attempts import is_retry
from learning.runs.costs import planned
from learning.runs.inputs import Inputs
from learning.settings.config import RunConfig
from moloch.beats import beats
from moloch.errors import MolochError

FOLDER, FILE = "now", "traffic.json"
EVERY = 2.0
"""Seconds between two times that it is written."""
FRESH = 30.0
"""Seconds for which it holds: of what is older, the writer is gone."""
SILENT = 10.0
"""Seconds without an answer to calls under way from which that is said, and no pace."""
WINDOW = 60.0
"""Seconds over which speeds are means, at most."""


class Traffic(msgspec.Struct, frozen=True):
    """What models answered in a run so far, and what is under way.

    Attributes:
        answered: calls, and ``again``: those that asked once more, which are none of them. Both are of the whole run.
        planned: calls of the whole plan, at most where readers of a networked world are asked; None where that is not known.
        tokens_in, tokens_out: of all answers, those under way in this process among them.
        tokens_per_s: written lately by all calls together; None where nothing was.
        usd: spent by the whole run; None where a server's prices are not known.
        waiting: why an attempt came to nothing -> calls that wait to be sent again.
        sent: calls that wait for a server; ``silent_s``: seconds since one was answered.
        calls_left_s: seconds that the calls to come will take, at the pace of the last minute; None where there is none.
        at: when that was so, in seconds since 1970.
    """

    answered: int = 0
    again: int = 0
    planned: int | None = None
    at_most: bool = False
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_per_s: float | None = None
    usd: float | None = 0.0
    waiting: dict[str, int] = {}
    sent: int = 0
    silent_s: float = 0.0
    calls_left_s: float | None = None
    at: float = 0.0

    @property
    def is_silent(self) -> bool:
        """Whether calls are under way and none was answered for a while."""
        return bool(self.sent or self.waiting) and self.silent_s >= SILENT


class TrafficMeter:
    """Counts a run's traffic; may be looked at from any thread.

    Args:
        config: the run's settings, and ``inputs``: what was read for it.
        budget: books what calls cost.
        clock: seconds, for speeds.
    """

    def __init__(
        self, config: RunConfig, inputs: Inputs, budget: Budget, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._config, self._inputs, self._budget, self._clock = config, inputs, budget, clock
        self._models: Sequence[LLM] = ()
        self._journal: LiveJournal | None = None
        self._counts = Counter[str]()
        self._priced: bool | None = None
        self._plan: int | None = None
        self._asked_plan = False
        self._samples: deque[tuple[float, int, int]] = deque()

    def follow(self, journal: LiveJournal, models: Sequence[LLM]) -> None:
        """Look at a journal and its models from now on."""
        self._journal, self._models = journal, list({id(llm): llm for llm in models}.values())

    def heard(self, answer: LLMReplied) -> None:
        """Count an answer that is in the log."""
        again = is_retry(answer.site)
        self._counts.update(answered=not again, again=again, tokens_in=answer.tokens_in, tokens_out=answer.tokens_out)

    def now(self) -> Traffic:
        """Return how it is at this moment."""
        writing = sum(llm.writing for llm in self._models if isinstance(llm, Writing))
        flights = [each for llm in self._models if isinstance(llm, Flying) and (each := llm.flight) is not None]
        tokens, calls = self._speeds(writing)
        counts, planned_calls = self._counts, self._planned()
        left = max(0, planned_calls - counts["answered"]) if planned_calls is not None else None
        now = Traffic(
            answered=counts["answered"],
            again=counts["again"],
            planned=planned_calls,
            at_most=self._config.world == "networked" and self._config.asks_reader,
            tokens_in=counts["tokens_in"],
            tokens_out=counts["tokens_out"] + writing,
            tokens_per_s=tokens,
            usd=self._budget.own.usd if self._prices_known() else None,
            waiting=_waiting(flights),
            sent=sum(each.sent for each in flights),
            silent_s=round(min((each.silent_s for each in flights), default=0.0), 1),
            calls_left_s=left / calls if calls and left is not None else None,
            at=time.time(),
        )
        return msgspec.structs.replace(now, tokens_per_s=None, calls_left_s=None) if now.is_silent else now

    def _speeds(self, writing: int) -> tuple[float | None, float | None]:
        """Return the tokens written and the calls answered a second, over the last minute; None where there were none."""
        if self._journal is None:
            return None, None
        now, samples = self._clock(), self._samples
        sample = now, self._journal.written + writing, self._journal.answered
        if not samples or now - samples[-1][0] >= 1:
            samples.append(sample)
        while len(samples) > 2 and now - samples[1][0] >= WINDOW:
            samples.popleft()
        then, tokens, calls = samples[0]
        if now - then < 1:
            return None, None
        speeds = ((new - old) / (now - then) for new, old in zip(sample[1:], (tokens, calls), strict=True))
        written, answered = (speed if speed > 0 else None for speed in speeds)
        return written, answered

    def _planned(self) -> int | None:
        if not self._asked_plan:
            self._asked_plan = True
            with contextlib.suppress(MolochError):  # what the run itself would say, which goes on without it
                self._plan = sum(role.calls for role in planned(self._config, None, self._inputs))
        return self._plan

    def _prices_known(self) -> bool:
        if self._priced is None:
            endpoints = (self._config.serving.endpoint(llm.name) for llm in self._models)
            self._priced = all(each is None or each.price is not None for each in endpoints)
        return self._priced


def _waiting(flights: Sequence[Flight]) -> dict[str, int]:
    waiting = Counter[str]()
    for flight in flights:
        waiting.update(flight.waiting)
    return dict(waiting.most_common())


@contextlib.contextmanager
def shown_to_others(run: Path, meter: TrafficMeter) -> Iterator[None]:
    """Write a run's traffic every few seconds, while the block is carried out, and remove it at the end."""
    folder = run / FOLDER

    def write() -> None:
        with contextlib.suppress(OSError):  # a full disk is the log's to report
            folder.mkdir(exist_ok=True)
            new = folder / f"{FILE}.new"
            new.write_bytes(msgspec.json.encode(meter.now()))
            new.replace(folder / FILE)

    try:
        with beats(write, EVERY, "traffic"):
            yield
    finally:
        with contextlib.suppress(OSError):
            for name in (FILE, f"{FILE}.new"):
                (folder / name).unlink(missing_ok=True)
            folder.rmdir()


def read_traffic(run: Path) -> Traffic | None:
    """Return what the process that carries a run out says at the moment; None where none does."""
    try:
        traffic = msgspec.json.decode((run / FOLDER / FILE).read_bytes(), type=Traffic)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return traffic if abs(time.time() - traffic.at) < FRESH else None
