"""How the members of a run react: the audience of each part of its plan, and the events that say who and what they are.

Knows settings, inputs and models; knows nothing of contests and of what votes mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from abm.arenas import Arena
from abm.audience import AskedAudience, Audience, ChoiceModel, Mixed, SourceReaders, as_mapping, features_digest
from abm.events import AudienceSet, EvaluationAudienceSet, Event, ReaderJoined
from abm.llm.port import LLM, Sampling
from abm.probe import PROBES
from learning.plan.parts import Evaluate, Simulate
from learning.runs.inputs import Inputs
from learning.settings.config import RunConfig


class RunAudiences:
    """The audiences of a run.

    Args:
        config: its settings; ``inputs``: what was read for it.
        reader: the model that plays the personas, where the run's audience is ``llm``.
        voting: evaluation audience -> the model that plays the personas there, of those that are no choice models.
    """

    def __init__(self, config: RunConfig, inputs: Inputs, reader: LLM, voting: Mapping[str, LLM]) -> None:
        self._config, self._inputs, self._reader, self._voting = config, inputs, reader, voting
        self.own = self._whole(inputs.audience or self._asked(reader))
        self._others = {name: self._other(name, given) for name, given in inputs.evaluation_audiences.items()}

    @property
    def models(self) -> list[LLM]:
        """The models that may be asked, each once."""
        return list({id(llm): llm for llm in (self._reader, *self._voting.values())}.values())

    def of(self, audience: str) -> Audience:
        """Return an evaluation audience by its name; empty: the run's own."""
        return self._others[audience] if audience else self.own

    def in_arena(self, arena: Arena) -> Audience:
        """Return the run's own audience as it is asked in another arena."""
        given = self._inputs.audience
        return self.own if given is not None else self._whole(self._asked(self._reader, arena))

    def source_readers(self, part: Simulate | Evaluate) -> SourceReaders | None:
        """Return who reads the source in a part; None where nobody does."""
        settings = self._config.source_readers
        share = settings.train if isinstance(part, Simulate) else settings.evaluate
        of_its_own = (
            part.source_readers
            if isinstance(part, Simulate)
            else self._config.evaluation_audiences[part.audience].source_readers
            if part.audience
            else None
        )
        share = share if of_its_own is None else of_its_own
        return SourceReaders(share, PROBES.get(settings.probe)()) if share else None

    def declaration(self) -> list[Event]:
        """Return who plays the personas, the choice models of those who are not played, and who else votes."""
        given, reader = self._inputs.audience, self._reader
        if isinstance(given, ChoiceModel):
            personas: Event = self._set("personas", given)
        elif given is not None:
            personas = ReaderJoined(model=self._config.audience, model_digest="")
        else:
            personas = ReaderJoined(model=reader.name, model_digest=reader.digest)
        crowd = [self._set("crowd", self._inputs.crowd)] if self._config.crowd.size else []
        return [personas, *crowd, *(self._said(name) for name in self._others)]

    def _said(self, name: str) -> EvaluationAudienceSet:
        given = self._inputs.evaluation_audiences[name]
        if name in self._voting:
            model = self._voting[name]
            return EvaluationAudienceSet(audience=name, reader=model.name, reader_digest=model.digest)
        if isinstance(given, ChoiceModel):
            mapping = self._mapping(given)
            return EvaluationAudienceSet(audience=name, choice_model=mapping, features=features_digest())
        return EvaluationAudienceSet(audience=name)

    def _other(self, name: str, given: Audience | None) -> Audience:
        """Return an evaluation audience: a choice model is everybody's, a language model plays the personas inside the run's crowd."""
        return given if given is not None else self._whole(self._asked(self._voting[name]))

    def _whole(self, personas: Audience) -> Audience:
        """Return an audience of the personas with the run's crowd around them."""
        if not self._config.crowd.size:
            return personas
        core = [voters.ids[: len(self._inputs.split(split))] for split, voters in self._inputs.voters.items()]
        return Mixed(personas, self._inputs.crowd, np.concatenate(core))

    def _asked(self, llm: LLM, arena: Arena | None = None) -> AskedAudience:
        settings = self._config.reader
        personas = {
            int(index): (persona.id, persona.text)
            for split, voters in self._inputs.voters.items()
            for index, persona in zip(voters.ids, self._inputs.split(split), strict=False)
        }
        return AskedAudience(
            llm,
            arena or self._inputs.arena,
            personas,
            Sampling(settings.temperature, settings.top_p, settings.max_tokens),
            self._config.seed,
            settings.answer,
            settings.retries,
        )

    def _set(self, part: Literal["personas", "crowd"], model: ChoiceModel) -> AudienceSet:
        return AudienceSet(part=part, choice_model=self._mapping(model), features=features_digest())

    def _mapping(self, model: ChoiceModel) -> dict[str, Any]:
        """Return how a choice model chooses, without what it makes of sources where nobody reads any."""
        return as_mapping(model if self._config.source_shares else replace(model, unsupported=None))
