"""The setting ``rivals`` of a market: ``base``, or a name for an adapter or for another model. Knows the form alone::

rivals: [base, {name: veteran, adapter: runs/first#rft@2}, {name: hosted, model: "http://localhost:8000/v1#llama"}]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    SerializerFunctionWrapHandler,
    Tag,
    model_serializer,
    model_validator,
)

from learning.arms.arm import NAMES, TABLE, Name, mistake
from learning.arms.markets import BASE

EXAMPLE = "{name: veteran, adapter: runs/first#rft}, or {name: hosted, model: ollama:llama3}"
ID_LENGTH = 16


class RivalSettings(BaseModel):
    """A rival with a name of its own. Its record holds what was given, and the id of its adapter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    """The name under which its messages are recorded; no arm has it."""
    model: str | None = None
    """``pocket``, a folder, a served model, or ``URL#NAME``. By default that of the run."""
    adapter: str | None = None
    """``RUN#ARM``: the newest adapter of an arm of another run; ``RUN#ARM@EPOCH``: that of an epoch; or the folder of an
    adapter."""
    id: str | None = None
    """Content id that the adapter must have. By default that of the adapter that is there when the run begins."""

    @model_validator(mode="after")
    def _is_somebody(self) -> RivalSettings:
        if not self.model and not self.adapter:
            raise mistake("a rival with a name has an adapter, or a model", f"For example {EXAMPLE}.")
        if self.id is not None and not self.adapter:
            raise mistake(
                "it is the id of an adapter, and the rival has no adapter",
                "Leave it out, or name the adapter.",
                ("id",),
            )
        if self.id is not None and (len(self.id) != ID_LENGTH or set(self.id) - set("0123456789abcdef")):
            raise mistake("the id of an adapter has 16 digits of 0-9 and a-f", "Copy it from the log.", ("id",))
        return self

    @model_serializer(mode="wrap")
    def _given(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if name in self.model_fields_set}


def _is_base(rival: str) -> str:
    if rival != BASE:
        raise mistake(f"{rival!r} alone does not name a rival", f"It is {BASE}, or has settings: {EXAMPLE}.")
    return rival


def _form(rival: Any) -> str:
    return TABLE if isinstance(rival, Mapping | RivalSettings) else NAMES


RivalGiven = Annotated[
    Annotated[str, AfterValidator(_is_base), Tag(NAMES)] | Annotated[RivalSettings, Tag(TABLE)],
    Discriminator(_form),
]
"""The type of one rival."""


def named_rivals(rivals: tuple[str | RivalSettings, ...]) -> Iterator[tuple[int, RivalSettings]]:
    """Yield the rivals that have a name of their own, each with its place."""
    yield from ((place, each) for place, each in enumerate(rivals) if isinstance(each, RivalSettings))
