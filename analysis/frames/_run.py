"""The frames of one run: Parquet of its segments and its live end, as lazy Polars. Nothing is decided or counted here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from abm.log.projection import scan, scan_votes
from abm.log.votes import place_of
from abm.probe import DIAGNOSTIC
from analysis.frames._arenas import in_arenas
from analysis.frames._audiences import with_audience
from analysis.frames._codebook import columns_of
from analysis.frames._contests import contests
from analysis.frames._labels import labels
from analysis.frames._measures import steps, training, writing
from analysis.frames._people import origin
from analysis.frames._reactions import reactions

if TYPE_CHECKING:
    import polars as pl


def of_run(run: Path | str, name: str) -> pl.LazyFrame:
    """Return a frame of one run; :func:`analysis.frames.codebook` says what its columns are.

    What has been sealed, and the last segment of a run that has ended, is read as Parquet, which is made where it is missing; the
    live end is read and verified now. A fork's frames begin with the run that it comes from.

    Args:
        run: its folder; or a URL to which it was uploaded, whole: what :func:`abm.log.projection.scan` says of those holds.
        name: ``contests``, ``votes``, ``messages``, ``verdicts``, ``training``, ``steps``, ``writing``, ``reactions``, ``labels``, or a type of event.

    Raises:
        InputError: there is no such frame.
        LogError: there is no run, it is damaged, or a newer version wrote it.
    """
    run = run if "://" in str(run) else Path(run)
    columns = [column.name for column in columns_of(name)]
    frame = _MADE[name](run) if name in _MADE else of_type(scan(run), name)
    return frame.select(columns)


def of_type(events: pl.LazyFrame, *kinds: str) -> pl.LazyFrame:
    """Return the events of some types."""
    import polars as pl

    return events.filter(pl.col("type").is_in(kinds))


def _votes(run: Path | str) -> pl.LazyFrame:
    return in_arenas(with_audience(scan_votes(run), run), run).with_columns(origin=origin(run))


def _messages(run: Path | str) -> pl.LazyFrame:
    import polars as pl

    events = scan(run)
    replies = of_type(events, "llm_replied").select(cause="seq", tokens="tokens_out", finish="finish")
    written = of_type(events, "message_published", "message_rejected").drop("tokens", "finish")
    placed = written.join(replies, on="cause", how="left", maintain_order="left").with_columns(
        *place_of()[:3],
        rejected=pl.when(pl.col("type") == "message_rejected").then("reason"),
        words=pl.col("text").str.count_matches(r"\S+").cast(pl.Int64),
    )
    return in_arenas(with_audience(placed, run), run)


def _verdicts(run: Path | str) -> pl.LazyFrame:
    import polars as pl

    events = scan(run)
    writers = of_type(events, "message_published").select("message", "competitor").unique("message", keep="first")
    kind = pl.col("probe").replace_strict(dict.fromkeys(DIAGNOSTIC, "copying"), default="strategy")
    given = of_type(events, "verdict_given").select(
        "seq", "v", "step", "cause", "at", "message", "probe", "judge", "label", "evidence"
    )
    placed = (
        given.with_columns(
            contest=pl.col("message").str.replace(r"/\d+$", ""),
            slot=pl.col("message").str.extract(r"/(\d+)$").cast(pl.Int64),
            kind=kind,
        )
        .with_columns(place_of())
        .join(writers, on="message", how="left", maintain_order="left")
    )
    return in_arenas(placed, run)


def _labels(run: Path | str) -> pl.LazyFrame:
    import polars as pl

    placed = labels(run).with_columns(
        contest=pl.col("message").str.replace(r"/\d+$", ""),
        slot=pl.col("message").str.extract(r"/(\d+)$").cast(pl.Int64),
    )
    return in_arenas(placed.with_columns(place_of()), run)


_MADE: dict[str, Callable[[Path | str], pl.LazyFrame]] = {
    "contests": contests,
    "votes": _votes,
    "messages": _messages,
    "verdicts": _verdicts,
    "training": training,
    "steps": steps,
    "writing": writing,
    "reactions": reactions,
    "labels": _labels,
}
