"""Arms head to head in a report: strengths (Bradley-Terry), who was chosen over whom, and the contests in which they met.

Knows the mappings of :mod:`analysis.tables` and :mod:`analysis.studies.values.strengths`, and contests; knows nothing of logs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from analysis.answers import level_words
from analysis.formats import bounds, log_odds, number, percent
from analysis.readings.pair_contests import DecidedPair
from analysis.reports.document import Block, Board, BoardLine, Datum
from analysis.reports.sources import ReportedRun, contests_anchor, pair_anchor
from learning.arms.base_models import is_base

MOST = 1000
"""Contests of two arms for which a report has room."""
PAIRS = "head-to-head-pairs"
STRENGTHS = (
    "arm",
    "strength over base, log-odds",
    "chosen over base",
    "strength with forfeits left out, log-odds",
)  # fmt: skip


def meeting_blocks(found: Mapping[str, Any]) -> Iterator[Block]:
    """Yield a run's strengths and pairs; nothing where arms did not meet.

    Args:
        found: as :func:`analysis.tables.results.results` has it under ``head_to_head``.
    """
    if not found:
        return
    lines = [
        (row["arm"], log_odds(row["strength"]), percent(row["chosen"]), log_odds(row["without_forfeits"]))
        for row in found["strengths"]
    ]
    rows = tuple(BoardLine((Datum(arm), *(Datum(text, f"#{PAIRS}") for text in said))) for arm, *said in lines)
    note = (
        f"Intervals hold 95 %: a bootstrap over {found['anchors']:,} anchors, of these adapters and these people. Being shown first adds "
        f"{log_odds(found['shown_first'])} to the log-odds; {found['votes']:,} votes."
    )
    yield Board("Strengths (Bradley-Terry)", STRENGTHS, rows, note=note, decisive=True)
    columns = ("arm", "against", "votes for it", "expected", "votes", "neither", "contests won", "lost", "tied")
    lines = tuple(map(_pair_line, found["pairs"]))
    note = "Expected: by the strengths. Neither: members who read both messages and chose none."
    yield Board(
        "Who was chosen over whom",
        (*columns, "forfeits: arm / other"),
        lines,
        labels=2,
        note=note,
        anchor=PAIRS,
        decisive=True,
    )


def _pair_line(row: Mapping[str, Any]) -> BoardLine:
    arm, other = row["arm"], row["other"]
    behind = f"#{contests_anchor(arm) if is_base(other) else pair_anchor(*sorted((arm, other)))}"
    counts = (number(row[name]) for name in ("votes", "neither", "won", "lost", "tied"))
    said = percent(row["share"]), percent(row["expected"]), *counts, " / ".join(map(str, row["forfeits"]))
    return BoardLine((Datum(arm), Datum(other), *(Datum(text, behind) for text in said)))


def met_boards(decided: Sequence[DecidedPair], subjects: Mapping[str, str], run: str) -> Iterator[Board]:
    """Yield, for each two arms that met, their contests after the last epoch, a row each.

    Args:
        subjects: anchor -> what it is called.
        run: what the run is called in commands, quoted for a shell.
    """
    last = max((each.epoch for each in decided), default=0)
    pairs: dict[tuple[str, ...], list[DecidedPair]] = {}
    for each in decided:
        if each.epoch == last:
            pairs.setdefault(tuple(sorted(each.pair)), []).append(each)
    for pair, contests in pairs.items():
        columns = ("about", *(f"votes for {arm}" for arm in pair), "outcome", "event")
        left = f"The other {len(contests) - MOST:,} are in the log. " if len(contests) > MOST else ""
        note = f"{left}moloch show {run} --event N prints an event with what led to it and its hash."
        lines = tuple(_met_line(each, pair, subjects) for each in contests[:MOST])
        title = f"Contests of {pair[0]} against {pair[1]}"
        yield Board(title, columns, lines, note=note, anchor=pair_anchor(*pair), folded=True)


def _met_line(contest: DecidedPair, pair: tuple[str, ...], subjects: Mapping[str, str]) -> BoardLine:
    votes = dict(zip(contest.pair, contest.votes, strict=True))
    won = f", {contest.pair[contest.winner]} won" if contest.winner in (0, 1) else ""
    cells = (
        subjects.get(contest.anchor) or contest.anchor,
        *(number(votes[arm]) for arm in pair),
        f"{contest.outcome}{won}",
        str(contest.seq),
    )
    return BoardLine(tuple(map(Datum, cells)), f"event-{contest.seq}")


# -- of a study -----------------------------------------------------------------------------------------------------


def strength_boards(tables: Sequence[Mapping[str, Any]], by: Sequence[str]) -> Iterator[Board]:
    """Yield the strengths of a study's arms over all seeds; nothing for no tables.

    Args:
        tables: as :func:`analysis.studies.values.strengths.strength_dicts` makes them.
    """
    lines, first = list[BoardLine](), list[str]()
    for table in tables:
        levels = [level_words(table["levels"][name]) for name in by]
        first.append(f"{', '.join(levels)}{': ' if levels else ''}{log_odds(table['shown_first'])}")
        for row in table["strengths"]:
            chosen = f"{percent(row['chosen']['value'])} {bounds(row['chosen'])}".rstrip()
            said = log_odds(row["strength"]), chosen, log_odds(row["without_forfeits"]), f"{row['cells']:,}"
            cells = (*map(Datum, levels), Datum(row["arm"]), *(Datum(text, f"#{PAIRS}") for text in said))
            lines.append(BoardLine(cells))
    if lines:
        note = (
            "Intervals hold 95 % and cluster on seeds, anchors and people: an arm is its method, and seeds are draws of it. "
            f"Being shown first adds to the log-odds: {'; '.join(first)}."
        )
        columns = (*by, *STRENGTHS, "cells")
        yield Board("Strengths over all seeds (Bradley-Terry)", columns, tuple(lines), len(by) + 1, note, decisive=True)


def meetings_of_cells(cells: Mapping[str, Sequence[DecidedPair]]) -> Iterator[Board]:
    """Yield who met whom in each cell: contests of the last epoch by who won them, and votes.

    Args:
        cells: cell -> its contests.
    """
    lines = list[BoardLine]()
    for cell, decided in cells.items():
        last, source = max((each.epoch for each in decided), default=0), ReportedRun({}, cell)
        for pair in dict.fromkeys(each.pair for each in decided):
            contests = [each for each in decided if each.epoch == last and each.pair == pair]
            votes = (sum(each.votes[slot] for each in contests) for slot in (0, 1))
            won = (sum(each.winner == slot for each in contests) for slot in (0, 1))
            counts = (*votes, *won, sum(each.outcome == "tie" for each in contests), len(contests))
            cells_of = *map(Datum, pair), *(Datum(f"{n:,}", source.behind("")) for n in counts)
            lines.append(BoardLine((*source.first, *cells_of)))
    if lines:
        columns = ("cell", "arm", "against", "votes for it", "votes for the other", "won", "lost", "tied", "contests")
        yield Board("Arms that met, in each cell", columns, tuple(lines), labels=3, anchor=PAIRS, folded=True)
