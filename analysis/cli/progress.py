"""How far a run is, on stderr while it is carried out: a bar in a terminal, elsewhere a plain line now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.cli.console import stderr
from moloch.beats import beats

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress as Bar
    from rich.progress import ProgressColumn

    from abm.llm.backends import Backends
    from abm.llm.budget import Budget
    from abm.llm.port import LLM
    from learning import Progress

EVERY = 30.0
"""Seconds between two plain lines, where there is no terminal."""
LOOK = 1.0
"""Seconds for which what was said of the models holds."""


class RunProgress:
    """What is said of a run while it is carried out; each method may be called in any thread.

    Args:
        folder: the run's, in which its log tells how long the rest takes; None where nothing is said of that.
        label: stands before what it does.
        clock: seconds.
    """

    def __init__(self, folder: Path | None, label: str = "", *, clock: Callable[[], float] = time.monotonic) -> None:
        from analysis.studies.record.progress import FollowedCell

        self._cell = FollowedCell(folder) if folder is not None else None
        self._label, self._clock = label, clock
        self._began, self._looked = clock(), float("-inf")
        self._lock = threading.Lock()
        self._models = ""
        self.now: Progress | None = None

    @property
    def doing(self) -> str:
        """What comes next, in words."""
        return f"{self._label}{self.now.doing if self.now is not None else 'opening the models'}"

    @property
    def models(self) -> str:
        """What models are doing, and how long the rest takes; empty while there is nothing to say."""
        with self._lock:
            if self._clock() - self._looked >= LOOK:
                self._models, self._looked = "; ".join(self._said()), self._clock()
            return self._models

    @property
    def line(self) -> str:
        """All of it in one line."""
        parts = [self.doing]
        if self.now is not None:
            parts.append(f"{self.now.done:,} of {self.now.total:,} steps and trainings")
        return "; ".join(
            [*parts, *([self.models] if self.models else []), f"{clock_time(self._clock() - self._began)} so far"]
        )

    def _said(self) -> Iterator[str]:
        from analysis.readings.traffic import left_words, traffic_words

        traffic = self.now.traffic() if self.now is not None else None
        yield from traffic_words(traffic) if traffic is not None else ()
        if left := left_words(self._cell.look() if self._cell is not None else None, traffic):
            yield left


class AskedNow:
    """What a model is asked at the moment, and for how long it has been silent.

    Attributes:
        what: is asked, in a word; ``llm``: the model, once it is known.
    """

    def __init__(self) -> None:
        self.what = ""
        self.llm: LLM | None = None

    def tell(self, what: str) -> None:
        """Take note of what is asked next."""
        self.what = what

    @property
    def line(self) -> str:
        """All of it in one line."""
        return self._said(f"asking {self.llm.name}: {self.what}" if self.llm is not None else "")

    @property
    def short(self) -> str:
        """The same for a line of a terminal, where the model was just named."""
        return self._said(f"asking: {self.what}")

    def _said(self, asked: str) -> str:
        if self.llm is None:
            return "asking"
        return "; ".join(filter(None, [asked, waiting_for([self.llm])]))


def waiting_for(models: Iterable[LLM]) -> str:
    """Return what calls to models wait for, how long none was answered, and how long that may last; empty where all is well."""
    from abm.llm.http import HTTPLLM
    from analysis.readings.traffic import waiting_words
    from learning.runs.traffic import Traffic

    under_way = [(llm.endpoint, flight) for llm in models if isinstance(llm, HTTPLLM) and (flight := llm.flight)]
    if not under_way:
        return ""
    limits, flight = max(under_way, key=lambda each: each[1].silent_s)
    said = waiting_words(Traffic(waiting=flight.waiting, sent=flight.sent, silent_s=flight.silent_s))
    longest = limits.patience if flight.waiting else max(limits.timeout, limits.patience)
    return f"{said} of at most {longest:g} s" if said and "no answer" in said else said


def of_models(backends: Backends, budget: Budget) -> Callable[[], str]:
    """Return what says, of all models that are open at the moment, what they cost so far and what their calls wait for."""

    def said() -> str:
        from abm.llm.http import HTTPLLM
        from analysis.readings.traffic import money_words

        models = backends.opened
        served = [llm.endpoint for llm in models if isinstance(llm, HTTPLLM)]
        unknown = any(endpoint.price is None for endpoint in served)
        money = money_words(None if unknown else budget.own.usd) if served else ""
        return "; ".join(filter(None, [money, waiting_for(models)]))

    return said


@contextmanager
def asked() -> Iterator[AskedNow]:
    """Say on stderr what a model is asked, and that it has not answered yet, while the block is carried out."""
    console, question = stderr(), AskedNow()

    def say() -> None:
        console.print(question.line, markup=False, soft_wrap=True)

    if console.is_terminal:
        from rich.text import Text

        with console.status("asking") as status, beats(lambda: status.update(Text(question.short)), LOOK, "asking"):
            yield question
        return
    with beats(say, EVERY, "asking"):
        yield question


@contextmanager
def counted(
    doing: str, what: str = "calls answered", said: Callable[[], str] = lambda: ""
) -> Iterator[Callable[[int, int], None]]:
    """Show on stderr how many of a number of things are done; yield the function that takes both numbers.

    Args:
        doing: what is done, in a word.
        what: is counted.
        said: returns what else there is to say; see :func:`of_models`.
    """
    console, began = stderr(), time.monotonic()
    if console.is_terminal:
        from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn(doing), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with _two_lines(console, columns, said) as bar:
            task = bar.add_task(doing, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
        return
    now = (0, 0)

    def tell(done: int, total: int) -> None:
        nonlocal now
        now = done, total

    def say() -> None:
        counts = f"{now[0]:,} of {now[1]:,} {what}" if now[1] else ""
        parts = [doing, counts, said(), f"{clock_time(time.monotonic() - began)} so far"]
        console.print("; ".join(filter(None, parts)), markup=False, soft_wrap=True)

    with beats(say, EVERY, doing):
        yield tell


def clock_time(seconds: float) -> str:
    """Return a time as clocks show it: ``0:07``, ``1:02:30``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def progress(
    label: str = "",
    said: Callable[[Progress], Iterable[str]] = lambda now: (),
    folder: Path | None = None,
) -> Iterator[Callable[[Progress], None]]:
    """Show on stderr how far a run is; yield the function that moves it.

    Args:
        said: returns lines to print before the run goes on.
        folder: the run's.
    """
    console, run = stderr(), RunProgress(folder, label)

    def tell(now: Progress) -> None:
        for line in said(now):
            console.print(f"{label}{line}", markup=False, soft_wrap=not console.is_terminal)
        run.now = now

    with _bar(console, run) if console.is_terminal else _lines(console, run):
        yield tell


@contextmanager
def _lines(console: Console, run: RunProgress) -> Iterator[None]:
    def say() -> None:
        console.print(run.line, markup=False, soft_wrap=True)

    with beats(say, EVERY, "progress"):
        yield


@contextmanager
def _bar(console: Console, run: RunProgress) -> Iterator[None]:
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())

    def below() -> str:
        if run.now is not None:
            bar.update(task, completed=run.now.done, total=run.now.total, description=run.doing)
        return run.models

    bar = _two_lines(console, (*columns, TimeElapsedColumn()), below)
    task = bar.add_task(run.doing, total=None)
    with bar:
        yield


def _two_lines(console: Console, columns: Iterable[ProgressColumn], below: Callable[[], str]) -> Bar:
    """Return a bar, and below it a line that is asked for each time that both are drawn."""
    from rich.progress import Progress as Bar
    from rich.text import Text

    class TwoLines(Bar):
        """A bar, and below it what models are doing."""

        def get_renderables(self) -> Iterable[RenderableType]:
            said = below()
            yield self.make_tasks_table(self.tasks)
            if said:
                yield Text(f"  {said}", style="dim")

    return TwoLines(*columns, console=console, transient=True)
