"""What a site reads of a run: one pass over its log for everything but societies, and one for these. Knows nothing of pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from abm.log import Head, open_log, verify
from analysis.figures.figure import FigureContent, LeftOut
from analysis.figures.outcomes import content
from analysis.figures.subject import RunRead, Subject
from analysis.judges import VerdictRow, read_verdicts
from analysis.readings.book import Book
from analysis.readings.contests import Evaluation
from analysis.readings.kind_views import KindViews, KindViewsReading
from analysis.readings.mind_changes import MindsReading
from analysis.readings.minds import Minds
from analysis.readings.reading import read
from analysis.readings.society import SocietyKey
from analysis.readings.spreads import Spread, SpreadReading
from analysis.reports.origin import OriginReading
from analysis.tables.results import TableReading
from analysis.ui.data.film import society_options
from analysis.ui.data.frames import Frames
from analysis.ui.data.runs import RunInfo, seen_from
from analysis.ui.data.society import SocietyReading
from moloch.errors import MolochError

SOCIETIES = 12
"""Societies of a run that are shown; an arm's epochs stand one after the other in one."""


@dataclass(frozen=True)
class SiteSociety:
    """One society of a run, as far as its log goes; ``frames`` and ``minds`` are None where it has not begun."""

    key: SocietyKey
    frames: Frames | None
    minds: Minds | None
    kinds: KindViews


class CountedRun(NamedTuple):
    """What evaluations came to, as the page of results takes it; no tables where they cannot be counted, and ``why``."""

    tables: dict[str, Any]
    evaluation: Evaluation
    outcomes: FigureContent | LeftOut
    why: str = ""


@dataclass(frozen=True)
class SiteSource:
    """A run that was read.

    Attributes:
        path: its folder; ``info``: the run from outside, its folder by name alone.
        counted: what evaluations came to.
        verdicts: of judges, and why they cannot be read where that is so.
        societies: those that are shown; ``unseen``: how many are not.
        spreads: of all messages that were in feeds.
    """

    path: Path
    info: RunInfo
    book: Book
    counted: CountedRun
    verdicts: list[VerdictRow]
    no_verdicts: str
    societies: list[SiteSociety]
    unseen: int
    spreads: list[Spread]

    @cached_property
    def spread_of(self) -> dict[str, Spread]:
        """Message -> what became of it in the feeds."""
        return {spread.message: spread for spread in self.spreads}


def read_source(run: Path, key: str) -> SiteSource:
    """Read a run up to its last whole commit.

    Args:
        key: what the pages call it.

    Raises:
        LogError: no run, or its log cannot be read.
        CorruptLog: it is damaged.
    """
    head = verify(run)
    log = open_log(run, write=False)
    book, origin = Book(), OriginReading()
    read(log.read(0, head.seq), book, origin)
    book.seq = head.seq
    digest = origin.ended.digest if origin.ended is not None else ""
    counted = _counted(run, key, head, book)
    societies, unseen, spreads = _societies(run, head, book)
    verdicts, why = _verdicts(run)
    return SiteSource(
        path=run,
        info=replace(seen_from(key, run, head, digest), path=Path(key)),
        book=book,
        counted=counted,
        verdicts=verdicts,
        no_verdicts=why,
        societies=societies,
        unseen=unseen,
        spreads=spreads,
    )


def shown_societies(book: Book) -> list[SocietyKey]:
    """Return the societies of a run, an arm's epochs as one where there are several."""
    keys = [key for text, _ in society_options(book) if (key := SocietyKey.parse(text)) is not None]
    whole = {(key.phase, key.arm) for key in keys if key.epoch is None}
    return [key for key in keys if key.epoch is None or (key.phase, key.arm) not in whole]


def _counted(run: Path, key: str, head: Head, book: Book) -> CountedRun:
    tables = TableReading()
    try:
        read(open_log(run, write=False).read(0, head.seq), tables)
        evaluation = tables.evaluation()
        subject = Subject((RunRead(run, key, {"arena": str(evaluation.config.get("arena", ""))}, evaluation),))
        return CountedRun(tables.result(), evaluation, content(subject))
    except MolochError as error:  # such as an arena of a newer version: contests can be read all the same
        nothing = Evaluation(config=book.config, model=book.model, reader=book.reader)
        return CountedRun({"arms": {}}, nothing, LeftOut(str(error)), f"It cannot be counted: {error}")


def _societies(run: Path, head: Head, book: Book) -> tuple[list[SiteSociety], int, list[Spread]]:
    every = shown_societies(book)
    keys = every[:SOCIETIES]
    frames = [SocietyReading(key) for key in keys]
    minds = [MindsReading(key) for key in keys]
    kinds = [KindViewsReading(key, book.config) for key in keys]
    spreads = SpreadReading()
    read(open_log(run, write=False).read(0, head.seq), spreads, *frames, *minds, *kinds)
    made = [
        SiteSociety(key, film.result(), mind.result(), kind.result())
        for key, film, mind, kind in zip(keys, frames, minds, kinds, strict=True)
    ]
    return made, len(every) - len(keys), spreads.result()


def _verdicts(run: Path) -> tuple[list[VerdictRow], str]:
    if not (run / "verdicts").is_dir():
        return [], ""
    try:
        return read_verdicts(run), ""
    except MolochError as error:
        return [], str(error)


def of_contests(rows: Sequence[VerdictRow]) -> dict[str, list[VerdictRow]]:
    """Return contest -> what judges said of its messages."""
    found: dict[str, list[VerdictRow]] = {}
    for row in rows:
        found.setdefault(row.message.rpartition("/")[0], []).append(row)
    return found
