"""Contests a row each: who wrote, how it was opened, and how it was decided. Knows nothing of what the outcome means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from abm.log.projection import scan
from abm.log.votes import place_of
from abm.societies import BEFORE
from analysis.frames._arenas import arm_alone, in_arenas
from analysis.frames._audiences import with_audience
from learning.arms.markets import BASE

if TYPE_CHECKING:
    import polars as pl


def contests(run: Path | str) -> pl.LazyFrame:
    """Return a row per contest of a run, in the order in which they were opened."""
    import polars as pl

    events = scan(run)
    kind, slot = pl.col("type"), pl.col("slot")
    opened = events.filter(kind == "contest_opened").select(
        "seq", "step", "contest", messages=pl.col("messages").list.len().cast(pl.Int64)
    )
    decided = events.filter(kind == "contest_decided").select(
        "contest", "votes", "abstained", "invalid", "outcome", "winner", "ties", decided="seq"
    )
    wrote = (
        events.filter(kind.is_in(["message_published", "message_rejected"]))
        .select(
            "contest", "slot", "competitor", kind == "message_rejected", place_of()[2].str.split(BEFORE).list.first()
        )
        .with_columns(arm_alone())
        .group_by("contest")
        .agg(
            competitors=pl.col("competitor").sort_by("slot"),
            rejected=pl.col("type").sum().cast(pl.Int64),
            base_slots=slot.filter(pl.col("competitor").str.contains(f"^{BASE}(:|$)")),
            arm_slots=slot.filter(pl.col("competitor") == pl.col("arm")),
        )
    )
    placed = in_arenas(with_audience(opened.with_columns(place_of()), run), run)
    for other in (wrote, decided):
        placed = placed.join(other, on="contest", how="left", maintain_order="left")
    only = {f"{who}_slot": _only(f"{who}_slots") for who in ("base", "arm")}
    votes = {
        f"{who}_votes": pl.col("votes").list.get(pl.col(f"{who}_slot"), null_on_oob=True) for who in ("base", "arm")
    }
    won = pl.when(pl.col("winner") >= 0).then(pl.col("winner") == pl.col("arm_slot"))
    return placed.with_columns(**only).with_columns(**votes, arm_won=won, rejected=pl.col("rejected").fill_null(0))


def _only(slots: str) -> pl.Expr:
    """Return the slot of who has one message; null of who has none, or several."""
    import polars as pl

    return pl.when(pl.col(slots).list.len() == 1).then(pl.col(slots).list.first())
