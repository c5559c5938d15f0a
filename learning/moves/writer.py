"""The backend of a moves model: it draws moves and writes them down. It writes messages; it reads, judges and reflects on nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from abm.llm.backends import Opening
from abm.llm.port import Reply, Request
from learning.moves.adapter import read_delta
from learning.moves.law import LAWS, Law, Numbers, probabilities
from learning.moves.repertoire import MOVES, AskedMessage, assignment, written
from moloch import keyed
from moloch.errors import InputError

_IDS = np.arange(len(MOVES))
_BACKEND = "the moves model only writes messages"


def law_of(model: str) -> Law:
    """Return the law of a model.

    Raises:
        InputError: it is no moves model.
    """
    if model not in LAWS:
        raise InputError(
            f"no moves model {model!r}",
            where="model",
            why="serving.llm is moves, which has laws instead of weights",
            fix=f"Set model to one of {', '.join(LAWS)}, or serve {model!r} by another backend.",
        )
    return LAWS[model]


class MovesLLM:
    """An :class:`~abm.llm.port.LLM` whose answer follows from the request alone.

    Raises:
        InputError: the model is none of :data:`~learning.moves.law.LAWS`, or a setting in ``serving.options`` or ``precision`` was given.
    """

    unit: Literal["batch", "call"] = "batch"

    def __init__(self, opening: Opening) -> None:
        self._law = law_of(opening.model)
        if opening.serving.options:
            raise InputError(
                f"the moves model has no option {next(iter(opening.serving.options))!r}",
                where="serving.options",
                fix="Leave serving.options out.",
            )
        self.name, self.digest = self._law.name, self._law.digest
        self._adapters = opening.adapters
        self._learnt: dict[str, Numbers] = {}

    def place(self) -> dict[str, str]:
        """Say that it computes in this process."""
        return {"backend": "moves", "device": "cpu", "precision": "float64"}

    def complete(self, requests: Sequence[Request]) -> Iterator[Reply]:
        """Yield one reply per request, in order.

        Raises:
            InputError: something else is asked than a message, or sampling that a moves model does not have.
        """
        asked = [self._asked(request) for request in requests]
        draws = keyed.uniforms_by(
            np.tile(_IDS, len(requests)),
            np.repeat(np.arange(len(requests)), len(MOVES)),
            [("moves", request.seed) for request in requests],
        ).reshape(len(requests), len(MOVES))
        for request, about, uniforms in zip(requests, asked, draws, strict=True):
            logits = self._law.logits(about.anchor, self._delta(request.adapter))
            made = uniforms < probabilities(logits, request.sampling.temperature)
            yield _reply(request, written(about, made))

    def _asked(self, request: Request) -> AskedMessage:
        role = request.site.partition("/")[0]
        if request.guide or role in ("react", "read", "remember", "reflect", "judge", "survey", "task"):
            raise InputError(
                _BACKEND,
                where=request.site,
                why="it is asked for something that takes a language model",
                fix="Let a choice model vote (audience: default), set reader.model, or leave surveys, judges, tasks and prompt "
                "learners out.",
            )
        if request.sampling.top_p < 1:
            raise InputError(
                _BACKEND,
                where="sampling.top_p",
                why=f"a move has no tail to cut off, but top_p is {request.sampling.top_p:g}",
                fix="Set sampling.top_p to 1.",
            )
        return assignment(request.messages[-1]["content"])

    def _delta(self, adapter: str) -> Numbers | float:
        if not adapter:
            return 0.0
        if adapter not in self._learnt:
            if self._adapters is None:
                raise InputError(f"no folder of adapters for {adapter}", fix="Give the backend `adapters=`.")
            self._learnt[adapter] = read_delta(self._adapters, adapter, self.digest)
        return self._learnt[adapter]


def _reply(request: Request, text: str) -> Reply:
    """Return the reply, cut at the bound of its request; tokens are words."""
    words = text.split(" ")
    bound = request.sampling.max_tokens
    ended = len(words) < bound
    read = sum(len(message["content"].split()) for message in request.messages)
    return Reply(
        request.site,
        text if ended else " ".join(words[:bound]),
        "stop" if ended else "length",
        read,
        min(len(words), bound),
    )
