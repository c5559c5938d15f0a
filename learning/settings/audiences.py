"""The setting ``evaluation_audiences``: who else votes on held-out messages, beside the run's own audience. Each has a name::

    evaluation_audiences: [neutral, mine.yaml, http://localhost:8000/v1#llama]     # names follow from what is named
    evaluation_audiences:
      checkers: {audience: default, source_readers: 1.0}
      llama: http://localhost:8000/v1#llama

An audience is that of the setting ``audience``, or a language model by its name, which plays the personas. Knows the form of
settings; knows nothing of how anybody votes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from abm.audience import AUDIENCES
from abm.audience.weights import YAML
from abm.llm.backends import BUILT_IN, Serving
from abm.llm.folders import local_folder
from learning.arms.arm import Name, mistake

LLM_AUDIENCE = "llm"
"""The audience whose personas the reader's model plays."""


class EvaluationAudience(BaseModel):
    """Who votes, too. Its record holds what was given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    audience: str
    """``default``, ``neutral``, a choice model's YAML file, ``llm`` (the reader's model), or a language model by its name."""
    source_readers: float | None = Field(default=None, ge=0, le=1)
    """Share of its members who read the anchor. By default ``source_readers.evaluate``."""

    @model_serializer(mode="wrap")
    def _given(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if name in self.model_fields_set}

    @property
    def asks_model(self) -> bool:
        """Whether a language model plays the personas: anything that is no choice model."""
        return not is_choice_model(self.audience)

    def model(self, reader: str) -> str:
        """Return the model that plays the personas; empty where none does.

        Args:
            reader: the run's, which ``llm`` stands for.
        """
        return "" if not self.asks_model else reader if self.audience == LLM_AUDIENCE else self.audience


def is_choice_model(audience: str) -> bool:
    """Return whether a setting names a registered audience or a choice model's file; all else is a language model."""
    return audience in AUDIENCES or audience.endswith(YAML)


def name_of(audience: str) -> str:
    """Return the name that follows from what is named.

    >>> name_of("http://localhost:8000/v1#Llama-3.1"), name_of("my/Sceptics.yaml"), name_of("ollama:qwen3:8b")
    ('llama_3_1', 'sceptics', 'qwen3_8b')
    """
    text = audience.rpartition("#")[2] if "#" in audience else re.sub(r"^[a-z]+:(?!//)", "", audience)
    text = text.rstrip("/").rpartition("/")[2]
    for suffix in YAML:
        text = text.removesuffix(suffix)
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    return name if name[:1].isalpha() else f"audience_{name}".rstrip("_")


def _named(given: Any) -> Any:
    """Return the long form of what was given."""
    if isinstance(given, Mapping):
        return {name: {"audience": each} if isinstance(each, str) else each for name, each in given.items()}
    if not isinstance(given, list | tuple):
        return given
    named: dict[str, Any] = {}
    for each in given:
        if not isinstance(each, str):
            raise mistake(
                "a list holds the names of audiences", "To give them settings, name them: {NAME: {audience: ...}}."
            )
        if (name := name_of(each)) in named:
            raise mistake(f"two audiences would be called {name!r}", f"Name them: {{first: {each}, second: ...}}.")
        named[name] = {"audience": each}
    return named


def _in_order(audiences: dict[str, EvaluationAudience]) -> dict[str, EvaluationAudience]:
    return dict(sorted(audiences.items()))


EvaluationAudiences = Annotated[dict[Name, EvaluationAudience], BeforeValidator(_named), AfterValidator(_in_order)]
"""The type of the setting: name -> audience, in the order of names."""


def check_audiences(audiences: Mapping[str, EvaluationAudience], serving: Serving, known: Collection[str]) -> None:
    """See that what is no choice model can be a language model.

    Args:
        known: models that the run asks anyway.

    Raises:
        InputError: it is neither, by its name.
    """
    for each in audiences.values():
        name = each.audience
        if (
            not each.asks_model
            or name in (LLM_AUDIENCE, *known)
            or serving.llm not in BUILT_IN
            or serving.endpoint(name) is not None
        ):
            continue
        if "/" not in name and local_folder(name) is None:
            raise AUDIENCES.unknown(name, also="a YAML file's path, llm, or a language model: its folder, or URL#NAME")


def recorded_audiences(recorded: object) -> tuple[str, ...]:
    """Return the names of the audiences of settings as a log holds them, as far as they are what a run records."""
    return tuple(sorted(map(str, recorded))) if isinstance(recorded, Mapping) else ()
