"""Why a value is refused, in plain words: pydantic's kinds of errors as sentences about what the value must be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KINDS = {
    "string_type": "it must be text",
    "string_pattern_mismatch": "it must match {pattern}",
    "string_too_short": "it must have at least {min_length} characters",
    "string_too_long": "it must have at most {max_length} characters",
    "int_type": "it must be a whole number",
    "int_parsing": "it must be a whole number",
    "int_from_float": "it must be a whole number, without a fraction",
    "int_parsing_size": "it must be a smaller number",
    "float_type": "it must be a number",
    "float_parsing": "it must be a number",
    "finite_number": "it must be a finite number",
    "bool_type": "it must be true or false",
    "bool_parsing": "it must be true or false",
    "greater_than": "it must be above {gt}",
    "greater_than_equal": "it must be at least {ge}",
    "less_than": "it must be below {lt}",
    "less_than_equal": "it must be at most {le}",
    "literal_error": "it must be {expected}",
    "dict_type": "it must be a mapping of names to values",
    "list_type": "it must be a list",
    "tuple_type": "it must be a list",
    "model_type": "it must be a mapping of names to values",
    "model_attributes_type": "it must be a mapping of names to values",
}
"""Kind -> sentence, with names of pydantic's context; counts of entries are :data:`COUNTS`."""
PATTERNS = {
    "^[a-z][a-z0-9_]*$": "it takes lower-case letters, digits and underscores, and begins with a letter",
    "^[A-Za-z][A-Za-z0-9_]*$": "it takes letters, digits and underscores, and begins with a letter",
    "^[A-Za-z0-9][A-Za-z0-9._-]*$": "it takes letters, digits, dots, dashes and underscores, and begins with a letter or a digit",
}
"""Pattern of a name -> what it means."""
COUNTS = {"too_short": "it must have at least {min_length}", "too_long": "it must have at most {max_length}"}


def reason(error: Mapping[str, Any]) -> str:
    """Return why a value is refused; what our own validators say, and kinds that are not listed, are left as they are.

    The value itself is not repeated: it may be a key that was put in the wrong place.

    Args:
        error: as pydantic lists it.
    """
    context, kind = error.get("ctx", {}), error["type"]
    if kind == "string_pattern_mismatch" and (said := PATTERNS.get(context["pattern"])):
        return said
    if kind in COUNTS:
        bound = context.get("min_length", context.get("max_length"))
        return f"{COUNTS[kind].format(**context)} {'entry' if bound == 1 else 'entries'}"
    said = KINDS.get(kind)
    return said.format(**context) if said else str(error["msg"]).removeprefix("Value error, ")
