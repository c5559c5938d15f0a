"""Logs beside a run's own: answers given after it, and conversations. Hash-chained as every log; the run's never changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from abm.events import Event, LLMReplied, QuestionAnswered, SurveyClosed, SurveyOpened
from abm.journal import LiveJournal
from abm.llm.port import LLM, Request
from abm.log import EventLog, SideLog
from moloch.errors import InputError, Locked, LogError


class BesideLog(SideLog):
    """The log of one kind beside a run, which answers go into as they come.

    Args:
        folder: of the log; made when something is first kept.
        kind: what it holds, as ``run.json`` says it.
    """

    def __init__(self, folder: Path, kind: str) -> None:
        super().__init__(folder, kind, fix="Give another --log.")

    @contextmanager
    def writing(self) -> Iterator[LiveJournal]:
        """Yield a journal over it whose events so far are folded.

        Raises:
            InputError: the folder holds something else.
            Locked: another process writes it.
            LogError: it cannot be written.
        """
        with self.opened() as log:
            journal = LiveJournal(log)
            while (event := journal.logged(Event)) is not None:
                journal.emit(event)
            yield journal

    def opened(self) -> EventLog:
        """Open it as :meth:`SideLog.opened` does; where the folder cannot be written, say what to do."""
        there = self.exists
        try:
            return super().opened()
        except Locked:
            raise
        except (InputError, LogError) as error:
            if there and not isinstance(error.__cause__, OSError):
                raise
            raise InputError(
                "answers cannot be kept there",
                where=str(self.folder),
                why=error.why or error.what,
                fix="Give a folder that can be written: --log FOLDER. Nothing was asked.",
            ) from error


class BesideKeeper:
    """What keeps the events of a sitting in a log that may hold some of them; each is kept once."""

    def __init__(self, journal: LiveJournal, held: Sequence[Event]) -> None:
        self._journal = journal
        self._held = {key: event.seq for event in held if (key := _key(event))}

    def emit(self, event: Event) -> int:
        """Keep an event, unless it is held; return its ``seq``."""
        key = _key(event)
        if (seq := self._held.get(key)) is None:
            seq = self._held[key] = self._journal.emit(event)
        return seq

    def transaction(self) -> AbstractContextManager[None]:
        """Commit when the block ends."""
        return self._journal.transaction()

    def ask(self, llm: LLM, requests: Sequence[Request], *, step: int, cause: int) -> list[LLMReplied]:
        """Return one answer per request; one that the log holds is not asked for."""
        return self._journal.ask(llm, requests, step=step, cause=cause)


def _key(event: Event) -> tuple[str, ...]:
    match event:
        case SurveyOpened() | SurveyClosed():
            return type(event).__name__, event.survey
        case QuestionAnswered():
            return event.survey, str(event.persona), event.question
        case _:
            return ()
