"""Win rates before other audiences, in a report. Knows :func:`analysis.tables.transfer.transfer_dicts`' mappings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from analysis.formats import DASH, comparator_name, difference, p_value, rate
from analysis.reports.document import Block, Board, BoardLine, Datum, Prose
from analysis.reports.sources import ReportedRun, contests_anchor

OWN = "its own"
"""The run's own audience, whose votes are learnt from."""


def transfer_blocks(sources: Sequence[ReportedRun]) -> Iterator[Block]:
    """Yield the table of all audiences, and why some votes are evidence of nothing; nothing where no other audience voted."""
    rows = [(source, row) for source in sources if not source.table["withheld"] for row in source.table["transfer"]]
    if not rows:
        return
    columns = (
        "arm",
        "before",
        f"beyond {comparator_name(row['compared_with'] for _, row in rows)}, points",
        "win rate over base",
        "with forfeits left out",
        f"less before {OWN}, points",
        "p",
    )
    first = ("cell",) if rows[0][0].cell else ()
    lines = tuple(_line(source, row) for source, row in rows)
    note = (
        "The same messages before audiences other than the one that arms learnt from. Intervals hold 95 %, of these adapters, over new anchors "
        "and people; differences are of the same people's votes about the same anchors."
    )
    yield Board("Before other audiences", (*first, *columns), lines, labels=len(first) + 2, note=note, decisive=True)
    for why in dict.fromkeys((row["audience"], row["withheld"]) for _, row in rows if row["withheld"]):
        yield Prose(f"No win rates before {why[0]}: {why[1]}.", tone="warning")


def _line(source: ReportedRun, row: Mapping[str, Any]) -> BoardLine:
    behind = source.behind(contests_anchor(row["arm"], row["audience"]))
    said = [
        difference(row["from_comparator"]),
        rate(row["win_rate"]),
        rate(row["without_forfeits"]),
        difference(row["difference"]),
        p_value(row["difference"]["p"]),
    ]
    said = [DASH] * len(said) if row["withheld"] else said
    cells = (Datum(text, behind if text != DASH else "") for text in said)
    return BoardLine((*source.first, Datum(row["arm"]), Datum(row["audience"] or OWN), *cells))
