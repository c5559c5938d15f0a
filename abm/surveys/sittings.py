"""A sitting: one questionnaire put to some personas at one moment, through a journal that keeps every answer.

Who is asked what first, and in which order options stand, are keyed draws: they depend on the seed, the persona and the
questionnaire, not on the moment nor on who else is asked, so that one persona's answers at two moments can be compared. Knows
questions, prompts and answers; knows nothing of where the personas come from, nor of what answers mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from abm.arenas import Message
from abm.arenas.completions import spoken
from abm.audience.port import orders
from abm.columns import Int32s, pack
from abm.events import Event, LLMReplied, QuestionAnswered, SurveyClosed, SurveyOpened
from abm.llm.port import LLM, Request, Sampling
from abm.surveys.prompts import WORDING, letters, persona_turn, question_turn
from abm.surveys.questionnaire import Questionnaire, SurveyItem
from abm.surveys.responses import Response, read_response
from moloch import keyed
from moloch.content import content_id

LETTER_TOKENS = 8
"""Bound of an answer that is one letter."""
TOKENS_A_WORD = 3
"""Of an answer in words, generously."""
TOGETHER: dict[Literal["batch", "call"], int] = {"batch": 256, "call": 4096}
"""Calls asked for at once, by the model's unit: what a kill can cost a model in this process."""


class Respondent(NamedTuple):
    """Somebody who is asked.

    Attributes:
        persona: index.
        id: content id, and ``text``: as prompts render the persona.
        remembered: what it remembers, in words; empty for nothing.
    """

    persona: int
    id: str
    text: str
    remembered: str = ""


class Manner(msgspec.Struct, frozen=True):
    """How questions are put to a model.

    Attributes:
        temperature, top_p: of all answers.
        answer_tokens: bound of every answer, where its kind has a lower one: room for models that think first.
        seed: of the draws.
    """

    seed: int
    temperature: float = 0.1
    top_p: float = 1.0
    answer_tokens: int = 0

    def sampling(self, item: SurveyItem) -> Sampling:
        """Return how a question's answer is drawn."""
        own = TOKENS_A_WORD * item.words + 16 if item.kind == "open" else LETTER_TOKENS
        return Sampling(self.temperature, self.top_p, max(own, self.answer_tokens))


class Keeper(Protocol):
    """What keeps the events of a sitting; a journal is one."""

    def emit(self, event: Event) -> int: ...
    def transaction(self) -> AbstractContextManager[None]: ...
    def ask(self, llm: LLM, requests: Sequence[Request], *, step: int, cause: int) -> list[LLMReplied]: ...


@dataclass
class _Talk:
    """One respondent's questions and answers so far."""

    respondent: Respondent
    items: list[SurveyItem]
    shown: dict[str, list[int]]
    said: list[Message] = field(default_factory=list)


