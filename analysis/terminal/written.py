"""What became of what writers wrote, in words: after a run's first step, and as a table of its evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from abm.arenas import Arena
from analysis.formats import count, number, percent, short
from analysis.terminal.grid import add_row, new_table
from learning.runs.reactions import ReactionCounts, reading_advice
from learning.runs.written import WritingCounts, advice

if TYPE_CHECKING:
    from rich.table import Table

SAMPLE = 240
"""Letters of a message that are shown as a sample."""


def first_step_lines(counts: WritingCounts, arena: Arena, *, counted: bool = False) -> Iterator[str]:
    """Yield what is said after a run's first step: counts with their reasons, one message, and what would help.

    Args:
        counted: the gate has said what could be read and what met the bound: this is not said again.
    """
    said = [] if counted else list(_read(counts))
    if counts.redrawn:
        said.append(f"{counts.redrawn:,} took more than one attempt")
    if counts.bounded and not counted:
        said.append(f"{percent(counts.at_bound, 0)} of completions met the bound on tokens")
    if counts.cut:
        said.append(f"{counts.cut:,} cut at the last whole sentence")
    if arena.examples and not counted:
        said.append(f"{counts.copied:,} repeat an example of the prompt")
    if said:
        yield f"first step: {'; '.join(said)}"
    if counts.sample:
        yield f"  a message: {short(counts.sample, SAMPLE)}"
    if counts.unread:
        yield f"  an answer that could not be read: {short(counts.unread, SAMPLE)}"
    for sentence in advice(counts, arena):
        yield f"  {sentence}"


def first_reaction_lines(counts: ReactionCounts, arena: str) -> Iterator[str]:
    """Yield what is said of readers after a run's first step; nothing where all their answers name an option."""
    if not counts.invalid:
        return
    reasons = ", ".join(f"{reason}: {times:,}" for reason, times in counts.reasons.items())
    yield f"  readers: {counts.invalid:,} of {count(counts.answers, 'answer')} could not be counted ({reasons})"
    if counts.sample.strip():
        yield f"  an answer of a reader that could not be counted: {short(counts.sample, SAMPLE)}"
    for sentence in reading_advice(counts, arena):
        yield f"  {sentence}"


def _read(counts: WritingCounts) -> Iterator[str]:
    yield f"{counts.published:,} of {count(counts.messages, 'message')} published"
    if counts.reasons:
        reasons = ", ".join(f"{reason}: {times:,}" for reason, times in counts.reasons.items())
        yield f"{counts.rejected:,} rejected ({count(sum(counts.reasons.values()), 'answer')} unreadable: {reasons})"


def writing_line(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the same in one line; empty where there is nothing to say."""
    named = {"rejected": "rejected", "redrawn": "redrawn", "at_bound": "at the bound", "cut": "cut", "copied": "copied"}
    arms = [
        f"{row['arm']} {', '.join(f'{percent(row[name], 0)} {words}' for name, words in named.items() if row[name])}"
        for row in rows
        if any(row[name] for name in named)
    ]
    return "; ".join(arms)


def writing_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return what became of each arm's messages."""
    columns = ["arm", "messages", "rejected", "redrawn", "at the bound", "cut", "repeat an example"]
    grid = new_table("Writing: failures of skill, not strategy", columns)
    for row in rows:
        shares = (percent(row[name]) for name in ("rejected", "redrawn", "at_bound", "cut", "copied"))
        add_row(grid, row["arm"], number(row["messages"]), *shares)
    return grid
