"""Sections of a report that only some runs and studies have: arms head to head, other audiences, other arenas and tasks, markets, labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from analysis.labels import LabelledRun
from analysis.readings.contests import Evaluation
from analysis.reports.document import Block, Board, Section
from analysis.reports.labelled import label_blocks
from analysis.reports.numbers import contest_boards
from analysis.reports.out_of_domain import out_of_domain_blocks
from analysis.reports.sources import ReportedRun
from analysis.reports.transfer import transfer_blocks


def further_sections(
    sources: Sequence[ReportedRun], runs: Sequence[LabelledRun], *, meetings: Iterable[Block], rivalry: Iterable[Block]
) -> Iterator[Section]:
    """Yield those sections that have something to say, in order.

    Args:
        sources: the run's tables, or those of each cell; ``runs``: their folders.
        meetings, rivalry: of arms head to head, and of markets.

    Raises:
        InputError, LogError: a log of labels, or of its run, cannot be read.
    """
    told = (
        ("head-to-head", "Head to head", meetings),
        ("transfer", "Other audiences", transfer_blocks(sources)),
        ("out-of-domain", "Out of domain", out_of_domain_blocks(sources)),
        ("rivalry", "Rivalry in markets", rivalry),
        ("labels", "People's labels", label_blocks(runs)),
    )
    for anchor, title, blocks in told:
        if there := tuple(blocks):
            yield Section(anchor, title, there)


def further_boards(
    found: Evaluation, others: Mapping[str, Evaluation], subjects: Mapping[str, str], run: str
) -> Iterator[Board]:
    """Yield the contests of a run that were held before other audiences and in other arenas.

    Args:
        others: audience -> what it voted.
        subjects: anchor -> what it is called.
        run: what the run is called in commands, quoted for a shell.
    """
    for audience, voted in others.items():
        yield from contest_boards(voted, subjects, run, where=audience, held=f" before {audience}")
    for arena in found.elsewhere:
        yield from contest_boards(found.abroad(arena), subjects, run, where=arena, held=f" in {arena}")
