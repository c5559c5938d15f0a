"""Events of one type as a Polars frame: one typed column per field. Polars is imported on use."""

from __future__ import annotations

import types
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from abm.content import canonical
from abm.errors import CorruptLog, InputError
from abm.events import Event
from abm.log.codec import KINDS, check_version
from abm.log.segments import Block

if TYPE_CHECKING:
    import polars as pl


def frame(blocks: Iterable[Block], kind: str | type[Event]) -> pl.DataFrame:
    """Return the events of one type in ``blocks``, a row each, in order.

    Numbers, texts and lists of them are typed columns; mappings, and lists of mappings, are JSON text. A type that
    never happened gives an empty frame with the same columns. Only lines of that type are decoded.

    Args:
        kind: an event class, or its ``type`` in the log, such as ``"reacted"``.

    Raises:
        InputError: no such type.
        LogError: a newer version wrote the log.
    """
    import polars as pl

    struct = _kind(kind)
    events = _events(blocks, struct)
    columns = {}
    for name, hint in get_type_hints(struct).items():
        dtype = _dtype(hint)
        values = [getattr(event, name) for event in events]
        if dtype is None or isinstance(dtype, pl.List):  # JSON text: 20 times faster for lists than Python objects
            text = pl.Series(name, [canonical(value).decode() for value in values], dtype=pl.String)
            columns[name] = text if dtype is None else text.str.json_decode(dtype)
        else:
            columns[name] = pl.Series(name, values, dtype=dtype)
    return pl.DataFrame(columns)


def _kind(kind: str | type[Event]) -> type[Event]:
    if not isinstance(kind, str):
        return kind
    if kind not in KINDS:
        raise InputError(f"no events of type {kind!r}", mend=f"Give one of: {', '.join(sorted(KINDS))}.")
    return KINDS[kind]


def _events(blocks: Iterable[Block], struct: type[Event]) -> list[Event]:
    tag = str(struct.__struct_config__.tag)
    start = f'{{"type":"{tag}",'.encode()  # the encoder writes the type first
    decoder = msgspec.json.Decoder(struct)
    events: list[Event] = []
    for block in blocks:
        check_version(block.commit.v, block.where)
        if start not in block.lines:
            continue
        lines = [line for line in block.lines.split(b"\n") if line.startswith(start)]
        try:
            events += decoder.decode_lines(b"\n".join(lines))
        except msgspec.DecodeError as error:
            raise CorruptLog("a line of the log is not an event", where=block.where, why=str(error)) from error
    return events


def _dtype(hint: Any) -> pl.DataType | None:
    """Return the column type of an annotation; None where only JSON text can hold it."""
    import polars as pl

    scalars: dict[Any, pl.DataType] = {
        int: pl.Int64(), float: pl.Float64(), str: pl.String(), bool: pl.Boolean()
    }  # fmt: skip
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return scalars.get(type(args[0]))
    if origin is list:
        inner = _dtype(args[0])
        return pl.List(inner) if inner is not None else None
    if origin in (Union, types.UnionType) and type(None) in args and len(args) == 2:
        return _dtype(next(arg for arg in args if arg is not type(None)))
    return scalars.get(hint)
