"""Trainings, their steps and what policies wrote, a row each. Knows nothing of what the measures mean."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from abm.columns import Float32s, unpack
from abm.log import open_log
from abm.log.mirror import download
from abm.log.objects import ObjectFolder
from abm.log.projection import scan
from analysis.frames._arenas import own_arena
from analysis.frames._codebook import schema_of
from learning.alarms import MessageReading
from moloch.errors import CorruptLog

if TYPE_CHECKING:
    import polars as pl

_MEASURED = ("kl_before", "kl_after", "entropy_before", "entropy_after")
_STEPS = {"loss": "losses", "gradient_norm": "gradient_norms", "learning_rate": "learning_rates"}


def training(run: Path | str) -> pl.LazyFrame:
    """Return a row per adapter that was learnt, in the order of the log."""
    import polars as pl

    events = scan(run)
    kind, key = pl.col("type"), ["arm", "epoch", "adapter"]
    measured = (
        events.filter((kind == "training_measured") & (pl.col("drift_tokens") > 0))
        .select(*key, *_MEASURED)
        .unique(key, keep="last")
    )
    learnt = events.filter(kind == "adapter_trained").drop(_MEASURED).rename({"seed": "training_seed"})
    return learnt.join(measured, on=key, how="left", maintain_order="left")


def steps(run: Path | str) -> pl.LazyFrame:
    """Return a row per step of the optimiser, in the order of the log."""
    import polars as pl

    return pl.defer(partial(_steps, run), schema=schema_of("steps"))


def writing(run: Path | str) -> pl.LazyFrame:
    """Return a row per policy and phase of an epoch, in the order of the log, which is brought here if it is in object storage."""
    import polars as pl

    return pl.defer(partial(_writing, run), schema=schema_of("writing"))


def _steps(run: Path | str) -> pl.DataFrame:
    import polars as pl

    places = ("seq", "arm", "epoch", "adapter")
    events = scan(run).filter(pl.col("type") == "training_measured").select(*places, *_STEPS.values()).collect()
    parts = [pl.DataFrame(schema=schema_of("steps"))]
    for row in events.iter_rows(named=True):
        columns = {name: unpack(row[field], Float32s).astype(np.float64) for name, field in _STEPS.items()}
        count = len(columns["loss"])
        if any(len(column) != count for column in columns.values()):
            raise CorruptLog(
                "a training has columns of several lengths",
                where=f"event {row['seq']}",
                why=", ".join(f"{len(column)} of {name}" for name, column in columns.items()),
                fix="The log was edited; use a copy made before.",
            )
        same = (pl.lit(row[name], dtype=schema_of("steps")[name]).alias(name) for name in places)
        numbers = pl.int_range(1, count + 1, dtype=pl.Int64).alias("training_step")
        parts.append(pl.DataFrame(columns).with_columns(*same, numbers).select(list(schema_of("steps"))))
    return pl.concat(parts)


def _writing(run: Path | str) -> pl.DataFrame:
    import polars as pl

    if isinstance(run, str):  # what was written is measured from events, and Parquet has none
        with tempfile.TemporaryDirectory() as scratch:
            there = ObjectFolder(run)
            download(there, "", Path(scratch) / "run", there.objects())
            return _writing(Path(scratch) / "run")
    reading = MessageReading()
    for block in open_log(run, write=False).blocks():
        for event in block.events(reading.TAKES):
            reading.take(event)
    own = own_arena(run)
    rows = [
        who._asdict() | {"held_in": who.arena or own} | msgspec.structs.asdict(measures)
        for who, measures in reading.result().items()
    ]
    return pl.DataFrame(rows, schema=schema_of("writing")).with_columns(pl.col("distinct").fill_nan(None))
