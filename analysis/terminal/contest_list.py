"""Contests as a list for the terminal: a line each, which fits its columns, and a line for what a probe found in it.

Knows rows of :func:`analysis.tables.contest_list.list_contests`. Texts are shown as text, never as markup.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.formats import DASH, short
from analysis.tables.contest_list import ContestFilter
from analysis.terminal.contest import STYLES

if TYPE_CHECKING:
    from rich.text import Text

ID, MOST_ID = 6, 34
"""Letters of an anchor's id that are shown at least, and of a contest's at most."""
SUBJECT = 12
"""Letters for which a subject has room at least."""
Row = Mapping[str, Any]


def contest_lines(rows: Sequence[Row], which: ContestFilter, width: int, every: Sequence[str]) -> Iterator[Text]:
    """Yield a heading, then the contests; none where there is none.

    Args:
        which: what was asked for: where that are failures, each has a line of its own.
        width: of the terminal, in columns.
        every: ids of all contests of the run, among which what is shown of an id names one alone.
    """
    from rich.text import Text

    if not rows:
        return
    ids, reached = _short_ids([row["contest"] for row in rows], every), any(row["seen"] for row in rows)
    shown = [(row, [_votes(row), *([_seen(row)] if reached else []), _winner(row)]) for row in rows]
    heads = ["votes", *(["seen by"] if reached else []), "won"]
    wide = [max(len(head), *(len(cells[i]) for _, cells in shown)) for i, head in enumerate(heads)]
    first = max(len("contest"), *map(len, ids.values()))
    subjects = _subjects(rows)
    subject = max(SUBJECT, min(width - first - sum(wide) - 2 * (len(wide) + 1), max(map(len, subjects))))

    def line(contest: str, about: str, cells: Sequence[str]) -> str:
        columns = [f"{contest:{first}}", f"{short(about, subject):{subject}}", *_padded(cells, wide)]
        return "  ".join(columns).rstrip()

    yield Text(line("contest", "about", heads), style="dim")
    for about, (row, cells) in zip(subjects, shown, strict=True):
        yield Text(line(ids[row["contest"]], about, cells))
        for found in which.found(row) if which.misbehaved or which.probe else ():
            said = f"  {found['probe']}, {found['competitor']}: {' | '.join(found['evidence'])}"
            yield Text(short_line(said, width), style=STYLES[found["kind"]])


def short_line(text: str, width: int) -> str:
    """Return a line with its indentation, cut where it is too wide."""
    indent = len(text) - len(text.lstrip())
    return " " * indent + short(text.strip(), width - indent)


def _subjects(rows: Sequence[Row]) -> list[str]:
    """Return what contests are about, without a field's name that all of them begin with: there is little room."""
    subjects = [str(row["subject"]) for row in rows]
    label, colon, _ = subjects[0].partition(": ")
    shared = label + colon if colon and all(each.startswith(label + colon) for each in subjects) else ""
    return [each.removeprefix(shared) for each in subjects]


def _padded(cells: Sequence[str], wide: Sequence[int]) -> list[str]:
    return [f"{cell:{room}}" for cell, room in zip(cells, wide, strict=True)]


def _votes(row: Row) -> str:
    """Return votes by author; who wrote several messages is named once."""
    names, votes = row["competitors"], row["votes"]
    if len(set(names)) == 1 and len(names) > 1:
        return f"{short(names[0], 16)} {', '.join(f'{n:,}' for n in votes)}"
    return ", ".join(f"{short(name, 16)} {number:,}" for name, number in zip(names, votes, strict=False))


def _seen(row: Row) -> str:
    return ", ".join(f"{number:,}" for number in row["seen"]) if row["seen"] else DASH


def _winner(row: Row) -> str:
    """Return who won, or why nobody did."""
    names, winner = row["competitors"], row["winner"]
    if not 0 <= winner < len(names):
        return str(row["outcome"])
    name = short(names[winner], 16) if names.count(names[winner]) == 1 else f"{short(names[winner], 16)} {winner + 1}"
    return name if row["outcome"] == "majority" else f"{name} ({row['outcome']})"


def _short_ids(shown: Sequence[str], every: Sequence[str]) -> dict[str, str]:
    """Return each id as far as it names one contest alone, as ``moloch show RUN CONTEST`` takes it."""
    for letters in range(ID, MOST_ID, 2):
        cut = {each: _cut(each, letters) for each in every}
        if len(set(cut.values())) == len(cut):
            return {each: cut[each] for each in shown}
    return {each: each for each in shown}


def _cut(contest: str, letters: int) -> str:
    place, _, anchor = contest.rpartition("/")
    return f"{place}/{anchor[:letters]}"
