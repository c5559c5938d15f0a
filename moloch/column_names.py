"""Which column of a table a name means: the one of that name, or the only one that differs from it in case alone.

Knows names, not what a column holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from moloch.plain_text import one_line, quoted

MOST = 20
"""Columns that an error lists."""


class NoColumn(ValueError):
    """A row has nothing in a column that it needs."""


def renamed(row: Mapping[str, Any], names: frozenset[str]) -> Mapping[str, Any]:
    """Return a row whose columns have the names of ``names`` that they mean; all others stay as they are.

    A column that has one of the names, or that differs in case from a name that another column has or means too, is not renamed.

    >>> renamed({"Title": "Lamp", "PRICE": 5}, frozenset({"title"}))
    {'title': 'Lamp', 'PRICE': 5}
    """
    meant = _meant(tuple(row), names)
    return {meant.get(column, column): value for column, value in row.items()} if meant else row


@lru_cache(maxsize=1024)
def _meant(columns: tuple[str, ...], names: frozenset[str]) -> dict[str, str]:
    """Return column -> the name that it means, of those columns that have another name."""
    alike: dict[str, list[str]] = defaultdict(list)
    for column in columns:
        if isinstance(column, str) and column not in names:
            alike[column.casefold()].append(column)
    wanted: dict[str, list[str]] = defaultdict(list)
    for name in names.difference(columns):
        wanted[name.casefold()].append(name)
    pairs = ((alike.get(folded, []), own) for folded, own in wanted.items())
    return {found[0]: own[0] for found, own in pairs if len(found) == len(own) == 1}


def listed(columns: Iterable[str]) -> str:
    """Return columns as an error lists them, with what it leaves out counted; "no column" where there is none."""
    names = [quoted(one_line(str(column))) for column in columns]
    more = f" and {len(names) - MOST:,} more" if len(names) > MOST else ""
    return f"{', '.join(names[:MOST])}{more}" if names else "no column"
