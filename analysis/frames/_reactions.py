"""Everything that members do, a row each: votes, likes, shares, replies, whom they follow. Knows events, not what they mean."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from abm.columns import Int16s, Int32s, unpack
from abm.log.projection import scan, scan_votes
from analysis.frames._codebook import schema_of

if TYPE_CHECKING:
    import polars as pl

_KINDS = ("step_started", "feed_opened", "members_posted", "engaged", "ties_formed", "ties_cut", "reaction_invalid", "feed_answer_invalid")  # fmt: skip
_FIELDS = (
    "type", "seq", "step", "phase", "epoch", "arm", "messages", "action", "members", "items", "why", "sources", "targets", "contest", "persona",
    "round",
)  # fmt: skip


def reactions(run: Path) -> pl.LazyFrame:
    """Return a row per reaction: votes first, then everything else, each in the order of the log."""
    import polars as pl

    chose = pl.col("choice") >= 0
    slot = pl.when(chose).then("choice")
    votes = scan_votes(run).select(
        "seq", "step", "phase", "epoch", "arm", "persona", "contest",
        kind=pl.when(chose).then(pl.lit("vote")).otherwise(pl.lit("abstain")),
        slot=slot,
        message=pl.when(chose).then(pl.format("{}/{}", "contest", "choice")),
    )  # fmt: skip
    return pl.concat([votes, _others(run)], how="diagonal")


def _others(run: Path) -> pl.LazyFrame:
    """Return what members do besides voting; it is read when it is asked for."""
    from polars.io.plugins import register_io_source

    schema = schema_of("reactions")

    def rows(
        columns: list[str] | None, predicate: pl.Expr | None, most: int | None, batch: int | None
    ) -> Iterator[pl.DataFrame]:
        for frame in _happened(run):
            if most is not None:
                frame, most = frame.head(most), most - min(most, frame.height)
            kept = frame if predicate is None else frame.filter(predicate)
            yield kept if columns is None else kept.select(columns)
            if most == 0:
                return

    return register_io_source(rows, schema=schema)


def _happened(run: Path) -> Iterator[pl.DataFrame]:
    import polars as pl

    events = scan(run).filter(pl.col("type").is_in(_KINDS)).select(_FIELDS)
    feeds = _Feeds()
    for batch in events.collect_batches(maintain_order=True):
        made = [frame for event in batch.iter_rows(named=True) if (frame := feeds.take(event)) is not None]
        if made:
            yield pl.concat(made)


class _Feeds:
    """What has to be known of the events before: which step it is, and which messages are in the feeds."""

    def __init__(self) -> None:
        self._place: dict[str, Any] = {}
        self._messages: list[str] = []

    def take(self, event: dict[str, Any]) -> pl.DataFrame | None:
        """Take the next event; return the reactions that it holds, if any."""
        match event["type"]:
            case "step_started":
                self._place = {name: event[name] for name in ("phase", "epoch", "arm")}
            case "feed_opened":
                self._messages = list(event["messages"])
            case "members_posted":
                self._messages += event["messages"]
            case "engaged":
                return self._engaged(event)
            case "ties_formed" | "ties_cut" if event["why"] in ("follow", "unfollow"):
                sources, targets = (unpack(event[side], Int32s).astype(np.int64) for side in ("sources", "targets"))
                return self._rows(event, event["why"], persona=sources, target=targets)
            case "reaction_invalid" | "feed_answer_invalid":
                return self._rows(event, "invalid", persona=[event["persona"]])
            case _:
                pass
        return None

    def _engaged(self, event: dict[str, Any]) -> pl.DataFrame:
        import polars as pl

        items = unpack(event["items"], Int16s).astype(np.int64)
        message = pl.Series(self._messages, dtype=pl.String).gather(items)
        frame = self._rows(
            event, event["action"], persona=unpack(event["members"], Int32s).astype(np.int64), message=message
        )
        return frame.with_columns(
            contest=pl.col("message").str.replace(r"/(said/.*|\d+)$", ""),
            slot=pl.when(~pl.col("message").str.contains("/said/")).then(
                pl.col("message").str.extract(r"/(\d+)$").cast(pl.Int64)
            ),
        )

    def _rows(self, event: dict[str, Any], kind: str, **columns: Any) -> pl.DataFrame:
        import polars as pl

        schema = schema_of("reactions")
        same = {"kind": kind, **{name: event[name] for name in ("seq", "step", "contest", "round")}, **self._place}
        frame = pl.DataFrame({name: pl.Series(name, values, dtype=schema[name]) for name, values in columns.items()})
        others = {name: pl.lit(same.get(name), dtype=dtype) for name, dtype in schema.items() if name not in columns}
        return frame.with_columns(**others).select(list(schema))
