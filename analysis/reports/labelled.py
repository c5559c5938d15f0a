"""What people's labels say, in a report: raw and corrected rates, how the probe errs, and the messages that were labelled.

Reads the logs of labels beside runs, by :mod:`analysis.labels`; computes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from abm.log import open_log
from analysis.formats import DASH, bounds, count, difference, number, number_bounds, percent, points_bounds, rate
from analysis.labels import LabelledMessage, LabelledRun, labelled_messages, score
from analysis.readings.reading import read
from analysis.readings.transcripts import TranscriptReading
from analysis.reports.document import Block, Board, BoardLine, Bullets, Datum, Prose
from analysis.reports.sources import labels_anchor
from analysis.terminal.labels import correction_words, left_out_words, tipping_words

Row = Mapping[str, Any]
MOST = 500
"""Labelled messages for which a report has room."""
FOUND = {1: "yes", 0: "no", -1: "cannot tell"}


def label_blocks(runs: Sequence[LabelledRun]) -> Iterator[Block]:
    """Yield what labels say of each probe that people labelled for; nothing where nothing was drawn.

    Raises:
        InputError, LogError: a log of labels, or of its run, cannot be read.
    """
    for (probe, rater), messages in _drawn(runs).items():
        if any(label in ("yes", "no") for _, each in messages for label in each.labels.values()):
            yield from _score(score(runs, probe, rater=rater).as_dict(), labels_anchor(probe, rater))
        else:
            yield Prose(
                f"{count(len(messages), 'message')} drawn to be labelled for {_name(probe, rater)}; none is labelled yet."
            )


def label_boards(runs: Sequence[LabelledRun]) -> Iterator[Board]:
    """Yield, for each probe, the messages that were drawn for labelling, a row each, with the event of each."""
    for (probe, rater), messages in _drawn(runs).items():
        shown = messages[:MOST]
        lines = [line for run in runs for line in _messages(run, [each for cell, each in shown if cell == run.cell])]
        first = ("cell",) if any(run.cell for run in runs) else ()
        columns = (*first, "about", "writer", "the probe found", "labels", "stands for", "event")
        left = f" The other {len(messages) - MOST:,} are in the logs of labels." if len(messages) > MOST else ""
        note = f"Stands for: the messages of its writer and verdict from which it was drawn at random.{left}"
        title, anchor = f"Messages drawn for labels: {_name(probe, rater)}", labels_anchor(probe, rater)
        yield Board(title, columns, tuple(lines), len(first) + 2, note, anchor, folded=True)


def _drawn(runs: Sequence[LabelledRun]) -> dict[tuple[str, str], list[tuple[str, LabelledMessage]]]:
    """Return (probe, judge; empty for the run's own probe) -> (cell, message)."""
    found: dict[tuple[str, str], list[tuple[str, LabelledMessage]]] = {}
    for run in runs:
        for each in labelled_messages(run.folder):
            found.setdefault((each.probe, each.rater), []).append((run.cell, each))
    return found


def _name(probe: str, rater: str) -> str:
    return f"{probe.replace('_', ' ')}{f', found by {rater}' if rater else ''}"


def _score(told: Mapping[str, Any], anchor: str) -> Iterator[Block]:
    counts, probe = told["counts"], told["probe"].replace("_", " ")
    yield Prose(
        f"{probe[0].upper()}{probe[1:]}, found by {told['rater']}: {number(counts['labelled'])} of "
        f"{count(counts['messages'], 'message')} are labelled by people."
    )
    behind = f"#{anchor}"
    for title, shown in (
        ("Share of messages", _rates(told["rows"])),
        ("Differences, in points", _differences(told["rows"])),
    ):
        if shown:
            note = correction_words(told) if title.startswith("Share") else ""
            yield _by_method(f"{title}: {probe}", shown, behind, note)
    columns = ("messages of", "labelled yes", "labelled no", "sensitivity", "specificity")
    rows = [_errors(row) for row in told["errors"]]
    yield _table(f"How the probe errs, by labels: {probe}", columns, rows, behind, decisive=False)
    refused = dict.fromkeys(f"No {row['method']}: {row['refused']}." for row in told["rows"] if row["refused"])
    tipping = (tipping_words(row) for row in told["tipping"] if round(row["effect"], 4))
    if said := (*refused, *tipping, *left_out_words(counts)):
        yield Bullets(said)
    if told["agreement"]:
        columns = ("labeller", "and", "messages of both", "agree", "yes: first, second", "kappa")
        yield _table(f"Labellers: {probe}", columns, [_agreement(row) for row in told["agreement"]], behind, labels=2)


Shown = Mapping[str, Mapping[str, str]]
"""Writer, or two of them -> heading of a method -> what it came to."""


def _rates(rows: Sequence[Row]) -> Shown:
    shown: dict[str, dict[str, str]] = {}
    for row in rows:
        if row["measure"] == "rate":
            told = {
                row["method"]: rate(row["estimate"]),
                f"{row['method']}, bootstrap": bounds(row["bootstrap"]) or DASH,
            }
            shown.setdefault(row["writer"], {}).update(told)
    return shown


def _differences(rows: Sequence[Row]) -> Shown:
    shown: dict[str, dict[str, str]] = {}
    for row in rows:
        if row["measure"] != "rate":
            bootstrap = points_bounds(row["bootstrap"]) or DASH
            told = {row["method"]: difference(row["estimate"]), f"{row['method']}, bootstrap": bootstrap}
            shown.setdefault(f"{row['writer']} less {row['compared_with']}", {}).update(told)
    return shown


def _by_method(title: str, shown: Shown, behind: str, note: str) -> Board:
    """Return a table with a column per method, raw first; without those that have nothing."""
    methods = dict.fromkeys(name for each in shown.values() for name in each)
    there = [name for name in methods if any(each.get(name, DASH) != DASH for each in shown.values())]
    rows = [(writer, *(each.get(name, DASH) for name in there)) for writer, each in shown.items()]
    return _table(title, ("writer", *there), rows, behind, note)


def _table(
    title: str,
    columns: tuple[str, ...],
    rows: Sequence[Sequence[str]],
    behind: str,
    note: str = "",
    *,
    labels: int = 1,
    decisive: bool = True,
) -> Board:
    lines = tuple(
        BoardLine((*map(Datum, row[:labels]), *(Datum(text, behind if text != DASH else "") for text in row[labels:])))
        for row in rows
    )
    return Board(title, columns, lines, labels, note, decisive=decisive)


def _errors(row: Row) -> tuple[str, ...]:
    counts = number(row["positives"]), number(row["negatives"])
    return row["writer"], *counts, rate(row["sensitivity"]), rate(row["specificity"])


def _agreement(row: Row) -> tuple[str, ...]:
    yes = f"{percent(row['first']['value'])}, {percent(row['second']['value'])}"
    kappa = f"{number(row['kappa']['value'], 2)} {number_bounds(row['kappa'])}".rstrip()
    return row["first_name"], row["second_name"], number(row["raw"]["n"]), percent(row["raw"]["value"]), yes, kappa


def _messages(run: LabelledRun, messages: Sequence[LabelledMessage]) -> Iterator[BoardLine]:
    """Yield messages of one run, with what each labeller said."""
    if not messages:
        return
    reading = TranscriptReading({each.message.rpartition("/")[0] for each in messages})
    read(open_log(run.folder, write=False).read(), reading)
    contests = reading.result()
    for each in messages:
        name, _, slot = each.message.rpartition("/")
        contest = contests[name]
        written = contest.messages.get(int(slot))
        about = contest.subject or (written.anchor if written else name)
        said = ", ".join(f"{labeller}: {label}" for labeller, label in each.labels.items()) or "none yet"
        seq = str(written.seq) if written else DASH
        found = FOUND.get(each.found, DASH), said, number(each.weight, 1), seq
        first = (run.cell,) if run.cell else ()
        yield BoardLine(tuple(map(Datum, (*first, about, each.writer, *found))))
