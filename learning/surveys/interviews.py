"""Conversations with a run's personas after the run, kept in a log of their own that names the run's head.

Each question is one call; what was said before in the same conversation stands before it. The run is read, never changed. The terminal
and the pages ask through this.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from abm.arenas import Message
from abm.arenas.completions import spoken
from abm.events import InterviewAnswered, InterviewOpened, LLMReplied
from abm.llm.port import LLM, Request, Sampling, text_tokens
from abm.surveys import SocietyPlace, persona_turn
from abm.surveys.prompts import TALK, WORDING
from learning.surveys._beside import BesideLog
from learning.surveys.after import ANSWERS, NOWHERE
from learning.surveys.surveyed import SurveyedRun
from moloch import keyed
from moloch.errors import InputError
from moloch.texts import whole

INTERVIEWS = "interviews"
"""The folder of the log of conversations, within the run's folder; and what it holds."""
ANSWER_TOKENS = 300
"""Bound of an answer, where no other is given."""
LONGEST = 2_000
"""Characters of a question."""


class Turn(msgspec.Struct, frozen=True):
    """A question and what the persona answered.

    Attributes:
        answer: in words; empty where ``valid`` is false.
        tokens_in, tokens_out: read and written; the former estimated where the model does not say.
    """

    question: str
    answer: str
    valid: bool
    finish: str
    tokens_in: int
    tokens_out: int


@dataclass
class Interview:
    """One conversation with one persona.

    Args:
        run: whose persona.
        persona: index.
        place: the society that it remembers; :data:`learning.surveys.after.NOWHERE` for none.
        folder: of the log; by default ``interviews`` in the run's.
        answer_tokens: bound of an answer.
    """

    run: SurveyedRun
    persona: int
    place: SocietyPlace
    folder: Path | None = None
    answer_tokens: int = ANSWER_TOKENS
    temperature: float | None = None
    turns: list[Turn] = field(default_factory=list)
    _id: str = ""
    _opened: int = -1
    _before: list[Message] = field(default_factory=list)

    def ask(self, question: str, llm: LLM) -> Turn:
        """Return what the persona answers; question and answer are kept before it is returned.

        Raises:
            InputError: there is no question, it is too long, or it cannot be kept.
            ServiceError, BudgetSpent: the model does not answer.
            Locked: another process keeps a conversation just now.
        """
        question = _checked(question)
        with self._log.writing() as journal:
            if not self._id:
                self._begin()
                with journal.transaction():
                    self._opened = journal.emit(self._opening(llm))
            request = self._request(question)
            [reply] = journal.ask(llm, [request], step=-1, cause=self._opened)
            turn = _turn(question, reply, request)
            with journal.transaction():
                answered = {"answer": turn.answer, "valid": turn.valid, "cause": reply.seq}
                journal.emit(InterviewAnswered(interview=self._id, turn=len(self.turns), question=question, **answered))
        self.turns.append(turn)
        if turn.valid:
            self._before += [{"role": "user", "content": question}, {"role": "assistant", "content": turn.answer}]
        return turn

    @property
    def log(self) -> Path:
        """The folder of the log."""
        return self.folder or self.run.path / INTERVIEWS

    @property
    def _log(self) -> BesideLog:
        return BesideLog(self.log, INTERVIEWS)

    def _begin(self) -> None:
        """Number the conversation, and recall what the persona remembers now."""
        number = sum(isinstance(event, InterviewOpened) for event in self._log.read()) + 1
        beside = list(BesideLog(self.run.path / ANSWERS, ANSWERS).read())
        memories = self.run.memories(self.place, [self.persona], beside)
        [who] = self.run.respondents([self.persona], memories)
        self._before = [persona_turn(who.text, who.remembered, TALK)]
        self._id = f"{number}/{self.persona}"

    def _opening(self, llm: LLM) -> InterviewOpened:
        return InterviewOpened(
            interview=self._id,
            persona=self.persona,
            phase=self.place.phase,
            epoch=self.place.epoch,
            arm=self.place.arm,
            model=llm.name,
            model_digest=llm.digest,
            played=not self.run.played,
            run_id=self.run.id,
            events=self.run.head.seq,
            head=self.run.head.hash,
        )

    def _request(self, question: str) -> Request:
        reader = self.run.reader_settings
        warmth = float(reader.get("temperature", 0.1)) if self.temperature is None else self.temperature
        seed = keyed.seed32(self.run.seed, "interview", self._id, len(self.turns))
        return Request(
            f"interview/{self._id}/{len(self.turns)}",
            [*self._before, {"role": "user", "content": question}],
            Sampling(warmth, float(reader.get("top_p", 1.0)), self.answer_tokens),
            seed,
            template=WORDING,
        )


def _checked(question: str) -> str:
    question = whole(question).strip()
    if not question:
        raise InputError("there is no question")
    if len(question) > LONGEST:
        raise InputError("the question is too long", why=f"{len(question):,} characters, of {LONGEST:,} at most")
    return question


def _turn(question: str, reply: LLMReplied, request: Request) -> Turn:
    answer = spoken(reply.text) if reply.finish in ("stop", "length") else ""
    read = reply.tokens_in or sum(text_tokens(message["content"]) for message in request.messages)
    return Turn(question, answer, bool(answer), reply.finish, read, reply.tokens_out)


def begin_interview(
    run: Path | str,
    who: str | int,
    *,
    epoch: int | None = None,
    arm: str = "",
    before: bool = False,
    folder: Path | None = None,
    answer_tokens: int = ANSWER_TOKENS,
    temperature: float | None = None,
) -> Interview:
    """Return a conversation with a persona, in which nothing was said yet.

    Args:
        who: index, content id or name.
        epoch: of the society that it remembers, and ``arm``: by default the last one in which it lived.
        before: it remembers none.

    Raises:
        InputError: nobody of that name, or no such society.
        LogError: there is no such run, or it cannot be read.
    """
    subject = SurveyedRun.read(run)
    persona = subject.find(str(who))
    if before or not subject.societies:
        place = NOWHERE
    else:
        place = subject.place(subject.split_of(persona), epoch, (arm,) if arm else ())[-1]
    return Interview(subject, persona, place, folder, answer_tokens, temperature)


class Conversation(msgspec.Struct, frozen=True):
    """A conversation as its log has it; ``said`` holds questions, each with its answer."""

    opened: InterviewOpened
    said: list[InterviewAnswered]


def conversations(run: Path | str, folder: Path | None = None) -> list[Conversation]:
    """Return all conversations with a run's personas, in the order in which they began.

    Raises:
        InputError: the folder holds something else.
        LogError: it cannot be read.
    """
    events = list(BesideLog(folder or Path(run) / INTERVIEWS, INTERVIEWS).read())
    kept = {event.interview: Conversation(event, []) for event in _of(events)}
    for event in events:
        if isinstance(event, InterviewAnswered) and event.interview in kept:
            kept[event.interview].said.append(event)
    return list(kept.values())


def _of(events: Iterable[object]) -> Iterable[InterviewOpened]:
    return (event for event in events if isinstance(event, InterviewOpened))
