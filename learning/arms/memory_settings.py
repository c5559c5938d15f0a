"""The setting ``memory`` of an arm: how much of its past rounds stands in its prompts while it learns::

    arms: {learner: {method: rft, memory: {rounds: 3}}}

Knows the form of settings and of records; what is remembered says :mod:`learning.runs.rounds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from moloch.records import InUnit

MOST_ROUNDS, TOKENS = 64, 600


class RoundMemory(NamedTuple):
    """What an arm remembers: of so many rounds, in so many tokens at most (estimated at four bytes each)."""

    rounds: int
    tokens: int = TOKENS


class MemorySettings(BaseModel):
    """Past rounds in a writer's prompt. Its record holds what was given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rounds: Annotated[int, InUnit("contests")] = Field(ge=1, le=MOST_ROUNDS)
    """How many of the last contests in which the arm wrote stand in its prompts while it learns."""
    tokens: Annotated[int, InUnit("tokens")] = Field(TOKENS, ge=32, le=100_000)
    """Room for them; older contests are left out whole."""

    @model_serializer(mode="wrap")
    def _given(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if name in self.model_fields_set}


def memory_of(given: object) -> RoundMemory | None:
    """Return the memory of recorded settings; None where there is none, or they are not those of one."""
    if not isinstance(given, Mapping):
        return None
    rounds, tokens = given.get("rounds"), given.get("tokens", TOKENS)
    if type(rounds) is not int or type(tokens) is not int or not 0 < rounds <= MOST_ROUNDS:
        return None
    return RoundMemory(rounds, tokens)
