"""What a model is asked: templates of chat prompts, and examples shown before the question. Data; knows no arena."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from moloch.content import content_id

Message = dict[str, str]
"""A chat message: ``{"role": "system" | "user" | "assistant", "content": text}``."""

Cut = Literal["none", "sentence"]
"""What becomes of a message that met the bound on tokens: it is read as it is, or cut at its last whole sentence."""
Attempts = Annotated[int, Field(ge=1, le=8)]
Stops = tuple[Annotated[str, StringConstraints(min_length=1)], ...]

_Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class Strict(BaseModel):
    """Data of an arena: frozen, and nothing in it but what is named."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Template(Strict):
    """A chat prompt with ``{placeholders}``."""

    system: str
    user: str

    def render(self, **values: str) -> list[Message]:
        """Return the chat messages; only the placeholders of the template itself are filled."""
        return [
            {"role": "system", "content": _fill(self.system, values)},
            {"role": "user", "content": _fill(self.user, values)},
        ]

    @property
    def digest(self) -> str:
        """Content id of the template."""
        return content_id(self.model_dump())


class ExampleMessage(Strict):
    """An anchor and a message about it, shown to writers as a turn of the chat before they are asked."""

    anchor: _Text
    """The anchor as writers see it: its labels and values, line by line."""
    message: _Text
    """The message about it, without tags."""


class PlainForm(Strict):
    """How an arena asks for messages whose whole text counts; what is left out is made from the arena's words.

    The fields mean what those of :class:`abm.arenas.Arena` do.
    """

    write: Template | None = None
    feedback: Template | None = None
    examples: tuple[ExampleMessage, ...] = ()
    stop: Stops = ()
    attempts: Attempts = 1
    cut: Cut = "sentence"


def _fill(text: str, values: dict[str, str]) -> str:
    return re.sub(
        r"\{(\w+)\}", lambda match: without_control(values[match[1]]) if match[1] in values else match[0], text
    )


_CONTROL = re.compile(
    r"<(?=\|[^<>|\s]{1,40}\|>)|<(?=/?s>)|<(?=(?:bos|eos|pad|unk)>)|<(?=(?:start|end)_of_(?:turn|image)>)|\[(?=/?INST\])",
    re.IGNORECASE,
)


def without_control(text: str) -> str:
    """Return ``text`` with what tokenizers take for control tokens (``<|im_end|>``, ``</s>``, ``[INST]``, ...) broken up.

    An anchor or a message that spells one could otherwise end its turn and speak in another role. A zero-width space
    after its first character is all that changes.
    """
    return _CONTROL.sub(lambda found: found[0] + "\u200b", text)
