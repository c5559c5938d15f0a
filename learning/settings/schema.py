"""The JSON Schema of settings, for editors and for everything that lists them: made of the types, their docstrings and units."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from pydantic.json_schema import GenerateJsonSchema

from abm.llm.http.endpoint import Endpoint
from learning.settings.config import RunConfig
from learning.training.settings import LoraSettings
from moloch.meanings import meanings, plain_text

DIALECT = "https://json-schema.org/draft/2020-12/schema"
LORA, ENDPOINT = {"$ref": "#/$defs/LoraSettings"}, {"$ref": "#/$defs/Endpoint"}


class _Described(GenerateJsonSchema):
    """With what each field means, and without titles, which repeat its name."""

    def model_schema(self, schema: Any) -> dict[str, Any]:
        made = super().model_schema(schema)
        _describe(made, schema["cls"])
        return made


@cache
def settings_schema() -> dict[str, Any]:
    """Return the schema of a file of settings; not to be changed. Each property has a description, and a unit where it has one."""
    schema = RunConfig.model_json_schema(schema_generator=_Described)
    defs = schema["$defs"]
    defs["LoraSettings"] = _lora()
    defs["Endpoint"] = defs.get("Endpoint") or Endpoint.model_json_schema(schema_generator=_Described)
    for within in (schema, defs["ArmSettings"], defs["LearnerSettings"]):
        within["properties"]["lora"] |= LORA
        for word in ("additionalProperties", "type"):
            within["properties"]["lora"].pop(word, None)
    _short_forms(schema)
    return {"$schema": DIALECT, "title": "Settings of a run of Moloch"} | schema


def _lora() -> dict[str, Any]:
    made = msgspec.json.schema(LoraSettings)["$defs"]["LoraSettings"]
    _describe(made, LoraSettings)
    return made


def _describe(made: dict[str, Any], kind: type) -> None:
    made.pop("title", None)
    made["description"] = plain_text((kind.__doc__ or "").partition("\n\n")[0])
    for name, each in made.get("properties", {}).items():
        each.pop("title", None)
        if name in meanings(kind):
            each["description"] = meanings(kind)[name]


def _short_forms(schema: dict[str, Any]) -> None:
    """Allow what validators turn into the long forms: a name in place of settings."""
    name = {"type": "string"}
    audiences = schema["properties"]["evaluation_audiences"]
    audiences["additionalProperties"] = {"anyOf": [audiences["additionalProperties"], name]}
    audiences |= {"anyOf": [{"type": audiences.pop("type")}, {"type": "array", "items": name}]}
    arenas = schema["$defs"]["OutOfDomainConfig"]["properties"]["arenas"]
    arenas["items"] = {"anyOf": [arenas["items"], name]}
    server = schema["$defs"]["Serving"]["properties"]["server"]
    server |= {"properties": schema["$defs"]["Endpoint"]["properties"], "additionalProperties": False}
