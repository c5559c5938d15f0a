"""Event lines as Polars frames: one typed column per field. Knows nothing of files; Polars is imported on use.

Numbers, texts and lists of them are typed columns, bulk columns are ``Binary`` (see :mod:`abm.columns`); mappings, and
lists of mappings, are JSON text. Fields that the encoder left out get their defaults.
"""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from abm.events import Event
from abm.log.codec import KINDS, RUN_KINDS, Commit, check_version
from abm.log.segments import Block
from abm.log.upcast import changed_since, upcast
from moloch.content import canonical
from moloch.errors import CorruptLog, InputError

if TYPE_CHECKING:
    import polars as pl

CHUNK = 4 * 2**20
"""Bytes of event lines that become a frame at once; larger ones are slower, since they do not fit into caches."""
BULKY = 2**16
"""Mean bytes of a line from which lines are sorted one by one."""


def columns(struct: type[Event]) -> dict[str, pl.DataType]:
    """Return the columns of an event type, those that every event has first."""
    import polars as pl

    return {name: _dtype(hint) or pl.String() for name, hint in get_type_hints(struct).items()}


@cache
def wide_columns() -> dict[str, pl.DataType]:
    """Return the columns of all event types of runs side by side: seq, type, v, step, cause, at, then every field's.

    A name that two types use for different things is text: JSON, where the value is not text already.
    """
    import polars as pl

    dtypes: dict[str, pl.DataType] = {"seq": pl.Int64(), "type": pl.String()}
    for struct in RUN_KINDS.values():
        for name, dtype in columns(struct).items():
            dtypes[name] = dtype if dtypes.get(name, dtype) == dtype else pl.String()
    return dtypes


def chunks(blocks: Iterable[Block]) -> Iterator[list[Block]]:
    """Yield ``blocks`` in lists of about :data:`CHUNK` bytes of lines; the next is read while this one is used."""
    lists = _lists(blocks)
    with ThreadPoolExecutor(1, "reading ahead") as pool:  # reading decompresses and hashes, without the interpreter
        following = pool.submit(next, lists, None)
        while (held := following.result()) is not None:
            following = pool.submit(next, lists, None)
            yield held


def _lists(blocks: Iterable[Block]) -> Iterator[list[Block]]:
    held: list[Block] = []
    size = 0
    for block in blocks:
        held.append(block)
        size += block.size
        if size >= CHUNK:
            yield held
            held, size = [], 0
    if held:
        yield held


def wide(blocks: list[Block]) -> pl.DataFrame:
    """Return the events of consecutive commits, a row each in order, with those of :func:`wide_columns` that they have.

    Raises:
        LogError: a newer version wrote them.
        CorruptLog: a line is not an event, or not in its place.
    """
    import polars as pl

    frames = []
    for kind, frame in by_type(blocks):
        clashes = [name for name, dtype in frame.schema.items() if dtype != wide_columns()[name]]
        frames.append(frame.with_columns(pl.lit(kind).alias("type"), *map(json_text, clashes)))
    frame = pl.concat(frames, how="diagonal").sort("seq")
    first, end = blocks[0].commit.seq, blocks[-1].commit.seq + blocks[-1].commit.n
    if not frame["seq"].equals(pl.int_range(first, end, eager=True)):
        raise _explained(blocks, "events are missing, or not in their place")
    return frame.select([name for name in wide_columns() if name in frame.columns])


def wide_frames(blocks: Iterable[Block]) -> Iterator[tuple[pl.DataFrame, Commit]]:
    """Yield the events of consecutive commits in frames (see :func:`wide`), each with its last commit; two are made at once.

    Raises:
        LogError, CorruptLog: as :func:`wide` does.
    """
    with ThreadPoolExecutor(2, "into columns") as pool:  # Polars parses one text in one thread, without the interpreter
        waiting: deque[tuple[Future[pl.DataFrame], Commit]] = deque()
        for held in chunks(blocks):
            waiting.append((pool.submit(wide, held), held[-1].commit))
            if len(waiting) > 2:
                frame, last = waiting.popleft()
                yield frame.result(), last
        yield from ((frame.result(), last) for frame, last in waiting)


