"""Settings and the records of them: a setting that came later is absent from records, and so from digests, at its default."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar, NamedTuple

from pydantic import BaseModel, SerializerFunctionWrapHandler, model_serializer


class RecordedSettings(BaseModel):
    """A model whose record leaves out what it did not know in the first release, unless that was set."""

    LATER: ClassVar[tuple[str, ...]] = ()
    """Fields that came after the first release."""

    @model_serializer(mode="wrap")
    def _record(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        record = handler(self)
        for name, default in _defaults(type(self)):
            if getattr(self, name) == default:
                record.pop(name, None)
        return record


@cache
def _defaults(model: type[RecordedSettings]) -> tuple[tuple[str, Any], ...]:
    """Return the later fields of a model with their defaults; to ask pydantic for them takes longer than the record."""
    return tuple((name, model.model_fields[name].get_default(call_default_factory=True)) for name in model.LATER)


class InUnit(NamedTuple):
    """In what a setting counts, as metadata of its type; its JSON Schema says so as ``unit``."""

    name: str

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Any) -> dict[str, Any]:
        return handler(core_schema) | {"unit": self.name}
