"""Reactions a row each, those of crowds too, as their own projection: votes are counted without a look at other events.

A contest's id is taken apart into the place that it names. Knows what events hold; knows nothing of who reacted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from abm.columns import Int8s, Int32s, unpack
from abm.log.parquet import Projection
from moloch.errors import CorruptLog

if TYPE_CHECKING:
    import polars as pl

PLACE = ("phase", "epoch", "arm", "anchor")
"""What a contest's id consists of."""

SLICE = 2**19
"""Votes that are rows in memory at once; one event is never split."""
GROUP = 2**18
"""Votes of a row group in a file."""
_NEEDED = (
    "seq",
    "step",
    "type",
    "contest",
    "persona",
    "choice",
    "order",
    "thought",
    "first",
    "personas",
    "orders",
    "choices",
)


def vote_columns() -> dict[str, pl.DataType]:
    """Return the columns of votes."""
    import polars as pl

    number, text = pl.Int64(), pl.String()
    return {
        "seq": number, "step": number, "contest": text, "phase": text, "epoch": number, "arm": text, "anchor": text,
        "persona": number, "choice": number, "first": number, "order": pl.List(number), "thought": text,
    }  # fmt: skip


def place_of(contest: str = "contest") -> list[pl.Expr]:
    """Return the place of a column of contests as four columns: phase, epoch, arm and anchor; null where an id has no such part."""
    import polars as pl

    parts = pl.col(contest).str.splitn("/", len(PLACE)).struct
    columns = {name: parts.field(f"field_{i}").alias(name) for i, name in enumerate(PLACE)}
    columns["epoch"] = columns["epoch"].cast(pl.Int64, strict=False)
    return list(columns.values())


def votes(events: Sequence[pl.DataFrame]) -> pl.LazyFrame:
    """Return the reactions in frames of consecutive events (:func:`abm.log.frames.wide`), in order; rows are made when asked for."""
    from polars.io.plugins import register_io_source

    def rows(
        columns: list[str] | None, predicate: pl.Expr | None, most: int | None, batch: int | None
    ) -> Iterator[pl.DataFrame]:
        for frame in events:
            for spread in _slices(frame):
                if most is not None:
                    spread, most = spread.head(most), most - min(most, spread.height)
                kept = spread if predicate is None else spread.filter(predicate)
                yield kept if columns is None else kept.select(columns)
                if most == 0:
                    return

    return register_io_source(rows, schema=vote_columns(), is_pure=True)


def _write(frame: pl.DataFrame, path: Path, metadata: dict[str, str]) -> None:
    votes([frame]).sink_parquet(
        path, compression="zstd", compression_level=1, row_group_size=GROUP, metadata=dict(metadata)
    )


VOTES = Projection("frames", "votes-", vote_columns, _write)
"""One row per reaction."""


def _slices(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield the reactions of events, about :data:`SLICE` at a time."""
    import polars as pl

    have = [name for name in _NEEDED if name in frame.columns]
    reacted = frame.select(have).filter(pl.col("type").is_in(["reacted", "reacted_many"]))
    if reacted.is_empty():
        return
    sizes = pl.col("choices").bin.size().fill_null(1) if "choices" in have else pl.repeat(1, pl.len())
    numbered = reacted.with_columns((sizes.cast(pl.Int64).cum_sum() // SLICE).alias("_part"))
    for part in numbered.partition_by("_part", maintain_order=True, include_key=False):
        yield _rows(part)


def _rows(reacted: pl.DataFrame) -> pl.DataFrame:
    """Return reactions as rows, in the order of their events."""
    import polars as pl

    columns, made = vote_columns(), []
    single = reacted.filter(pl.col("type") == "reacted")
    if len(single):
        first = pl.col("order").list.get(0, null_on_oob=True).alias("first")
        made.append(single.with_columns(first, *place_of()).select(list(columns)))
    crowds = reacted.filter(pl.col("type") == "reacted_many")
    if len(crowds):
        options = crowds.select(pl.col("orders").bin.size() // pl.col("choices").bin.size().clip(1))["orders"]
        made += [_spread(crowds.filter(options == k), int(k)) for k in options.unique().sort()]
    rows = pl.concat(made)
    return rows if len(made) == 1 else rows.sort("seq", maintain_order=True)


def _spread(crowds: pl.DataFrame, k: int) -> pl.DataFrame:
    """Return the reactions of crowds who chose among ``k`` options."""
    import polars as pl

    choices = _joined(crowds["choices"], Int8s)
    sizes = crowds["choices"].bin.size().to_numpy().astype(np.int64)
    orders = _joined(crowds["orders"], Int8s)
    if len(orders) != k * len(choices):
        raise _uneven(crowds, "orders")
    event = np.repeat(np.arange(len(crowds)), sizes)
    order = pl.Series("order", orders.reshape(-1, k).astype(np.int64)) if k and len(choices) else None
    place = crowds.select("seq", "step", "contest", *place_of()).select(pl.all().gather(event))
    return place.with_columns(
        pl.Series("persona", _personas(crowds, sizes)),
        pl.Series("choice", choices.astype(np.int64)),
        order.arr.get(0).alias("first") if order is not None else pl.lit(None, pl.Int64).alias("first"),
        order.arr.to_list() if order is not None else pl.lit([], pl.List(pl.Int64)).alias("order"),
        pl.lit("").alias("thought"),
    ).select(list(vote_columns()))


def _personas(crowds: pl.DataFrame, sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return who reacted: ranges, but for crowds that name their members."""
    starts = np.cumsum(sizes) - sizes
    firsts = crowds["first"].to_numpy()
    personas = np.repeat(firsts - starts, sizes) + np.arange(sizes.sum())
    named = crowds["personas"].bin.size().to_numpy().astype(np.int64) // 4
    if not np.isin(named[named > 0] - sizes[named > 0], 0).all():
        raise _uneven(crowds, "personas")
    if named.any():
        personas[np.repeat(named > 0, sizes)] = _joined(crowds["personas"], Int32s)
    return personas


def _joined(column: pl.Series, kind: object) -> NDArray[np.integer]:
    return unpack(b"".join(column), kind)


def _uneven(crowds: pl.DataFrame, column: str) -> CorruptLog:
    first, last = crowds["seq"][0], crowds["seq"][-1]
    return CorruptLog(
        "a crowd's reactions are not columns of one length",
        where=f"events {first} to {last}" if first != last else f"event {first}",
        why=f"{column} does not fit choices",
        fix="The log was edited; use a copy made before.",
    )
