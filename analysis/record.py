"""A run as a script reads it: its log, its tables and its frames. Reads only; imports no extension."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from abm.columns import Int8s, unpack
from abm.events import Event, ReactedMany
from abm.log import EventLog, Head, open_log
from abm.probe import DIAGNOSTIC
from abm.reactions import members

if TYPE_CHECKING:
    import polars as pl

    from learning import Run

VIEWS = ("votes", "messages", "verdicts")
"""Frames that join what several types of events say; any type of event is a frame, too."""
_PLACE = ("phase", "epoch", "arm", "anchor")
"""What a contest's id consists of."""


class Results(dict[str, Any]):
    """The tables of a run as one JSON-able mapping; printed, they are what ``moloch run`` prints."""

    def __str__(self) -> str:
        from rich.console import Console

        from analysis.terminal.run import render

        console = Console(width=120, no_color=True)
        with console.capture() as text:
            for part in render(self):
                console.print(part)
        return text.get()


class RunRecord:
    """One run on disk, finished or not.

    Args:
        path: the run's folder.
        seconds: wall-clock time that this process spent on it, if it carried the run out.

    Raises:
        LogError: there is no run, or its log cannot be read.
    """

    def __init__(self, path: Path | str, seconds: float = 0.0) -> None:
        self.path, self.seconds = Path(path), seconds
        self.log: EventLog = open_log(self.path, write=False)

    def __repr__(self) -> str:
        head = self.head
        return f"<run {self.path}: {head.seq:,} events, head {head.hash[:12]}>"

    @property
    def config(self) -> dict[str, Any]:
        """The recorded settings."""
        return self.log.config

    @property
    def head(self) -> Head:
        """Count and chain hash of the log as it is now; print the hash in every result."""
        return self.log.head()

    @cached_property
    def digest(self) -> str:
        """What was decided, as a hash: equal settings and seed give an equal digest."""
        from abm.journal import log_digest

        return log_digest(self.log)

    def events(self) -> Iterator[Event]:
        """Yield every event, in order."""
        return self.log.read()

    def results(self) -> Results:
        """Return the tables of the last evaluation; see :func:`analysis.tables.results.results`."""
        from analysis.tables.results import results

        return Results(results(self.events()))

    def frame(self, name: str) -> pl.LazyFrame:
        """Return rows of the log; ``seq`` leads each back to its event.

        Args:
            name: ``votes`` (one row per reaction, those of crowds too), ``messages`` (published ones), ``verdicts`` (with
                the message's place, and the ``kind`` of the probe: strategy or copying), or a type of event, such as ``feed_served``.

        Raises:
            InputError: there is no such frame.
        """
        if name == "votes":
            return _votes(self.log)
        if name == "messages":
            return _placed(self.log.frame("message_published").lazy())
        if name == "verdicts":
            from polars import col

            verdicts = self.log.frame("verdict_given").lazy()
            contest = col("message").str.replace(r"/\d+$", "")
            slot = col("message").str.extract(r"/(\d+)$").cast(int)
            kind = col("probe").replace_strict(dict.fromkeys(DIAGNOSTIC, "copying"), default="strategy")
            return _placed(verdicts.with_columns(contest=contest, slot=slot, kind=kind))
        return self.log.frame(name).lazy()


def open_run(path: Path | str) -> RunRecord:
    """Return the run in a folder, to read its tables and frames.

    Raises:
        LogError: there is no run, or its log cannot be read.
    """
    return RunRecord(path)


def run(*args: Any, **settings: Any) -> RunRecord:
    """Carry out a run, or resume it where it stopped; as :func:`learning.run`, with the arena's probes by default.

    Raises:
        MolochError: as :func:`learning.run`.
    """
    from analysis.probes import battery
    from learning import run as carry_out

    config = args[0] if args else settings.get("config")
    named = settings.get("probes") is not None or getattr(config, "probes", None) is not None
    done = carry_out(*args, **settings) if named else carry_out(*args, **settings | {"probes": battery})
    return record_of(done)


def record_of(done: Run) -> RunRecord:
    """Return the record of a run that was just carried out."""
    return RunRecord(done.path, done.seconds)


def _placed(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Add the place of each row's contest as columns: phase, epoch, arm and anchor."""
    import polars as pl

    parts = pl.col("contest").str.splitn("/", len(_PLACE)).struct.rename_fields(list(_PLACE))
    columns = set(frame.collect_schema().names())
    placed = frame.with_columns(parts.alias("_place")).with_columns(
        *(pl.col("_place").struct.field(name) for name in _PLACE if name not in columns)
    )
    return placed.drop("_place").with_columns(pl.col("epoch").cast(pl.Int64))


def _votes(log: EventLog) -> pl.LazyFrame:
    import polars as pl

    columns = ["seq", "step", "contest", "persona", "choice", "order", "thought"]
    asked = log.frame("reacted").select(columns)
    crowds = [
        _exploded(row).select(columns).cast(cast(Any, asked.schema))
        for row in log.frame("reacted_many").iter_rows(named=True)
    ]
    return _placed(pl.concat([asked, *crowds]).lazy().sort("seq"))


def _exploded(row: dict[str, Any]) -> pl.DataFrame:
    """Return the reactions of a crowd, which are one event, as rows."""
    import polars as pl

    event = ReactedMany(**{name: row[name] for name in ("contest", "first", "personas", "orders", "choices")})
    personas, choices = members(event), unpack(event.choices, Int8s)
    orders = unpack(event.orders, Int8s).reshape(len(personas), -1).astype("int64")
    votes = {"persona": personas, "choice": choices.astype("int64"), "order": cast(Any, orders.tolist())}
    place = {"seq": row["seq"], "step": row["step"], "contest": row["contest"], "thought": ""}
    return pl.DataFrame(votes).with_columns(**{name: pl.lit(value) for name, value in place.items()})
