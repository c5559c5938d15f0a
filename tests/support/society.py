"""A scripted model that plays personas: it fills in the form that its request brings, by its seed or by a rule of the test."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from abm.llm import Request

Pick = Callable[[Request, str, list[str]], str]
"""Request, field and its possibilities (none for a free text) -> what is filled in."""


def by_seed(request: Request, field: str, options: list[str]) -> str:
    """Fill in what the request's seed draws."""
    random = Random(f"{request.seed}/{field}")
    return random.choice(options) if options else f"I say {random.randint(1, 99)}."


def filled(request: Request, pick: Pick = by_seed) -> str:
    """Return a valid answer to a request that brings a schema."""
    return json.dumps(_value(request, json.loads(request.schema), "", pick))


def _value(request: Request, schema: dict[str, Any], field: str, pick: Pick) -> Any:
    if "anyOf" in schema:
        firsts = [next(iter(each["properties"].items())) for each in schema["anyOf"]]
        name = f"{field}.{firsts[0][0]}"
        did = pick(request, name, [value for _, first in firsts for value in first["enum"]])
        chosen = next(e for e, (_, first) in zip(schema["anyOf"], firsts, strict=True) if did in first["enum"])
        rest = {k: v for k, v in chosen["properties"].items() if k != firsts[0][0]}
        return {firsts[0][0]: did} | {k: _value(request, v, f"{field}.{k}", pick) for k, v in rest.items()}
    if "properties" in schema:
        return {k: _value(request, v, f"{field}.{k}".strip("."), pick) for k, v in schema["properties"].items()}
    return pick(request, field, schema.get("enum", []))[: schema.get("maxLength", 10**6)]
