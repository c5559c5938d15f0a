"""A row of a table as an arena's schema names it: columns of any case, JSON in cells, and the side that it declares.

Knows schemas; knows nothing of files, nor of what a value means.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import msgspec

from abm.arenas import AnchorSchema
from moloch.column_names import renamed
from moloch.plain_text import quoted


def named(schema: AnchorSchema, row: Mapping[str, object]) -> Mapping[str, object]:
    """Return a row whose columns have the names that the schema knows, where they differ from them in case alone."""
    names = [{field.name, field.column or field.name} for field in schema.fields]
    return renamed(row, frozenset().union(*(each for each in names if each.isdisjoint(row))))


SIDES = {"train": "train", "test": "held_out", "held_out": "held_out"}
"""What the column ``split`` of a single table may say."""
SPLIT = frozenset({"split"})


def side_of(schema: AnchorSchema, row: Mapping[str, object]) -> str:
    """Return on which side a row says that it is; "" where it does not say.

    Raises:
        ValueError: it says something else.
    """
    said = renamed(row, SPLIT).get("split", "")
    if not said or any("split" in (field.name, field.column) for field in schema.fields):
        return ""
    if not isinstance(said, str) or said not in SIDES:
        raise ValueError(
            f"field 'split' must be one of {', '.join(SIDES)}, not {quoted(said)}: rename it if it means something else"
        )
    return SIDES[said]


def unfolded(schema: AnchorSchema, row: Mapping[str, object]) -> dict[str, object]:
    """Return a row with the JSON that a cell of a list, or of facts, may hold; a Parquet record's empty fields are left out."""
    lists = {name for field in schema.fields if field.list for name in (field.name, field.column)}
    unfolded = dict(row)
    for name in lists | {"facts"}:
        cell = unfolded.get(name)
        if isinstance(cell, str) and cell[:1] == ("{" if name == "facts" else "["):
            with contextlib.suppress(msgspec.DecodeError, RecursionError):
                unfolded[name] = msgspec.json.decode(cell)
        elif isinstance(cell, dict):
            unfolded[name] = {key: value for key, value in cell.items() if value is not None}
    return unfolded
