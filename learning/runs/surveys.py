"""The questionnaires of a run: put to its personas at the moments that the plan names, as events of its log.

Knows sittings and the run's inputs; knows nothing of training or of what answers mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from abm.events import LLMReplied, QuestionAnswered, SurveyClosed, SurveyOpened, SurveysSet
from abm.journal import Journal
from abm.llm.port import LLM, text_tokens
from abm.surveys import (
    Manner,
    Memories,
    Respondent,
    Sitting,
    SocietyPlace,
    drawn,
    question_turn,
    remembered,
    sitting,
)
from abm.surveys.memory import LONGEST, REMEMBERED, answer_note
from learning.plan.parts import Survey
from learning.runs.inputs import Inputs
from learning.settings.config import RunConfig

SAMPLE = 64
"""Personas whose length is looked at for an estimate."""
KINDS = (SurveyOpened, LLMReplied, QuestionAnswered, SurveyClosed)


class SittingSize(NamedTuple):
    """What one sitting asks of a model: calls, and of each the tokens read, about, and written, at most."""

    calls: int
    tokens_in: float
    tokens_out: float

    @classmethod
    def of(cls, config: RunConfig, inputs: Inputs, part: Survey) -> SittingSize:
        """Return it before anything happened: what will be remembered is taken for as long as messages may be."""
        items = inputs.questionnaires[part.survey].questions
        people = len(asked_at(config, inputs, part))
        memory = REMEMBERED * 2 * min(config.sampling.max_tokens, LONGEST / 4) if part.of else 0
        persona = np.mean([text_tokens(each.text) for split in part.splits for each in inputs.split(split)[:SAMPLE]])
        turns = [text_tokens(question_turn(item, range(len(item.options)))["content"]) + 8 for item in items]
        earlier = sum(turns) * (len(items) - 1) / len(items) / 2 if inputs.questionnaires[part.survey].together else 0.0
        manner = manner_of(config, part)
        written = np.mean([manner.sampling(item).max_tokens for item in items])
        return cls(people * len(items), float(persona) + memory + earlier + sum(turns) / len(turns), float(written))


class RunSurveys:
    """Puts a run's questionnaires to its personas.

    Args:
        llm: who answers for them.

    Attributes:
        remembered: persona index -> what it was asked and answered at the start, of what is to be remembered.
    """

    def __init__(self, config: RunConfig, inputs: Inputs, journal: Journal, llm: LLM) -> None:
        self._config, self._inputs, self._journal, self._llm = config, inputs, journal, llm
        self.remembered: dict[int, str] = {}

    def declaration(self) -> SurveysSet | None:
        """Return the event that says what will be asked, and who answers; None where nothing is asked."""
        digests = [each.digest for each in self._inputs.questionnaires]
        model = self._llm
        return SurveysSet(digests=digests, model=model.name, model_digest=model.digest) if digests else None

    def hold(self, part: Survey) -> None:
        """Hold one sitting; one that a fork shares with its parent is folded as it was."""
        if self._journal.shares_next:
            folded = self._journal.fold_shared(*KINDS)
            answers = [e for e in folded if isinstance(e, QuestionAnswered) and e.survey == part.id]
        else:
            memories = Memories(place_of(part), asked_at(self._config, self._inputs, part))
            held = self.sitting(part, remembered(self._journal.log, memories, part.id))
            answers = held.hold(self._llm, self._journal)
        if part.of is None and self._config.surveys[part.survey].remember:
            self._remember(part, answers)

    def _remember(self, part: Survey, answers: Sequence[QuestionAnswered]) -> None:
        questionnaire = self._inputs.questionnaires[part.survey]
        for answer in answers:
            if note := answer_note(questionnaire, answer):
                before = self.remembered.get(answer.persona)
                self.remembered[answer.persona] = f"{before} {note}" if before else note

    def sitting(self, part: Survey, memories: Memories | None = None) -> Sitting:
        """Return a part's sitting."""
        place, asked = place_of(part), set(asked_at(self._config, self._inputs, part))
        respondents = [
            Respondent(persona, each.id, each.text, memories.text(persona) if memories else "")
            for split in part.splits
            for persona, each in zip(self._inputs.voters[split].ids.tolist(), self._inputs.split(split), strict=False)
            if persona in asked
        ]
        return sitting(
            part.id,
            part.moment,
            self._inputs.questionnaires[part.survey],
            respondents,
            manner_of(self._config, part),
            phase=place.phase,
            epoch=place.epoch,
            arm=place.arm,
            played=self._inputs.audience is not None,
            remember=self._config.surveys[part.survey].remember,
        )


def asked_at(config: RunConfig, inputs: Inputs, part: Survey) -> list[int]:
    """Return the indices of those who are asked; members of a crowd have no biography to answer from."""
    share = config.surveys[part.survey].share
    asked: list[int] = []
    for split in part.splits:
        everybody = inputs.voters[split].ids[: len(inputs.split(split))].tolist()
        asked += everybody if share >= 1 else drawn(everybody, share, config.seed, "survey")
    return asked


def manner_of(config: RunConfig, part: Survey) -> Manner:
    """Return how a part's questions are put."""
    reader = config.reader
    return Manner(config.seed, reader.temperature, reader.top_p, config.surveys[part.survey].answer_tokens)


def place_of(part: Survey) -> SocietyPlace:
    """Return the society that is remembered at a part."""
    return SocietyPlace(*part.of) if part.of else SocietyPlace("", 0, "")
