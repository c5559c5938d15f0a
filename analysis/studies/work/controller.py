"""A controller: takes cells by claims, hands them to an engine, and writes down what became of them, until none is left.

Several may work on a study at once, and any may be killed at any moment: what is known of a cell stands in its claim, in its
worker's word and in its run's log, and the next controller reads it there. Knows nothing of how tasks are carried out.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from abm.events import Event
from abm.log import open_log
from abm.log.disk import unwritable
from abm.study_events import CellEnded, CellFailed, CellReused, CellStarted, StudyStopped
from analysis.studies.pages.cells import Cell
from analysis.studies.record.claims import BEAT, Claims, HeldClaim, Watch
from analysis.studies.record.counts import StudyStanding, Why, standing
from analysis.studies.record.identity import FinishedRun
from analysis.studies.record.study_log import CellHistory, StudyLog, StudyState
from analysis.studies.work.outcomes import KILLED, PASSING, AttemptEnded, AttemptFailed, AttemptOutcome, read_outcome
from analysis.studies.work.rules import Rules, bounded, most_failures
from analysis.studies.work.shortage import Shortage, holders
from analysis.studies.work.tasks import Engine, Needs, Task, TaskEnd
from analysis.studies.work.tries import Tries
from analysis.studies.work.worker import TAKEN, UNSAID, write_settings
from moloch.beats import beats
from moloch.errors import LogError

TICK = 0.5
"""Seconds between two looks at what others do."""
GRACE_S = 30.0
"""Seconds that workers have to stop after Ctrl-C, before they are killed."""


@dataclass
class _Attempt:
    task: Task
    held: HeldClaim


class Controller:
    """Carries out the cells of a study.

    Args:
        log: of the study.
        cells: all cells, by name, in the order in which they are begun.
        engine: carries out their tasks; closed by who made it.
        report: called with how the study stands, at least twice a second.
    """

    def __init__(
        self,
        log: StudyLog,
        cells: Mapping[str, Cell],
        engine: Engine,
        rules: Rules | None = None,
        report: Callable[[StudyStanding], None] = lambda standing: None,
    ) -> None:
        self._log, self._cells, self._engine, self._report = log, cells, engine, report
        self._rules = rules or Rules()
        self._claims, self._watch = Claims(log.layout), Watch(log.layout)
        self._mine: dict[str, _Attempt] = {}
        self._tries = Tries(self._rules.pauses)
        self._later: dict[str, float] = {}
        """Cell -> when it is looked at again."""
        self._open: dict[str, None] = {}
        self._elsewhere: set[str] = set()
        """Cells that others carried out when they were last looked at."""
        self._shortage = Shortage()
        self._why: Why = ""
        self._detail = ""
        self._interrupts = 0
        self._killed_at = 0.0
        self._news: list[str] = []
        self._began = time.monotonic()

    def run(self) -> Why:
        """Work until no cell is left that could be carried out; return why it stopped before, or nothing.

        Raises:
            LogError: the study's folder cannot be written; what cells wrote is safe.
        """
        with self._interruptible(), self._touching(), _told(self._log.layout.folder):
            state = self._log.state()
            self._open = {name: None for name in self._cells if self._is_open(state.cells[name])}
            while self._mine or (self._open if self._rules.wait else self._open.keys() - self._elsewhere):
                self._stop_where_due()
                if not self._why:
                    self._begin_more()
                elif not self._mine:
                    break
                for end in self._engine.ended(TICK):
                    self._end(end)
                self._tell()
            if self._why:
                self._append([StudyStopped(why=self._why, detail=self._detail)])
        self._tell()
        self._log.close()
        return self._why

    def _is_open(self, cell: CellHistory) -> bool:
        if cell.state in ("ended", "reused"):
            return False
        return cell.state != "failed" or self._rules.retry or cell.failures[-1].origin in PASSING

    # -- beginning ------------------------------------------------------------------------------------------

    def _begin_more(self) -> None:
        """Take as many cells as the engine has room for, and start their tasks."""
        state, now = self._log.state(), time.monotonic()
        peak = max((cell.peak_bytes for cell in state.cells.values()), default=0)
        begun: list[_Attempt] = []
        events: list[Event] = []
        for name in self._next(state):
            if name in self._mine or self._later.get(name, 0.0) > now:
                continue
            needs = self._rules.needs(self._cells[name].config)
            needs = Needs(self._engine.threads, needs.gpus, peak)
            if self._engine.room(needs) <= len(begun):
                break
            if (held := self._taken(name, state.cells[name], events)) is None:
                continue
            identity = self._rules.identity(self._cells[name].config)
            if held.claim.attempt == 1 and identity and (done := self._rules.reused(identity)) is not None:
                self._reuse(held, done)
                continue
            self._shortage.begins(name, [*self._mine, *self._elsewhere])
            begun.append(self._attempt(held, needs))
            worker = {"engine": self._engine.name, "threads": str(needs.threads)}
            told = identity.id if identity else ""
            events.append(CellStarted(cell=name, attempt=held.claim.attempt, identity=told, worker=worker))
        self._append(events)
        for attempt in begun:
            self._engine.start(attempt.task)

    def _next(self, state: StudyState) -> list[str]:
        """Return the cells that may be begun; while the budget is short, one at a time, and first those that may hold a part of it."""
        if not self._shortage.is_on:
            return list(self._open)
        elsewhere = (state.cells[name] for name in self._open if name not in self._mine)
        if self._mine or any(cell.state == "running" and self._is_alive(cell) for cell in elsewhere):
            return []
        return (holders(state.cells, self._open) or list(self._open))[:1]

    def _is_alive(self, cell: CellHistory) -> bool:
        claim = self._claims.current(cell.planned.cell, cell.attempts)
        return claim is not None and self._watch.is_alive(claim)

    def _taken(self, name: str, cell: CellHistory, events: list[Event]) -> HeldClaim | None:
        """Return the claim of a new attempt at a cell; None where there is nothing to do, or somebody else does it."""
        if cell.state in ("ended", "reused"):
            self._open.pop(name)
            return None
        claim = self._claims.current(name, cell.attempts)
        self._elsewhere.discard(name)
        if claim is not None and self._watch.is_alive(claim):
            self._elsewhere.add(name)
            self._later[name] = time.monotonic() + 2 * TICK
            return None
        held = self._claims.take(name, max(cell.attempts, claim.attempt if claim else 0) + 1)
        if held is None:
            return None
        cell = self._log.state().cells[name]  # again: it may have ended before it was ours
        if cell.attempts and (news := self._unsaid(name, cell)):
            self._note(news, events)
            if name not in self._open:
                held.release()
                return None
        return held

    def _reuse(self, held: HeldClaim, done: FinishedRun) -> None:
        """Write down that a cell is a run that stands elsewhere."""
        name, identity = held.claim.cell, done.identity
        run = os.path.relpath(done.path.resolve(), self._log.layout.folder.resolve())
        self._append([
            CellReused(
                cell=name, run=run, identity=identity.id, head=done.head, digest=done.digest, events=done.events,
                version=identity.version,
            )
        ])  # fmt: skip
        held.release()
        self._open.pop(name)
        self._news.append(f"{name}: is {done.path}, and is not repeated")

    def _unsaid(self, name: str, cell: CellHistory) -> CellEnded | CellFailed | None:
        """Return what became of the last attempt where nobody was left to write it down."""
        if cell.state != "running":
            return None
        outcome = read_outcome(self._log.layout.outcome(name, cell.attempts))
        seconds = max(0.0, self._claims.touched(name, cell.attempts) - cell.began)
        if (ended := self._ended(name)) is not None:
            told = outcome if isinstance(outcome, AttemptEnded) else ended
            return _event(name, cell.attempts, told)
        if isinstance(outcome, AttemptFailed):
            return self._failed(name, cell.attempts, outcome, seconds)
        gone = AttemptFailed("node", "its worker and its controller are gone")
        return self._failed(name, cell.attempts, gone, seconds)

    def _ended(self, name: str) -> AttemptEnded | None:
        """Return how a cell's run ended, by its own log; None if it has not."""
        folder = self._log.layout.cell(name)
        if not (folder / "run.json").exists():
            return None
        try:
            log = open_log(folder, write=False)
            ended, head = log.ended(), log.head()
        except LogError:
            return None  # who carries it out will say what is wrong
        return AttemptEnded(head.hash, ended.digest, head.seq, ended.seconds, 0) if ended is not None else None

    def _attempt(self, held: HeldClaim, needs: Needs) -> _Attempt:
        claim, layout = held.claim, self._log.layout
        layout.output.mkdir(exist_ok=True)
        config = bounded(self._cells[claim.cell].config, self._rules.stop, layout)
        write_settings(layout.settings(claim.cell), config)
        output = layout.said(claim.cell, claim.attempt)
        task = Task(
            layout.folder.resolve(), claim.cell, claim.attempt, claim.token, output.resolve(), needs, self._rules.store
        )
        attempt = self._mine[claim.cell] = _Attempt(task, held)
        return attempt

    # -- ends -----------------------------------------------------------------------------------------------

    def _end(self, end: TaskEnd) -> None:
        """Write down what became of a task, and let go of its claim."""
        name, number = end.task.cell, end.task.attempt
        attempt = self._mine.pop(name)
        outcome = self._outcome(end)
        if outcome is None or attempt.held.is_lost:
            self._later[name] = time.monotonic() + TICK
            return
        events: list[Event] = []
        is_end = isinstance(outcome, AttemptEnded)
        seconds = max(0.0, time.time() - self._log.state().cells[name].began)
        self._note(_event(name, number, outcome) if is_end else self._failed(name, number, outcome, seconds), events)
        self._append(events)
        attempt.held.release()

    def _outcome(self, end: TaskEnd) -> AttemptOutcome | None:
        """Return what a worker said, or what can be said for it; None where the cell was somebody else's."""
        layout, name, number = self._log.layout, end.task.cell, end.task.attempt
        if (outcome := read_outcome(layout.outcome(name, number))) is not None:
            return outcome
        if (ended := self._ended(name)) is not None:
            return ended
        if end.lost:
            return AttemptFailed(end.lost, end.detail, "", end.peak_bytes)
        if end.detail == f"exit code {TAKEN}":
            return None
        if end.detail == f"exit code {UNSAID}":
            return AttemptFailed("disk", "its worker could not write how it ended", "", end.peak_bytes)
        said = _last_line(layout.said(name, number).read_bytes()) if layout.said(name, number).exists() else ""
        return AttemptFailed("bug", f"its worker ended without a message ({end.detail}){said}", "", end.peak_bytes)

    def _failed(self, name: str, number: int, outcome: AttemptFailed, seconds: float) -> CellFailed:
        """Return how a failure is written down; decides whether the cell is tried again."""
        origin = outcome.origin
        again = self._tries.again(name, origin, self._log.layout.cell(name))
        if origin == "memory" and again:
            again = self._engine.fewer()
        if again:
            self._later[name] = time.monotonic() + self._tries.pause(name, origin)
        traceback = f"{self._log.layout.output.name}/{outcome.traceback}" if outcome.traceback else ""
        return CellFailed(
            cell=name, attempt=number, origin=origin, message=outcome.message, traceback=traceback, again=again,
            peak_bytes=outcome.peak_bytes, seconds=round(seconds, 3),
        )  # fmt: skip

    def _note(self, event: CellEnded | CellFailed, events: list[Event]) -> None:
        """Take in what became of a cell."""
        events.append(event)
        if isinstance(event, CellEnded):
            self._open.pop(event.cell, None)
            self._shortage.ended()
            self._news.append(f"{event.cell}: ended, {event.seconds:.1f} s")
            return
        if not event.again:
            self._open.pop(event.cell, None)
        if event.origin == "budget":
            others = self._open.keys() - {event.cell}
            spent = self._shortage.met(event.cell, holders(self._log.state().cells, others))
            if spent or not self._rules.wait:
                self._stop("budget", event.message)
        elif event.origin not in KILLED:
            self._shortage.ended()
        if event.origin == "interrupted":
            self._news.append(f"{event.cell}: stopped before its end; it resumes with the study")
        else:
            self._news.append(f"{event.cell}: failed ({event.origin}): {event.message.rstrip('.')}{self._then(event)}")

    def _then(self, event: CellFailed) -> str:
        """Return when a cell is tried again, in words; nothing where it is not, or everything stops."""
        if event.origin == "budget":
            return "" if self._why else ". It waits for what other cells give back"
        if not event.again:
            return ""
        pause = self._later.get(event.cell, 0.0) - time.monotonic()
        return f". It is tried again {f'in {pause:.0f} s' if pause >= 1 else 'now'} (attempt {event.attempt + 1})"

    # -- stopping -------------------------------------------------------------------------------------------

    def _stop(self, why: Why, detail: str = "") -> None:
        self._why, self._detail = self._why or why, self._detail or detail

    def _stop_where_due(self) -> None:
        if self._interrupts and self._why != "interrupted":
            self._why, self._detail = "interrupted", ""
            self._engine.stop([attempt.task for attempt in self._mine.values()])
            self._killed_at = time.monotonic() + GRACE_S
        if self._interrupts > 1 or (self._why == "interrupted" and time.monotonic() > self._killed_at):
            self._engine.stop([attempt.task for attempt in self._mine.values()], kill=True)
        stop = self._rules.stop
        if stop.hours is not None and not self._why and self._worked() > stop.hours * 3600:
            self._stop("hours", f"{stop.hours:g} hours are over")
            self._engine.stop([attempt.task for attempt in self._mine.values()])
        cells = self._log.state().cells.values()
        failed = sum(cell.state == "failed" and cell.planned.cell not in self._open for cell in cells)
        if failed > most_failures(stop.failed_share, len(cells)):
            self._stop("failed_share", f"{failed} of {len(cells)} cells failed")

    def _worked(self) -> float:
        """Return for how many seconds cells were carried out, here and elsewhere, and this controller was at work."""
        state, now = self._log.state(), time.time()
        others = [cell for name, cell in state.cells.items() if cell.state == "running" and name not in self._mine]
        until = [(cell.began, self._claims.touched(cell.planned.cell, cell.attempts)) for cell in others]
        return state.worked.seconds_with([(now - (time.monotonic() - self._began), now), *until])

    @contextlib.contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Count Ctrl-C and requests to end, where this is the thread that gets them."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def interrupt(number: int, frame: FrameType | None) -> None:
            self._interrupts += 1

        before = {each: signal.signal(each, interrupt) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    @contextlib.contextmanager
    def _touching(self) -> Iterator[None]:
        """Touch the claims of tasks from a thread of its own: a task may wait long for its worker."""

        def touch() -> None:
            for attempt in list(self._mine.values()):
                with contextlib.suppress(OSError):
                    attempt.held.touch()

        with beats(touch, BEAT, "claims"):
            yield

    # -- saying ---------------------------------------------------------------------------------------------

    def _append(self, events: Sequence[Event]) -> None:
        if events:
            self._log.append(events)

    def _tell(self) -> None:
        self._report(standing(self._log.state(), time.monotonic() - self._began, tuple(self._news)))
        self._news.clear()


@contextlib.contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Turn what the disk refuses into one error: claims, settings and words of workers lie in the study's folder, too."""
    try:
        yield
    except OSError as error:
        raise unwritable(Path(error.filename or folder), error) from error


def _event(name: str, number: int, outcome: AttemptEnded) -> CellEnded:
    return CellEnded(
        cell=name, attempt=number, head=outcome.head, digest=outcome.digest, events=outcome.events,
        seconds=outcome.seconds, peak_bytes=outcome.peak_bytes,
    )  # fmt: skip


def _last_line(said: bytes) -> str:
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return f": {lines[-1][:300]}" if lines else ""