def by_type(blocks: list[Block]) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield each event type that happened in ``blocks`` with its events, a row each in order; see :func:`columns`.

    Raises:
        LogError: a newer version wrote them.
        CorruptLog: a line is not an event.
    """
    try:
        for kind, lines in _split(_lines(blocks)):
            yield kind, _parse(lines, KINDS[kind])
    except (*_refusals(), KeyError) as error:
        raise _explained(blocks, str(error)) from error


def frame(blocks: Iterable[Block], kind: str | type[Event]) -> pl.DataFrame:
    """Return the events of one type in ``blocks``, a row each, in order.

    A type that never happened gives an empty frame with the same columns. Only lines of that type are decoded.

    Args:
        kind: an event class, or its ``type`` in the log, such as ``"reacted"``.

    Raises:
        InputError: no such type.
        LogError: a newer version wrote the log.
        CorruptLog: a line is not an event.
    """
    import polars as pl

    struct = kind_of(kind)
    start = f'{{"type":"{struct.__struct_config__.tag}",'.encode()  # the encoder writes the type first
    frames = [pl.DataFrame(schema=columns(struct))]
    for held in chunks(_version_checked(blocks)):
        lines = _lines([block for block in held if start in block.text])
        matching = b"\n".join(line for line in lines.split(b"\n") if line.startswith(start))
        if matching:
            try:
                frames.append(_parse(matching, struct))
            except _refusals() as error:
                raise _explained(held, str(error)) from error
    return pl.concat(frames, rechunk=True)


def json_text(column: str) -> pl.Expr:
    """Return a column of lists as JSON text."""
    import polars as pl

    around = len(canonical({column: ""})) - 3  # {"column":[...]} without what is around the list
    return pl.struct(column).struct.json_encode().str.slice(around).str.head(-1).alias(column)


def kind_of(kind: str | type[Event]) -> type[Event]:
    """Return the event class that ``kind`` is, or names.

    Raises:
        InputError: no such type.
    """
    if not isinstance(kind, str):
        return kind
    if kind not in KINDS:
        raise InputError(f"no events of type {kind!r}", fix=f"Give one of: {', '.join(sorted(KINDS))}.")
    return KINDS[kind]


def _version_checked(blocks: Iterable[Block]) -> Iterator[Block]:
    for block in blocks:
        check_version(block.commit.v, block.where)
        yield block


def _lines(blocks: Iterable[Block]) -> bytes:
    """Return all lines, in today's schema."""
    return b"".join(
        upcast(block.lines, block.commit.v) if changed_since(block.commit.v) else memoryview(block.text)[: block.size]
        for block in blocks
    )


