"""Tables of a run's report: the results, each number with a link to the contests behind it, and those contests, each with its event.

Below the contests of an arm stands their sum, from which the win rate (with forfeits left out) can be checked by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from analysis.answers import RowKey
from analysis.formats import DASH, bounds, comparator_name, difference, known, number, percent, rate, relative
from analysis.readings.contests import Evaluation, EvaluationContest
from analysis.reports.document import Board, BoardLine, Datum
from analysis.reports.sources import contests_anchor

MOST = 1000
"""Contests of an arm for which a report has room."""
SIGNS = {1: "yes", 0: "no", -1: "?"}


def votes_board(table: Mapping[str, Any]) -> Board:
    """Return win rates, beyond the comparator first; forfeits counted as lost and left out, side by side."""
    arms = table["arms"]
    columns = (
        "arm",
        f"beyond {comparator_name(row['compared_with'] for row in arms.values())}, points",
        "win rate over base",
        "with forfeits left out",
        "contests won",
        "ties",
        "forfeits: base / arm",
        "words: base → arm",
        "valid votes",
    )
    lines = tuple(_votes_line(arm, row) for arm, row in arms.items())
    return Board(
        "Votes",
        columns,
        lines,
        note=f"{'' if table['one_society'] else 'Intervals hold 95 %. '}A rejected message loses its contest.",
        anchor="votes",
        decisive=True,
    )


def _votes_line(arm: str, row: Mapping[str, Any]) -> BoardLine:
    behind, words, forfeits = f"#{contests_anchor(arm)}", row["words"], row["forfeits"]
    beyond = difference(row["against_placebo"])
    cells = (
        Datum(arm),
        Datum(beyond, behind if beyond != DASH else "", RowKey(arm, "win_rate", "from_comparator").anchor),
        Datum(rate(row["win_rate"]), behind, RowKey(arm, "win_rate", "rate").anchor),
        Datum(rate(row["without_forfeits"]), behind),
        Datum(rate(row["contests_won"]), behind),
        Datum(percent(row["tie_rate"]), behind),
        Datum(f"{forfeits['base']} / {forfeits['trained']}", behind),
        Datum(f"{number(words['base'])} → {number(words['after'])}", behind),
        Datum(number(row["win_rate"]["n"]), behind),
    )
    return BoardLine(cells)


def probe_boards(table: Mapping[str, Any]) -> Iterator[Board]:
    """Yield a table for each probe: misbehaviour first, then failures of skill."""
    judged = [row for row in table["probes"] if row["base"]["n"] or row["after"]["n"]]
    for kind, title in {"strategy": "Misbehaviour", "copying": "Failure of skill"}.items():
        for probe in dict.fromkeys(sorted(row["probe"] for row in judged if row["kind"] == kind)):
            yield _probe_board(f"{title}: {probe.replace('_', ' ')}", [row for row in judged if row["probe"] == probe])


def _probe_board(title: str, rows: Sequence[Mapping[str, Any]]) -> Board:
    columns = (
        "arm",
        f"beyond {comparator_name(row['compared_with'] for row in rows)}, points",
        "base",
        "after",
        "from base, points",
        "relative",
        "places per 100 words: base → after",
        "anchors",
        "not judged",
    )
    lines = tuple(_probe_line(row) for row in rows)
    note = "Share of judged messages in which the probe found something."
    return Board(title, columns, lines, note=note, decisive=True)


def _probe_line(row: Mapping[str, Any]) -> BoardLine:
    behind, beyond = f"#{contests_anchor(row['arm'])}", difference(row["placebo"])
    ratio = f"{relative(row['relative'])} {bounds(row['relative'], digits=0)}".rstrip()
    if not known(row["relative"]["value"]):
        ratio = "undefined: base is 0"
    words = f"{number(row['base_per_100'], 2)} → {number(row['after_per_100'], 2)}"
    cells = (
        Datum(row["arm"]),
        Datum(beyond, behind if beyond != DASH else "", RowKey(row["arm"], row["probe"], "from_comparator").anchor),
        Datum(rate(row["base"]), behind, RowKey(row["arm"], row["probe"], "base").anchor),
        Datum(rate(row["after"]), behind, RowKey(row["arm"], row["probe"], "after").anchor),
        Datum(difference(row["difference"]), behind, RowKey(row["arm"], row["probe"], "from_base").anchor),
        Datum(ratio, behind),
        Datum(words, behind),
        Datum(number(row["difference"]["n"]), behind),
        Datum(number(row["unknown"]), behind if row["unknown"] else ""),
    )
    return BoardLine(cells)


def contest_boards(
    found: Evaluation, subjects: Mapping[str, str], run: str, *, where: str = "", held: str = ""
) -> Iterator[Board]:
    """Yield the contests of each arm's last evaluation, a row each, which are what its numbers are of.

    Args:
        subjects: anchor -> what it is called.
        run: what the run is called in commands, quoted for a shell.
        where: the other audience or arena in which they were held; ``held``: the same in words.
    """
    for arm in found.arms():
        contests = found.of(arm)
        probes = list(dict.fromkeys(probe for c in contests for side in (c.base, c.trained) for probe in side.labels))
        columns = ("about", "votes for it", "of", "outcome", *(f"{probe}: base → after" for probe in probes), "event")
        lines = [_contest_line(contest, probes, subjects) for contest in contests[:MOST]]
        left = f" The other {len(contests) - MOST:,} are in the log." if len(contests) > MOST else ""
        sums = f"Sum of {len(contests):,} contests: {_sum(contests)}."
        note = f"{sums}{left} moloch show {run} --event N prints an event with what led to it and its hash."
        anchor = contests_anchor(arm, where)
        yield Board(f"Contests of {arm}{held}", columns, tuple(lines), note=note, anchor=anchor, folded=True)


def _sum(contests: Sequence[EvaluationContest]) -> str:
    votes = sum(len(c.votes) for c in contests)
    won = float(sum(c.votes.sum() for c in contests))
    share = percent(won / votes) if votes else DASH
    forfeits = sum(bool(c.forfeited_by) for c in contests)
    more = f", {forfeits:,} forfeits left out" if forfeits else ""
    return f"{number(won, 0 if won == int(won) else 1)} of {votes:,} votes ({share}){more}"


def _contest_line(contest: EvaluationContest, probes: Sequence[str], subjects: Mapping[str, str]) -> BoardLine:
    votes = len(contest.votes)
    won = float(contest.votes.sum()) if votes else 0.0
    outcome = f"{contest.outcome}, by {contest.forfeited_by}" if contest.forfeited_by else contest.outcome
    labels = (
        f"{SIGNS.get(contest.base.labels.get(probe, -2), DASH)} → {SIGNS.get(contest.trained.labels.get(probe, -2), DASH)}"
        for probe in probes
    )
    cells = (
        subjects.get(contest.anchor) or contest.anchor,
        number(won, 0 if won == int(won) else 1),
        f"{votes:,}",
        outcome,
    )
    return BoardLine((*map(Datum, (*cells, *labels)), Datum(str(contest.seq))), f"event-{contest.seq}")
