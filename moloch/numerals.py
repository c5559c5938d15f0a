"""Numbers as cells of tables write them. Knows nothing of what they count."""

from __future__ import annotations

import re
from typing import Any

_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.0*|,0{1,2})?|-?[1-9](?:[.,][0-9]{1,14})?[eE]\+[0-9]{2,3}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(?:[.,][0-9]{0,40})?(?:[eE][+-]?[0-9]{1,3})?")


def whole(value: Any) -> int | None:
    """Return the whole number that a cell holds, however a statistics package wrote it (``1``, ``1.0``, ``1,00``, ``1e+00``).

    None for everything else, codes with leading zeros among it, and beyond 15 digits.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        if not _WHOLE.fullmatch(text):
            return None
        value = float(text.replace(",", "."))
    try:
        return int(value) if abs(value) < 1e15 and value == int(value) else None
    except (TypeError, ValueError, OverflowError, ArithmeticError):
        return None


def number(value: Any) -> float | None:
    """Return the number that a cell holds, with a decimal point or comma; None where it holds none, or it is not plain which.

    ``1,234`` may be either, and is none; NaN and infinities are none.
    """
    if isinstance(value, str):
        text = value.strip()
        if not _NUMBER.fullmatch(text) or re.fullmatch(r"[+-]?[1-9][0-9]*,[0-9]{3}", text):
            return None
        value = text.replace(",", ".")
    if isinstance(value, bool):
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if abs(found) < float("inf") else None
