"""Plain values, as YAML and JSON hold them, with some of them changed into what nobody meant."""

from __future__ import annotations

from copy import deepcopy
from random import Random
from typing import Any

ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 7, 0.5, -0.0, 1.5, 10**6, 10**12, 10**30, -(10**30), 1e308, 1e-300, float("nan"), float("inf"), float("-inf"),
    "", " ", "0", "1", "yes", "no", "1e9", "0x10", "010", "2020-01-01", "1:30", "NaN", "null", "rft", "llm", "pocket", "sales", "all", "none",
    "a" * 5_000, "\x00", "\x1b[31m", "\ud83d", "\u202e", "é", "~", "/", "..", "a/b", "no/such.yaml", "http://h/v1", "http://", "{anchor}", "{}",
    "{0.__class__}", "%s", "module:function", "mul\ntiple\nlines", "'", '"', "<x>", "[rft", "#cell",
    [], [[]], [None], [1, 2], ["rft", "rft"], [[1, [2, [3]]]], {}, {"a": 1}, {"": 0}, {"a": {"b": {"c": []}}}, [{}], {"method": "rft"},
)  # fmt: skip
"""Values that fit some places and not others."""
NAMES = (
    "a",
    "",
    " ",
    "name",
    "seed",
    "method",
    "0",
    "no",
    "x" * 300,
    "\x1b",
    "é",
    "a.b",
    "__class__",
    "model",
    "url",
    "from",
)
"""Keys of mappings."""


def places(values: Any) -> list[tuple[Any, Any]]:
    """Return every (mapping or list, key) within values."""
    found: list[tuple[Any, Any]] = []
    inner = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for key, value in inner:
        found += [(values, key), *places(value)]
    return found


def changed(values: Any, lot: Random) -> Any:
    """Return values of which one to three places were changed, drawn by ``lot``: another value, one less, one more, one elsewhere."""
    values = deepcopy(values)
    for _ in range(lot.choice((1, 1, 2, 3))):
        if not (there := places(values)):
            return lot.choice(ODD)
        holder, key = lot.choice(there)
        match lot.randrange(10):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[lot.choice(NAMES)] = holder.pop(key)
            case 2 if isinstance(holder, dict):
                holder[lot.choice(NAMES)] = deepcopy(lot.choice(ODD))
            case 3 if isinstance(holder, list):
                holder.append(deepcopy(holder[key]))
            case 4:
                other, where = lot.choice(there)
                if where in other if isinstance(other, dict) else where < len(other):
                    holder[key] = deepcopy(other[where])
            case 5 | 6:
                holder[key] = near(holder[key], lot)
            case _:
                holder[key] = deepcopy(lot.choice(ODD))
    return values


def near(value: Any, lot: Random) -> Any:
    """Return a value of the same kind, which may well be right: another number, a text cut or doubled, a list turned round."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int | float):
        return lot.choice((value + 1, value - 1, 2 * value, -value, value / 2, 0, 1))
    if isinstance(value, str):
        return lot.choice(
            (value[: len(value) // 2], value + value, value.upper(), value + " ", value + ": x", f"{{{value}}}")
        )
    if isinstance(value, list):
        return lot.choice((value[::-1], value[1:], value + value))
    return dict(lot.sample(list(value.items()), len(value))) if isinstance(value, dict) else value
