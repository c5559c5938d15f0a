"""Rows of people from files: JSON Lines, JSON, CSV, Parquet, and the nodes of graphs, each row with its place.

Knows files, not what a row means.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from moloch.errors import InputError

GRAPHS = (".graphml", ".gexf")

Row = tuple[str, dict[str, Any]]
"""A row's place (``file:line``, or ``file:row N``), and its fields."""


def rows(path: Path | str) -> Iterator[Row]:
    """Yield the rows of a file, by its suffix; JSON Lines where there is no known one.

    CSV needs a header; its whole numbers come as such, empty cells as missing fields. A node of a graph gives its attributes
    and a ``name``: its own, its label, or its id.

    Raises:
        InputError: the file cannot be read, or holds something else, with its place.
    """
    path = Path(path)
    readers = {".json": _json, ".csv": _csv, ".parquet": _parquet, ".graphml": _nodes, ".gexf": _nodes}
    yield from readers.get(path.suffix, _json_lines)(path)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise InputError("cannot read the personas", where=str(path), why=error.strerror or str(error)) from error


def _json_lines(path: Path) -> Iterator[Row]:
    for number, line in enumerate(_bytes(path).split(b"\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            row = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            why, fix = str(error), "Give one JSON object a line, in UTF-8."
            raise InputError("not a JSON object", where=where, why=why, fix=fix) from error
        yield where, _object(row, where)


def _json(path: Path) -> Iterator[Row]:
    try:
        rows = msgspec.json.decode(_bytes(path))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("not JSON", where=str(path), why=str(error), fix="Give a list of objects.") from error
    if not isinstance(rows, list):
        raise InputError("not a list of personas", where=str(path), why=f"the file holds a {type(rows).__name__}")
    for number, row in enumerate(rows, start=1):
        where = f"{path}:row {number}"
        yield where, _object(row, where)


def _object(row: Any, where: str) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise InputError("not a JSON object", where=where, why=f"the line holds a {type(row).__name__}")
    return row


def _csv(path: Path) -> Iterator[Row]:
    try:
        text = _bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError("not UTF-8", where=str(path), why=str(error), fix="Save the table as UTF-8.") from error
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        _parted_by_commas(reader.fieldnames or (), path)
        for row in reader:
            where = f"{path}:{reader.line_num}"
            if None in row or None in row.values():
                raise InputError(
                    "a row does not fit the header",
                    where=where,
                    why=f"{len(reader.fieldnames or ())} columns are named",
                )
            yield where, {name: _value(cell) for name, cell in row.items() if cell.strip()}
    except csv.Error as error:
        begun = reader.line_num + 1  # the last row that was whole ends on the line before
        raise InputError("not a table", where=f"{path}:{begun}", why=str(error)) from error


def _parted_by_commas(names: Sequence[str], path: Path) -> None:
    mark = next((mark for mark in ";\t" if len(names) == 1 and mark in names[0]), "")
    if mark:
        why = f"its columns are parted by {mark!r}"
        raise InputError("not a table of CSV", where=f"{path}:1", why=why, fix="Save it with commas between columns.")


def _value(cell: str) -> str | int:
    text = cell.strip()
    return int(text) if text.removeprefix("-").isdecimal() and (text[0] != "0" or text == "0") else text


def _parquet(path: Path) -> Iterator[Row]:
    import polars as pl

    if not path.exists():
        raise InputError("cannot read the personas", where=str(path), why="there is no such file")
    try:
        frame = pl.read_parquet(path)
    except pl.exceptions.PolarsError as error:
        raise InputError("not Parquet", where=str(path), why=str(error).splitlines()[0]) from error
    for number, row in enumerate(frame.iter_rows(named=True), start=1):
        yield f"{path}:row {number}", {name: value for name, value in row.items() if value is not None}


def _nodes(path: Path) -> Iterator[Row]:
    import networkx as nx

    if not path.exists():
        raise InputError("cannot read the personas", where=str(path), why="there is no such file")
    try:
        graph = nx.read_graphml(path) if path.suffix == ".graphml" else nx.read_gexf(path)
    except Exception as error:  # the readers raise any error of their XML parser
        raise InputError("not a graph", where=str(path), why=str(error)) from error
    names: dict[str, Any] = {}
    for node, attributes in graph.nodes(data=True):
        name, where = str(attributes.get("name") or attributes.get("label") or node), f"{path}:node {node}"
        if names.setdefault(name, node) != node:
            raise InputError(f"nodes {names[name]!r} and {node!r} are both named {name!r}", where=where)
        fields = {key: _text_or_whole(value) for key, value in attributes.items() if key not in _DRAWN}
        yield where, {"name": name} | {key: value for key, value in fields.items() if key != "name"}


_DRAWN = {"label", "persona", "x", "y", "viz"}
"""Node attributes that say where and how a node is drawn, not who it is."""


def _text_or_whole(value: Any) -> str | int:
    return value if isinstance(value, int) and not isinstance(value, bool) else str(value)
