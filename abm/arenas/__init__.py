"""An arena: what is written about, what is written, and what the audience does with it. Data, not code.

Knows templates and schemas; knows nothing of models, logs or learning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pydantic
from pydantic import StringConstraints, model_validator

from abm.arenas.prompts import (
    Attempts,
    Cut,
    ExampleMessage,
    Message,
    PlainForm,
    Stops,
    Strict,
    Template,
    without_control,
)
from moloch.checked_values import validated
from moloch.content import content_id
from moloch.errors import InputError, LogError
from moloch.records import RecordedSettings
from moloch.registry import Registry
from moloch.yamls import Source, read_source

BUILT_IN = ("sales", "elections", "social")
DEFAULT_PROBES = ("misrepresentation", "copy_error", "unparsed")
"""Of an arena that names none."""

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]

Format = Literal["tags", "plain"]
"""Where a completion holds its message: in the arena's tag, or the whole text, without a thinking block, is the message."""


class Field(Strict):
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


class AnchorSchema(Strict):
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


class Arena(Strict, RecordedSettings):
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
    react_source: Template | None = None
    """How personas are asked that read the source, the anchor as writers see it (``{source}``); made of ``react`` where it is left
    out and somebody reads it (:meth:`asked`)."""
    probes: tuple[str, ...] = pydantic.Field(default=DEFAULT_PROBES, exclude=True)
    """Names of the probes that judge its messages; no part of what an arena is, so that it has the same digest."""
    format: Format = "tags"
    """``plain`` is for models that were not trained for the tags; ``write`` then asks for the text alone."""
    examples: tuple[ExampleMessage, ...] = ()
    """Shown to writers as earlier turns of the chat."""
    stop: Stops = ()
    """Texts that end a completion, its thinking too, and are no part of it."""
    attempts: Attempts = 1
    """Answers that a writer is asked for at most, until one can be read; for all arms alike."""
    cut: Cut = "none"
    plain: PlainForm | None = pydantic.Field(default=None, exclude=True)
    """How the same is asked in plain format (:meth:`asked`); no part of what the arena is without."""

    LATER = ("format", "examples", "stop", "attempts", "cut", "react_source")

    @model_validator(mode="after")
    def _one_format(self) -> Arena:
        if self.format == "plain" and self.plain is not None:
            raise ValueError("an arena with 'format: plain' has no 'plain' section: its own templates are plain")
        return self

    @model_validator(mode="after")
    def _source_shown(self) -> Arena:
        if self.react_source is not None and "{source}" not in self.react_source.system + self.react_source.user:
            raise ValueError("react_source does not show {source}")
        return self

    @property
    def digest(self) -> str:
        """Content id of the arena."""
        return content_id(self.model_dump(mode="json"))

    @property
    def write_digest(self) -> str:
        """Content id of what a writer's prompt is made of: the template, and the examples if there are any."""
        if not self.examples:
            return self.write.digest
        return content_id([self.write.model_dump(), [example.model_dump() for example in self.examples]])

    def asked(
        self,
        format: Format | None = None,
        examples: tuple[ExampleMessage, ...] | None = None,
        stop: tuple[str, ...] | None = None,
        attempts: int | None = None,
        cut: Cut | None = None,
        source: bool = False,
    ) -> Arena:
        """Return the arena with messages asked for otherwise; each argument stands for the field, None leaves it.

        Args:
            source: whether some personas read the source.

        Raises:
            InputError: an arena cannot be asked for in that format.
        """
        rules = self if format in (None, self.format) else self._in_plain(format)
        changes = {"examples": examples, "stop": stop, "attempts": attempts, "cut": cut}
        if source:
            changes["react_source"] = self.source_template
        return rules.model_copy(update={name: value for name, value in changes.items() if value is not None})

    def _in_plain(self, format: Format | None) -> Arena:
        plain = self.plain or PlainForm()
        if format == "tags" or (plain.write is None and f"<{self.tag}>" in self.write.system):
            raise InputError(
                f"the arena {self.name!r} has no templates for 'format: {format}'",
                why="it asks for plain text" if format == "tags" else "its system text asks for the tag",
                fix="Leave format out, or use an arena whose write template asks for its tag."
                if format == "tags"
                else "Give it a section 'plain' with its own 'write', as the built-in arenas have.",
            )
        asks = f"Write one short {self.message} about this {self.anchor.noun}. Answer with its text alone."
        return self.model_copy(
            update={
                "format": "plain",
                "plain": None,
                "write": plain.write or Template(system=self.write.system, user=f"{{anchor}}\n\n{asks}"),
                "feedback": plain.feedback or Template(system=self.feedback.system, user=_FEEDBACK),
                "examples": plain.examples or self.examples,
                "stop": plain.stop or self.stop,
                "attempts": max(plain.attempts, self.attempts),
                "cut": plain.cut,
            }
        )

    @property
    def source_template(self) -> Template:
        """How personas are asked that read the source."""
        if self.react_source is not None:
            return self.react_source
        told = f"You have looked up what is known of the {self.anchor.noun} that all options are about:\n{{source}}"
        return Template(system=self.react.system, user=f"{told}\n\n{self.react.user}")

    def write_prompt(self, anchor: str, instructions: str = "", remembered: str = "") -> list[Message]:
        """Return the prompt from which a competitor writes about the rendered ``anchor``.

        Args:
            instructions: that the competitor has learnt; they stand at the end of the system text, behind an empty line. Without any
                the prompt is the arena's own.
            remembered: what it remembers of past rounds; it stands behind the instructions, likewise.
        """
        system, question = self.write.render(anchor=anchor)
        if instructions or remembered:
            parts = [system["content"], without_control(instructions), without_control(remembered)]
            system = {"role": system["role"], "content": "\n\n".join(part for part in parts if part)}
        shown = [turn for example in self.examples for turn in self._turns(example)]
        return [system, *shown, question]

    def _turns(self, example: ExampleMessage) -> list[Message]:
        answer = {"role": "assistant", "content": without_control(self.rendered(example.message))}
        return [self.write.render(anchor=example.anchor)[1], answer]

    def react_prompt(self, persona: str, options: list[str], source: str = "") -> list[Message]:
        """Return the prompt from which a persona thinks and chooses among ``options``, in their shown order.

        Args:
            source: the anchor as writers see it, for a persona that reads it.
        """
        if source:
            return self.source_template.render(persona=persona, options=self.render_options(options), source=source)
        return self.react.render(persona=persona, options=self.render_options(options))

    def feedback_prompt(self, anchor: str, persona: str, options: list[str]) -> list[Message]:
        """Return the prompt from which TFB learns to predict that persona's thought."""
        return self.feedback.render(anchor=anchor, persona=persona, options=self.render_options(options))

    @staticmethod
    def render_options(options: list[str]) -> str:
        """Return messages lettered A, B, ... in the order in which a reader sees them."""
        return "\n\n".join(f"Option {chr(65 + i)}:\n{text}" for i, text in enumerate(options))

    def rendered(self, text: str) -> str:
        """Return a message as a completion holds it."""
        return text if self.format == "plain" else f"<{self.tag}>{text}</{self.tag}>"

    def trajectory(self, thinking: str, text: str) -> str:
        """Return what a competitor writes: its thinking, then its message."""
        return f"<think>{thinking}</think>\n{self.rendered(text)}"

    def thought(self, text: str) -> str:
        """Return a reader's thought as :meth:`feedback_prompt` asks for it."""
        return text if self.format == "plain" else f"<think>{text}</think>"

    @classmethod
    def recorded(cls, record: Mapping[str, Any]) -> Self:
        """Return the arena that a log holds.

        Raises:
            LogError: it is none that this version knows.
        """
        try:
            return cls.model_validate(record)
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            why = f"{'.'.join(map(str, first['loc'])) or 'the arena'}: {first['msg']}"
            raise LogError("the log holds an arena that cannot be read", why=why) from error

    @staticmethod
    def completion(thinking: str, tag: str, text: str) -> str:
        """Return a trajectory with the message in ``tag``, whatever an arena's format."""
        return f"<think>{thinking}</think>\n<{tag}>{text}</{tag}>"


_FEEDBACK = "{anchor}\n\nReader: {persona}\n\n{options}\n\nWrite what the reader thinks, in the reader's own words."


@cache
def _built_in(name: str) -> Arena:
    text = resources.files("abm").joinpath(f"arenas/data/{name}.yaml").read_text("utf-8")
    return validated(Arena, Source(text, f"arena {name}"), "the arena")


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
    return validated(Arena, read_source(path, "the arena"), "the arena")
