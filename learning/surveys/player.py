"""Which model answers for a run's personas: the one that plays them in the run, or one that the user names."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from abm.llm.backends import Backends, Serving
from abm.llm.budget import Price
from abm.llm.folders import model_folder
from abm.llm.port import LLM
from learning.surveys.surveyed import SurveyedRun
from moloch.errors import InputError


class WhoAnswers(NamedTuple):
    """A model that answers; opened only when it has to be asked.

    Attributes:
        served: whether a server is asked; else it computes in this process.
        price: of its tokens, where it is known.
        computing: how a model of this process computes: as the run's do; see :func:`learning.runs.parts.computing`.
    """

    name: str
    served: bool
    price: Price | None
    computing: dict[str, Any]

    def digest(self, backends: Backends) -> str:
        """Return what names its weights; a model in this process is not loaded for it."""
        if self.served:
            return backends.llm(self.name).digest
        from abm.llm.weights import model_digest

        return model_digest(model_folder(self.name))

    def open(self, backends: Backends) -> LLM:
        """Return the model."""
        return backends.llm(self.name)


def who_answers(run: Path | str, named: str | None, serving: Serving) -> WhoAnswers:
    """Return the model that answers for a run's personas.

    Args:
        named: ``pocket``, a folder, a model's name or ``http://host/v1#NAME``; None: the run's own reader.

    Raises:
        InputError: none is named and no language model plays the personas; or there is no such model.
        LogError: there is no such run, or it cannot be read.
    """
    subject = SurveyedRun.read(run)
    name = named or subject.reader
    if not name:
        raise InputError(
            "nobody answers",
            where=str(run),
            why="a choice model plays this run's personas, and it cannot answer questions",
            fix="Name a model to play them: --reader pocket, a folder, or http://host:8000/v1#NAME. The answers say so.",
        )
    serving.check([name])
    endpoint = serving.endpoint(name)
    price = endpoint.price if endpoint else Price()
    return WhoAnswers(name, endpoint is not None, price, subject.computing)