@dataclass(frozen=True)
class Sitting:
    """One questionnaire before some personas.

    Attributes:
        opened: the event with which it begins, but for who is asked and who answers.
        questionnaire: what is asked.
        respondents: who is asked.
        manner: how.
    """

    opened: SurveyOpened
    questionnaire: Questionnaire
    respondents: Sequence[Respondent]
    manner: Manner

    @property
    def calls(self) -> int:
        """Questions to all personas together."""
        return len(self.respondents) * len(self.questionnaire.questions)

    def hold(
        self, llm: LLM, keeper: Keeper, report: Callable[[int], None] = lambda answered: None
    ) -> list[QuestionAnswered]:
        """Ask everybody everything, and return the answers in the order in which they were given.

        Questions of one place are asked of all personas together; where a questionnaire's answers stand before its later
        questions, the next place follows.

        Args:
            report: called with the number of answers that have come.
        """
        with keeper.transaction():
            opened = keeper.emit(msgspec.structs.replace(self.opened, model=llm.name, model_digest=llm.digest))
        answers: list[QuestionAnswered] = []
        talks = self._talks()
        for places in self._rounds:
            asked = [(talk, place) for place in places for talk in talks]
            for start in range(0, len(asked), TOGETHER[llm.unit]):
                some = asked[start : start + TOGETHER[llm.unit]]
                requests = [self._request(talk, place, llm.digest) for talk, place in some]
                replies = keeper.ask(llm, requests, step=-1, cause=opened)
                given = [self._answered(*each, reply) for each, reply in zip(some, replies, strict=True)]
                with keeper.transaction():
                    for event in given:
                        keeper.emit(event)
                answers += given
                report(len(answers))
        with keeper.transaction():
            invalid = sum(not each.valid for each in answers)
            keeper.emit(SurveyClosed(survey=self.opened.survey, asked=len(answers), invalid=invalid, cause=opened))
        return answers

    def first_prompts(self, most: int) -> list[list[Message]]:
        """Return what some of the respondents are asked first, to learn how long prompts are."""
        return [self._prompt(talk, 0) for talk in self._talks()[:most]]

    @property
    def _rounds(self) -> list[range]:
        """The places that are asked at once."""
        n = len(self.questionnaire.questions)
        return [range(i, i + 1) for i in range(n)] if self.questionnaire.together else [range(n)]

    @cached_property
    def _ids(self) -> NDArray[np.int64]:
        return np.array([each.persona for each in self.respondents], dtype=np.int64)

    def _talks(self) -> list[_Talk]:
        """Return everybody with the questions in their own order, and options in theirs."""
        items = self.questionnaire.questions
        key = (self.manner.seed, "survey", self.questionnaire.name)
        asked = self._orders(len(items), self.questionnaire.order, *key, "questions")
        shown = {item.id: self._shown(item, *key, item.id) for item in items}
        return [
            _Talk(who, [items[i] for i in asked[row]], {name: rows[row] for name, rows in shown.items()})
            for row, who in enumerate(self.respondents)
        ]

    def _shown(self, item: SurveyItem, *key: Any) -> list[list[int]]:
        """Return each respondent's order of a question's options."""
        n = len(item.options)
        if item.kind == "open":
            return [[] for _ in self.respondents]
        if item.kind == "likert" and item.order == "random":  # a scale has two directions, and no other order
            high_first = keyed.uniforms(self._ids, *key) < 0.5
            return [list(range(n))[::-1] if turned else list(range(n)) for turned in high_first.tolist()]
        return self._orders(n, item.order, *key)

    def _orders(self, n: int, order: str, *key: Any) -> list[list[int]]:
        if order == "declared":
            return [list(range(n)) for _ in self.respondents]
        return orders(self._ids, n, *key).tolist() if n < 128 else _wide_orders(self._ids, n, *key)

    def _prompt(self, talk: _Talk, place: int) -> list[Message]:
        who, item = talk.respondent, talk.items[place]
        intro = self.questionnaire.intro if not talk.said else ""
        return [persona_turn(who.text, who.remembered), *talk.said, question_turn(item, talk.shown[item.id], intro)]

    def _request(self, talk: _Talk, place: int, model: str) -> Request:
        """Return the call; its site names all that its answer can depend on, so that the same is asked once."""
        who, item = talk.respondent, talk.items[place]
        prompt, sampling = self._prompt(talk, place), self.manner.sampling(item)
        seed = keyed.seed32(self.manner.seed, "survey", self.questionnaire.name, item.id, who.persona)
        what = content_id([model, sampling, seed, prompt])
        return Request(
            f"survey/{self.questionnaire.name}/{item.id}/{who.persona}/{what}",
            prompt,
            sampling,
            seed,
            template=WORDING,
            refs=(who.id, self.questionnaire.digest),
            choices=letters(len(item.options)) if item.options else (),
        )

    def _answered(self, talk: _Talk, place: int, reply: LLMReplied) -> QuestionAnswered:
        item, shown = talk.items[place], talk.shown[talk.items[place].id]
        response = read_response(reply.text, reply.finish, item, shown)
        if self.questionnaire.together and response.valid:
            question = self._prompt(talk, place)[-1]
            talk.said += [question, {"role": "assistant", "content": _repeated(reply.text, response, shown)}]
        return QuestionAnswered(
            survey=self.opened.survey,
            persona=talk.respondent.persona,
            question=item.id,
            place=place,
            shown=shown,
            value=response.value,
            valid=response.valid,
            raw=reply.text,
            why=response.why,
            cause=reply.seq,
        )


def sitting(
    survey: str,
    moment: str,
    questionnaire: Questionnaire,
    respondents: Sequence[Respondent],
    manner: Manner,
    **of: Any,
) -> Sitting:
    """Return the sitting of a questionnaire.

    Args:
        survey: its id, unique within the log.
        moment: as :class:`abm.events.SurveyOpened` has it.
        of: further fields of that event.
    """
    opened = SurveyOpened(
        survey=survey,
        moment=moment,
        questionnaire=questionnaire.model_dump(mode="json"),
        digest=questionnaire.digest,
        personas=pack(np.array([each.persona for each in respondents], dtype=np.int64), Int32s),
        model="",
        model_digest="",
        **of,
    )
    return Sitting(opened, questionnaire, respondents, manner)


def drawn(personas: Sequence[int], share: float, *key: Any) -> list[int]:
    """Return a share of some personas, one at least, drawn at random and in their order.

    Args:
        share: in 0 .. 1, above 0. A larger share holds everybody whom a smaller one does.
        key: of the draw.
    """
    ids = np.array(personas, dtype=np.int64)
    take = max(1, round(share * len(ids)))
    first = np.argsort(keyed.uniforms(ids, *key, "asked"), kind="stable")[:take]
    return ids[np.sort(first)].tolist()


def _repeated(text: str, response: Response, shown: Sequence[int]) -> str:
    """Return an answer as it stands before later questions: the letter alone, or the words."""
    return letters(len(shown))[shown.index(response.value)] if shown else spoken(text)


def _wide_orders(ids: NDArray[np.int64], n: int, *key: Any) -> list[list[int]]:
    draws = np.stack([keyed.uniforms(ids, *key, option) for option in range(n)], axis=1)
    return np.argsort(draws, axis=1, kind="stable").tolist()
