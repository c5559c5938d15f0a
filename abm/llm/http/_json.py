"""JSON as servers send it, read whatever stands in it: depth and digits are bounded, and time is linear in its length.

Knows JSON; knows nothing of completions.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

DEPTH = 64
"""Levels that are read; what lies deeper is read as null."""
DIGITS = 40
"""Digits of a whole number that stays one; a longer one becomes a float."""

_BRACKETS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]++|[\]}]++', re.DOTALL)
"""A string whole, so that brackets in it do not count; or brackets."""
_SURROGATE = re.compile("[\ud800-\udfff]")


def parsed_json(data: bytes) -> Any:
    """Return what ``data`` says; None where it is not JSON.

    Read are also NaN and infinity (as null and infinity), bytes that are not UTF-8 and halves of surrogate pairs
    (as U+FFFD), line ends in strings, and a byte order mark.
    """
    try:
        return msgspec.json.decode(data)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        pass  # seldom; the rest of this function is slower
    text = _shallow(data.decode("utf-8-sig", "replace"))
    try:
        return _repaired(json.loads(text, strict=False, parse_int=_number, parse_constant=_constant))
    except (ValueError, RecursionError):
        return None


def repaired(text: str) -> str:
    """Return ``text`` with U+FFFD in place of halves of surrogate pairs, which no file or prompt can hold."""
    if _SURROGATE.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _repaired(value: Any) -> Any:
    if isinstance(value, str):
        return repaired(value)
    if isinstance(value, list):
        return [_repaired(each) for each in value]
    if isinstance(value, dict):
        return {repaired(key): _repaired(each) for key, each in value.items()}
    return value


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) <= DIGITS else float(digits)


def _constant(name: str) -> float | None:
    return None if name == "NaN" else float(name)


def _shallow(text: str) -> str:
    """Return JSON text with null in place of every value that lies deeper than :data:`DEPTH`."""
    parts: list[str] = []
    level = start = 0
    for match in _BRACKETS.finditer(text):
        sign, many = text[match.start()], match.end() - match.start()
        if sign in "[{":
            if level <= DEPTH < level + many:
                parts += [text[start : match.start() + DEPTH - level], "null"]
            level += many
        elif sign in "]}":
            if level - many <= DEPTH < level:
                start = match.start() + level - DEPTH
            level -= many
    return "".join([*parts, text[start:]]) if level <= DEPTH else "".join(parts)
