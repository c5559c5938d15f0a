"""Rows of people: of any table, or the nodes of a graph, each with its place.

Knows files, not what a row means.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from moloch import tables
from moloch.errors import InputError
from moloch.numerals import whole
from moloch.plain_text import one_line
from moloch.tables import Row, suffix_of
from moloch.xml_graphs import SUFFIXES as GRAPHS
from moloch.xml_graphs import read_xml_graph

KINDS = (*tables.SUFFIXES, *GRAPHS)
"""Files that hold people, by their suffix, which ``.gz`` may follow."""

WHAT = "the personas"


def rows(path: Path | str) -> Iterator[Row]:
    """Yield the rows of a file, by its suffix; JSON Lines where there is none.

    Whole numbers of a table of texts come as such, empty cells as missing fields. A node of a graph gives its attributes and a
    ``name``: its own, its label, or its id.

    Raises:
        InputError: the file cannot be read, is of an unknown kind, or holds something else, with its place.
    """
    path = Path(path)
    suffix = suffix_of(path)
    if suffix in GRAPHS:
        yield from _nodes(path)
    elif suffix in (*tables.TEXTS, *tables.BOOKS):
        for where, row in tables.rows(path, WHAT):
            yield where, {name: _value(cell) for name, cell in row.items()}
    elif suffix in (*tables.SUFFIXES, ".txt", ""):
        yield from tables.rows(path, WHAT)
    else:
        raise InputError(
            f"unknown kind of file {path.name!r}", where=str(path), fix=f"Give a file of {', '.join(KINDS)}."
        )


def _value(cell: str) -> str | int:
    digits = cell.removeprefix("-")
    is_whole = digits.isascii() and digits.isdecimal() and len(digits) <= 15 and (digits[0] != "0" or cell == "0")
    return int(cell) if is_whole else cell


def _nodes(path: Path) -> Iterator[Row]:
    graph = read_xml_graph(path, WHAT)
    names: dict[str, Any] = {}
    for node, attributes in graph.nodes(data=True):
        name, where = _name(node, attributes), f"{path}:node {node}"
        if names.setdefault(name, node) != node:
            raise InputError(f"nodes {names[name]!r} and {node!r} are both named {name!r}", where=where)
        fields = {key: _told(value) for key, value in attributes.items() if key not in _DRAWN and key != "name"}
        yield where, {"name": name} | {key: value for key, value in fields.items() if value is not None}


def _name(node: Any, attributes: dict[str, Any]) -> str:
    return next(
        filter(None, (one_line(str(attributes.get(key) or "")) for key in ("name", "label"))), one_line(str(node))
    )


_DRAWN = {
    *("label", "persona", "x", "y", "viz"),
    *("start", "end", "spells", "slices", "timestamp", "timestamps", "parents", "pid"),
}
"""Node attributes that say where, how and when a node is there, not who it is."""


def _told(value: Any) -> str | int | None:
    """Return what an attribute says of a person; None for nothing, and for a course over time."""
    if isinstance(value, str | bool):
        return str(value).strip() or None
    if isinstance(value, int | float):
        found = whole(value)
        return found if found is not None else str(value) if abs(value) < float("inf") else None
    return None
