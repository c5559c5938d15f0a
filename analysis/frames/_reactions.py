"""Everything that members do, a row each: votes, likes, shares, replies, whom they follow. Knows events, not what they mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from abm.columns import Int16s, Int32s, unpack
from abm.log.projection import scan, scan_votes
from analysis.frames._arenas import in_arenas
from analysis.frames._audiences import with_audience
from analysis.frames._codebook import schema_of

if TYPE_CHECKING:
    import polars as pl

_KINDS = ("step_started", "feed_opened", "members_posted", "engaged", "ties_formed", "ties_cut", "reaction_invalid", "feed_answer_invalid")  # fmt: skip
_FIELDS = (
    "type", "seq", "step", "phase", "epoch", "arm", "messages", "action", "members", "items", "why", "sources", "targets", "contest", "persona",
    "round",
)  # fmt: skip


def reactions(run: Path | str) -> pl.LazyFrame:
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
    return in_arenas(with_audience(pl.concat([votes, _others(run)], how="diagonal"), run), run)


def _others(run: Path | str) -> pl.LazyFrame:
    """Return what members do besides voting; it is read when it is asked for."""
    from polars.io.plugins import register_io_source

    schema = _deed_columns()

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


def _happened(run: Path | str) -> Iterator[pl.DataFrame]:
    """Yield what members do besides voting, in the order of the log."""
    import polars as pl

    events = scan(run).filter(pl.col("type").is_in(_KINDS)).select(_FIELDS)
    feeds = _Feeds()
    for batch in events.collect_batches(maintain_order=True):
        if deeds := [deed for event in batch.iter_rows(named=True) if (deed := feeds.take(event)) is not None]:
            yield feeds.rows(deeds)


class _Deeds(NamedTuple):
    """What members did in one event.

    Attributes:
        same: columns that all of its rows share.
        personas: who did it, shape (n,).
        messages: about which message (:attr:`_Feeds.messages`), -1 for none; shape (n,).
        targets: whom it is about, shape (n,); None where it is about nobody.
    """

    same: dict[str, Any]
    personas: NDArray[np.int64]
    messages: NDArray[np.int64]
    targets: NDArray[np.int64] | None = None


class _Feeds:
    """What has to be known of the events before: which step it is, and which messages are in the feeds.

    Attributes:
        messages: all that were in feeds so far.
    """

    def __init__(self) -> None:
        self.messages: list[str] = []
        self._place: dict[str, Any] = {}
        self._first = 0

    def take(self, event: dict[str, Any]) -> _Deeds | None:
        """Take the next event; return the reactions that it holds, if any."""
        match event["type"]:
            case "step_started":
                self._place = {name: event[name] for name in ("phase", "epoch", "arm")}
            case "feed_opened":
                self._first = len(self.messages)
                self.messages += event["messages"]
            case "members_posted":
                self.messages += event["messages"]
            case "engaged":
                items = unpack(event["items"], Int16s).astype(np.int64)
                return self._deeds(event, event["action"], _numbers(event["members"]), self._first + items)
            case "ties_formed" | "ties_cut" if event["why"] in ("follow", "unfollow"):
                return self._deeds(event, event["why"], _numbers(event["sources"]), targets=_numbers(event["targets"]))
            case "reaction_invalid" | "feed_answer_invalid":
                return self._deeds(event, "invalid", np.array([event["persona"]]))
            case _:
                pass
        return None

    def _deeds(
        self, event: dict[str, Any], kind: str, personas: NDArray[np.int64], messages: Any = None, targets: Any = None
    ) -> _Deeds:
        same = {"kind": kind, **{name: event[name] for name in ("seq", "step", "round", "contest")}, **self._place}
        return _Deeds(same, personas, np.full(len(personas), -1) if messages is None else messages, targets)

    def rows(self, deeds: Sequence[_Deeds]) -> pl.DataFrame:
        """Return deeds a row each."""
        import polars as pl

        schema = _deed_columns()
        shared = ("seq", "step", "phase", "epoch", "arm", "kind", "round", "contest")
        same = pl.DataFrame([each.same for each in deeds], {name: schema[name] for name in shared})
        event = np.repeat(np.arange(len(deeds)), [len(each.personas) for each in deeds])
        about = pl.Series(np.concatenate([each.messages for each in deeds]))
        about = about.set(about < 0, None)
        said = pl.DataFrame({"message": pl.Series(self.messages, dtype=pl.String)}).with_columns(
            about=pl.col("message").str.replace(r"/(said/.*|\d+)$", ""),
            slot=pl.when(~pl.col("message").str.contains("/said/")).then(
                pl.col("message").str.extract(r"/(\d+)$").cast(pl.Int64)
            ),
        )
        targets = [
            pl.Series([None] * len(e.personas) if e.targets is None else e.targets, dtype=pl.Int64) for e in deeds
        ]
        return (
            same.select(pl.all().gather(event))
            .hstack(said.select(pl.all().gather(about)))
            .with_columns(
                pl.coalesce("contest", "about").alias("contest"),
                pl.Series("persona", np.concatenate([each.personas for each in deeds])),
                pl.concat(targets).alias("target"),
            )
            .select(list(_deed_columns()))
        )


def _deed_columns() -> dict[str, pl.DataType]:
    """Return the columns without audience and arena, which the names of societies hold."""
    return {name: dtype for name, dtype in schema_of("reactions").items() if name not in ("audience", "held_in")}


def _numbers(column: bytes) -> NDArray[np.int64]:
    return unpack(column, Int32s).astype(np.int64)
