"""A free question to the model that plays a run's personas, about what one of them saw. Never written to the run.

What a persona knew is put before the model as the arena's own prompt has it: who it is, and its contests in its own order.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from abm.llm.http.endpoint import is_server
from abm.llm.port import LLM, Request, Sampling, text_tokens
from analysis.passages import passage
from analysis.readings.book import Book
from analysis.ui.data.persona import Person
from analysis.ui.data.story import Encounter
from moloch.texts import whole

REMEMBERED = 3
"""Newest contests that are put before the persona."""
ANSWER_TOKENS = 300
LONGEST = 2_000
"""Characters of a message that are put before it."""


def prompt(person: Person, encounters: Sequence[Encounter], verb: str, question: str) -> list[dict[str, str]]:
    """Return the chat: who the persona is, what it saw last, what it thought and chose, and the question."""
    lines = [f"You are this person, and answer as they would, in a few sentences: {person.text}"]
    for each in encounters[-REMEMBERED:]:
        options = "\n".join(f"Option {seen.letter or i + 1}: {seen.text[:LONGEST]}" for i, seen in enumerate(each.seen))
        thought = f"\nWhat you thought: {each.thought[:LONGEST]}" if each.thought else ""
        lines.append(
            f"You were asked what you would {verb}, about {each.subject}.\n{options}{thought}\nWhat you did: {each.said}."
        )
    return [{"role": "system", "content": "\n\n".join(lines)}, {"role": "user", "content": question}]


class Interviewer:
    """Asks the model that a run's personas are played by; opened when the first question is asked.

    Args:
        llm: where models are served, as ``--llm`` says it.
    """

    def __init__(self, llm: str) -> None:
        self.llm = llm
        self._lock = threading.Lock()
        self._backends: Any = None

    def note(self, book: Book) -> tuple[bool, str]:
        """Return whether personas of this run can be asked, and a sentence about it."""
        if book.config.get("audience") != "llm":
            return (
                False,
                "Only personas that a language model played can be interviewed; this run's readers are a choice model.",
            )
        if not self.llm:
            return False, "Start the pages with --llm to interview personas: moloch ui RUN --llm http://host:8000/v1."
        place = f"at {self.llm}" if is_server(self.llm) else "in this process"
        return True, (
            f"A question is one call of {self._model(book)} {place}, about the last {REMEMBERED} contests; the answer is at "
            f"most {ANSWER_TOKENS} tokens. It is not written to the run, and is not data."
        )

    def ask(self, book: Book, person: Person, encounters: Sequence[Encounter], question: str) -> dict[str, Any]:
        """Return the question, the answer, and what it cost.

        Raises:
            MolochError: the model cannot be reached.
        """
        asked = prompt(person, encounters, str(book.arena.get("verb", "choose")), question)
        reader = book.config.get("reader") or {}
        sampling = Sampling(float(reader.get("temperature", 0.1)), float(reader.get("top_p", 1.0)), ANSWER_TOKENS)
        request = Request(site=f"interview/{person.persona}", messages=asked, sampling=sampling, seed=0)  # pyright: ignore[reportArgumentType]
        with self._lock:  # one question at a time
            reply = next(iter(self._open(self._model(book)).complete([request])))
        read = reply.tokens_in or sum(text_tokens(message["content"]) for message in asked)
        cost = f"{read:,} tokens read, {reply.tokens_out:,} written{self._price(book, read, reply.tokens_out)}"
        text = whole(reply.text).strip() or f"(no answer: {reply.finish})"
        return {"question": question, "answer": passage(text).as_dict(), "cost": cost}

    def _model(self, book: Book) -> str:
        return str((book.config.get("reader") or {}).get("model") or book.config.get("model", ""))

    def _price(self, book: Book, read: int, written: int) -> str:
        endpoint = self._serving().endpoint(self._model(book))
        usd = (read * endpoint.usd_in + written * endpoint.usd_out) / 1e6 if endpoint else 0.0
        return f", ${usd:.5f}" if usd else ""

    def _serving(self) -> Any:
        from abm.llm.backends import Serving

        return Serving(llm=self.llm)

    def _open(self, model: str) -> LLM:
        from abm.llm.backends import Backends

        if self._backends is None:
            self._backends = Backends(self._serving())
        return self._backends.llm(model)