def _split(lines: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield each event type with its lines: the type of the first line is taken out until no line is left."""
    import polars as pl

    if len(lines) > BULKY * lines.count(b"\n"):
        yield from _split_bulky(lines)
        return
    rest = pl.read_lines(lines)["line"]
    while len(rest):
        head = str(rest[0])
        start = head[: head.index(",") + 1]  # {"type":"...",
        its = rest.str.starts_with(start)
        yield start[9:-2], rest.filter(its).str.join("\n").cast(pl.Binary)[0]
        rest = rest.filter(~its)


def _split_bulky(lines: bytes) -> Iterator[tuple[str, bytes]]:
    """As :func:`_split`, for few long lines: Polars would hold several copies of them, and keep their memory."""
    by_start: dict[bytes, list[bytes]] = {}
    for line in filter(None, lines.split(b"\n")):
        by_start.setdefault(line[: line.index(b",")], []).append(line)
    for start, its in by_start.items():
        yield start[9:-1].decode(), b"\n".join(its)


def _parse(lines: bytes, struct: type[Event]) -> pl.DataFrame:
    """Return lines of one event type as a frame.

    Raises:
        ValueError, PolarsError, MsgspecError: a line is not such an event.
    """
    if any(_dtype(hint) is None for hint in get_type_hints(struct).values()):
        return _parse_typed(lines, struct)
    if any(isinstance(default, list | bytes) for default in _defaults(struct).values()):
        return _parse_typed(lines, struct)
    return _parse_flat(lines, struct)


def _parse_flat(lines: bytes, struct: type[Event]) -> pl.DataFrame:
    """Parse with Polars alone: three times as fast as by way of objects. Numbers in lists are decoded apart: faster."""
    import polars as pl

    dtypes, defaults = columns(struct), _defaults(struct)
    apart = {name for name, dtype in dtypes.items() if isinstance(dtype, pl.List) and dtype.inner != pl.String}
    as_text = {name: pl.String() for name, dtype in dtypes.items() if name in apart or isinstance(dtype, pl.Binary)}
    raw = pl.read_ndjson(lines, schema={**dtypes, **as_text})
    made = []
    for name, dtype in dtypes.items():
        column = pl.col(name)
        if name in apart:
            column = column.str.json_decode(dtype)
        elif isinstance(dtype, pl.Binary):
            column = column.str.decode("base64")
        elif defaults.get(name) is not None:
            column = column.fill_null(pl.lit(defaults[name], dtype=dtype))
        made.append(column)
    frame = raw.select(made)
    missing = [name for name in dtypes if frame[name].null_count() and not _nullable(struct, name)]
    if missing:
        raise ValueError(f"{struct.__struct_config__.tag}: {missing[0]} is missing or of another kind")
    return frame


def _parse_typed(lines: bytes, struct: type[Event]) -> pl.DataFrame:
    """Parse through typed objects, so that equal values have equal JSON text, however the log wrote them."""
    import polars as pl

    events = msgspec.json.Decoder(struct).decode_lines(lines)
    made = []
    for name, hint in get_type_hints(struct).items():
        values, dtype = [getattr(event, name) for event in events], _dtype(hint)
        if dtype is None or isinstance(dtype, pl.List):  # lists too: 20 times faster than Python objects
            text = pl.Series(name, [canonical(value).decode() for value in values], dtype=pl.String)
            made.append(text if dtype is None else text.str.json_decode(dtype))
        else:
            made.append(pl.Series(name, values, dtype=dtype))
    return pl.DataFrame(made)


def _refusals() -> tuple[type[BaseException], ...]:
    """Return what says that lines are not events: errors, and panics of Polars, which are no exceptions to Python."""
    import polars as pl

    return (ValueError, pl.exceptions.PolarsError, pl.exceptions.PanicException, msgspec.MsgspecError, RecursionError)


def _explained(blocks: list[Block], why: str) -> CorruptLog:
    """Return the error for commits that did not become a frame; raise the typed reader's, which knows the place."""
    for block in blocks:
        block.events()
    return CorruptLog("events cannot be put into columns", where=blocks[0].where, why=why)


@cache
def _defaults(struct: type[Event]) -> dict[str, Any]:
    """Return the fields that have a default, with it."""
    return {
        field.name: field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        for field in msgspec.structs.fields(struct)
        if not field.required
    }


@cache
def _nullable(struct: type[Event], name: str) -> bool:
    return type(None) in get_args(get_type_hints(struct)[name])


@cache
def _dtype(hint: Any) -> pl.DataType | None:
    """Return the column type of an annotation; None where only JSON text can hold it."""
    import polars as pl

    scalars: dict[Any, pl.DataType] = {
        int: pl.Int64(),
        float: pl.Float64(),
        str: pl.String(),
        bool: pl.Boolean(),
        bytes: pl.Binary(),
    }
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return scalars.get(type(args[0]))
    if origin is list:
        inner = _dtype(args[0])
        return pl.List(inner) if inner is not None and not isinstance(inner, pl.Binary) else None
    if origin in (Union, types.UnionType) and type(None) in args and len(args) == 2:
        return _dtype(next(arg for arg in args if arg is not type(None)))
    return scalars.get(hint)
