"""An arena: what is written about, what is written, and what the audience does with it. Data, not code.

Knows templates and schemas; knows nothing of models, logs or learning.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import Annotated

import pydantic
from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

from moloch.content import content_id
from moloch.registry import Registry
from moloch.yamls import Source, read_source

Message = dict[str, str]
"""A chat message: ``{"role": "system" | "user" | "assistant", "content": text}``."""

BUILT_IN = ("sales", "elections", "social")
DEFAULT_PROBES = ("misrepresentation", "copy_error", "unparsed")
"""Of an arena that names none."""

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Field(_Strict):
    """One column of the anchors' file."""

    name: _Name
    column: str = ""
    """The column's name in files of others; ``name`` is always accepted too."""
    label: str
    subject: bool = False
    """Whether this is the name that a message must mention to be about the anchor."""
    shown: bool = True
    """Whether writers see the field."""
    required: bool = True
    list: bool = False


class AnchorSchema(_Strict):
    noun: str
    fields: tuple[Field, ...]

    @model_validator(mode="after")
    def _check(self) -> AnchorSchema:
        names = [field.name for field in self.fields]
        if len(set(names)) < len(names):
            raise ValueError("two fields have the same name")
        if not any(field.shown for field in self.fields):
            raise ValueError("no field is shown to the writer")
        return self


class Template(_Strict):
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


class Arena(_Strict):
    """The nouns, templates and schema of one kind of contest."""

    name: _Name
    anchor: AnchorSchema
    writer: str
    message: str
    tag: _Name
    verb: str
    write: Template
    react: Template
    feedback: Template
    probes: tuple[str, ...] = pydantic.Field(default=DEFAULT_PROBES, exclude=True)
    """Names of the probes that judge its messages; no part of what an arena is, so that it has the same digest."""

    @property
    def digest(self) -> str:
        """Content id of the arena."""
        return content_id(self.model_dump(mode="json"))

    def write_prompt(self, anchor: str) -> list[Message]:
        """Return the prompt from which a competitor writes about the rendered ``anchor``."""
        return self.write.render(anchor=anchor)

    def react_prompt(self, persona: str, options: list[str]) -> list[Message]:
        """Return the prompt from which a persona thinks and chooses among ``options``, in their shown order."""
        return self.react.render(persona=persona, options=self.render_options(options))

    def feedback_prompt(self, anchor: str, persona: str, options: list[str]) -> list[Message]:
        """Return the prompt from which TFB learns to predict that persona's thought."""
        return self.feedback.render(anchor=anchor, persona=persona, options=self.render_options(options))

    @staticmethod
    def render_options(options: list[str]) -> str:
        """Return messages lettered A, B, ... in the order in which a reader sees them."""
        return "\n\n".join(f"Option {chr(65 + i)}:\n{text}" for i, text in enumerate(options))

    @staticmethod
    def completion(thinking: str, tag: str, text: str) -> str:
        """Return the trajectory of a competitor: its thinking, then its message in the arena's tag."""
        return f"<think>{thinking}</think>\n<{tag}>{text}</{tag}>"


@cache
def _built_in(name: str) -> Arena:
    text = resources.files("abm").joinpath(f"arenas/data/{name}.yaml").read_text("utf-8")
    return Source(text, f"arena {name}").validated(Arena, "the arena")


ARENAS: Registry[Callable[[], Arena]] = Registry("arena", {name: partial(_built_in, name) for name in BUILT_IN})
"""Name -> what returns the arena; any other arena is read from the path of its YAML file."""


def arena(name: str) -> Arena:
    """Return a registered arena by name, or read one from the path of a YAML file.

    Raises:
        InputError: no such arena, or a file that is not one.
    """
    if name in ARENAS:
        return ARENAS.get(name)()
    path = Path(name)
    if path.suffix not in {".yaml", ".yml"}:
        raise ARENAS.unknown(name, also="or the path of a YAML file")
    return read_source(path, "the arena").validated(Arena, "the arena")
