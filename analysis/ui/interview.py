"""Questions on a page to the model that plays a run's personas; kept beside the run as ``moloch interview`` keeps them.

The run's own log is never written to. Questions to one persona are one conversation while the pages run, until a new one is begun.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, NamedTuple

from abm.llm.folders import POCKET
from abm.llm.http.endpoint import is_server
from abm.llm.port import LLM
from abm.surveys.memory import REMEMBERED
from analysis.passages import passage
from analysis.readings.book import Book
from analysis.readings.society import SocietyKey
from learning.surveys import INTERVIEW_TOKENS, INTERVIEWS, Interview, Turn, begin_interview
from moloch.errors import InputError

KEPT = 64
"""Conversations that can be continued."""


class InterviewNote(NamedTuple):
    """Whether a run's personas can be asked, a sentence about it, and the command that lets them be asked; empty for none."""

    ready: bool
    text: str
    command: str = ""


class Interviewer:
    """Asks the model that a run's personas are played by; opened when the first question is asked.

    Args:
        llm: where models are served, as ``--llm`` says it.
    """

    def __init__(self, llm: str) -> None:
        self.llm = llm
        self._lock = threading.Lock()
        self._backends: Any = None
        self._how: dict[str, Any] = {}
        self._talks: dict[tuple[str, Path, int, SocietyKey], Interview] = {}

    def note(self, book: Book, run: str = "RUN", persona: str = "PERSONA") -> InterviewNote:
        """Return whether personas of this run can be asked.

        Args:
            run, persona: what a command calls them.
        """
        if book.config.get("audience") != "llm":
            return InterviewNote(
                False,
                "Only personas that a language model played can be interviewed here; this run's readers are a choice model. "
                "A model of your choice plays this one in the terminal:",
                f"moloch interview {run} {persona} --reader MODEL",
            )
        if not self.llm:
            here = self._model(book) == POCKET
            return InterviewNote(
                False,
                f"{self._model(book)} played this run's personas. To ask them, end moloch ui, and start it again with "
                f"{'that model' if here else 'the address of a server of that model'}:",
                f"moloch ui {run} --llm {'transformers' if here else 'http://HOST:8000/v1'}",
            )
        place = f"at {self.llm}" if is_server(self.llm) else "in this process"
        return InterviewNote(
            True,
            f"A question is one call of {self._model(book)} {place}, about the last {REMEMBERED} contests and what was said here "
            f"before; the answer is at most {INTERVIEW_TOKENS} tokens. Question and answer are kept in {INTERVIEWS}/ beside the "
            "run's log, which does not change.",
        )

    def ask(
        self, run: Path, book: Book, persona: int, key: SocietyKey, question: str, conversation: str = ""
    ) -> dict[str, Any]:
        """Return the question, the answer, and what it cost.

        Args:
            key: the society that the persona remembers.
            conversation: what was asked before under this name stands before the question.

        Raises:
            MolochError: the model cannot be reached, or the answer cannot be kept.
        """
        with self._lock:  # one question at a time
            talk = self._talk(conversation, run, persona, key)
            turn = talk.ask(question, self._open(book))
        return self._shown(book, turn)

    def begin_anew(self, run: Path, persona: int, key: SocietyKey, conversation: str = "") -> None:
        """Let the next question to a persona begin a conversation."""
        with self._lock:
            self._talks.pop((conversation, run, persona, key), None)

    def going_on(self, run: Path, persona: int, key: SocietyKey, conversation: str = "") -> str:
        """Return the id of the conversation that the next question continues; empty where it begins one."""
        talk = self._talks.get((conversation, run, persona, key))
        return talk.id if talk is not None else ""

    def _talk(self, conversation: str, run: Path, persona: int, key: SocietyKey) -> Interview:
        name = (conversation, run, persona, key)
        if name not in self._talks:
            try:
                self._talks[name] = begin_interview(run, persona, epoch=key.epoch, arm=key.arm)
            except InputError:  # a society that holds its first contests: nothing of it is remembered yet
                self._talks[name] = begin_interview(run, persona, before=True)
            for old in list(self._talks)[:-KEPT]:
                del self._talks[old]
        return self._talks[name]

    def _shown(self, book: Book, turn: Turn) -> dict[str, Any]:
        cost = f"{turn.tokens_in:,} tokens read, {turn.tokens_out:,} written{self._price(book, turn)}"
        text = turn.answer if turn.valid else f"(no answer: {turn.finish})"
        return {"question": turn.question, "answer": passage(text).as_dict(), "cost": cost}

    def _model(self, book: Book) -> str:
        return str((book.config.get("reader") or {}).get("model") or book.config.get("model", ""))

    def _price(self, book: Book, turn: Turn) -> str:
        endpoint = self._serving().endpoint(self._model(book))
        price = endpoint.price if endpoint else None
        usd = price.of(turn.tokens_in, turn.tokens_out) if price else 0.0
        return f", ${usd:.5f}" if usd else ""

    def _serving(self) -> Any:
        from abm.llm.backends import Serving

        return Serving(llm=self.llm)

    def _open(self, book: Book) -> LLM:
        """Return the model, which computes as it does in the run; one run's models are open at a time."""
        from abm.llm.backends import Backends
        from learning.runs.parts import computing

        how = computing(book.config)
        if self._backends is None or self._how != how:
            if self._backends is not None:
                self._backends.close()
            self._backends, self._how = Backends(self._serving(), **how), how
        return self._backends.llm(self._model(book))
