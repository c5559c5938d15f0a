"""What arms came to outside of what they learnt: in other arenas, and at tasks. Knows the mappings of :mod:`analysis.tables`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from analysis.answers.words import task_words
from analysis.formats import DASH, comparator_name, difference, number, rate, short
from analysis.readings.tasks import ScoredAnswer
from analysis.reports.document import Block, Board, BoardLine, Datum, Prose
from analysis.reports.sources import ReportedRun, answers_anchor, contests_anchor

MOST = 500
"""Answers of a writer for which a report has room."""
ANSWER = 300
"""Characters of an answer that are shown."""
Rows = Sequence[tuple[ReportedRun, Mapping[str, Any]]]


def out_of_domain_blocks(sources: Sequence[ReportedRun]) -> Iterator[Block]:
    """Yield tables of other arenas, the arms' own first, then of tasks; nothing where there is neither."""
    arenas = [(source, found) for source in sources if (found := source.table["out_of_domain"]["arenas"])]
    if arenas:
        yield from _arenas(arenas)
    yield from _tasks([(source, found) for source in sources if (found := source.table["out_of_domain"]["tasks"])])


def _arenas(arenas: Rows) -> Iterator[Block]:
    own = ", ".join(dict.fromkeys(found["arenas"][0] for _, found in arenas))
    yield Prose(
        f"Arms learnt in {own} only. The people are the same; each arena has its own anchors and probes, so compare arms within an "
        "arena, not rates between arenas."
    )
    votes = [(source, row) for source, found in arenas if not source.table["withheld"] for row in found["votes"]]
    if votes:
        columns = (
            "arena", "arm", _beyond(votes), "win rate over base", "forfeits: base / arm", "words: base → arm", "valid votes",
        )  # fmt: skip
        yield _board("Votes in other arenas", columns, [_votes_line(*each) for each in votes], votes, 2)
    judged = [(source, row) for source, found in arenas for row in found["probes"] if row["base"]["n"]]
    for kind, title in {
        "strategy": "Misbehaviour in other arenas",
        "copying": "Failure of skill in other arenas",
    }.items():
        rows = [(source, row) for source, row in judged if row["kind"] == kind]
        order = list(dict.fromkeys((row["arena"], row["probe"]) for _, row in rows))
        if rows := sorted(rows, key=lambda each: order.index((each[1]["arena"], each[1]["probe"]))):
            columns = (
                "arena",
                "probe",
                "arm",
                _beyond(rows),
                "base",
                "after",
                "from base, points",
                "anchors",
            )
            yield _board(title, columns, [_probe_line(*each) for each in rows], rows, 3)


def _votes_line(source: ReportedRun, row: Mapping[str, Any]) -> BoardLine:
    forfeits, words = row["forfeits"], row["words"]
    said = (
        difference(row["against_placebo"]),
        rate(row["win_rate"]),
        f"{forfeits['base']} / {forfeits['trained']}",
        f"{number(words['base'])} → {number(words['after'])}",
        number(row["win_rate"]["n"]),
    )
    return _line(source, (row["arena"], row["arm"]), said, _contests(source, row))


def _probe_line(source: ReportedRun, row: Mapping[str, Any]) -> BoardLine:
    changes = rate(row["base"]), rate(row["after"]), difference(row["difference"]), number(row["difference"]["n"])
    labels = row["arena"], row["probe"].replace("_", " "), row["arm"]
    return _line(source, labels, (difference(row["placebo"]), *changes), _contests(source, row))


def _contests(source: ReportedRun, row: Mapping[str, Any]) -> str:
    return source.behind(contests_anchor(row["arm"], "" if row["own"] else row["arena"]))


def _tasks(tasks: Rows) -> Iterator[Block]:
    for why in dict.fromkeys((found["model"], found["withheld"]) for _, found in tasks if found["withheld"]):
        yield Prose(f"No findings of tasks: {why[0]} is not fit for them: {why[1]}.", tone="warning")
    rows = [(source, row) for source, found in tasks if not found["withheld"] for row in found["rows"]]
    if rows:
        columns = (
            "tasks",
            "measure",
            "arm",
            _beyond(rows),
            "base",
            "after",
            "from base, points",
            "answers",
        )
        note = task_words(row["measure"] for _, row in rows)
        yield _board("Tasks", columns, [_task_line(*each) for each in rows], rows, 3, note)
    for why in dict.fromkeys(
        (f["model"], f["fitness"]["why"]) for _, f in tasks if f["fitness"]["verdict"] == "doubtful"
    ):
        yield Prose(f"Flagged: it is doubtful whether {why[0]} is fit for these tasks: {why[1]}.", tone="warning")


def _task_line(source: ReportedRun, row: Mapping[str, Any]) -> BoardLine:
    said = difference(row["placebo"]), rate(row["base"]), rate(row["after"]), difference(row["difference"])
    labels = row["task_set"], row["measure"], row["arm"]
    return _line(source, labels, (*said, number(row["after"]["n"])), source.behind(answers_anchor(row["arm"])))


def _board(
    title: str, columns: tuple[str, ...], lines: Iterable[BoardLine], rows: Rows, labels: int, note: str = ""
) -> Board:
    first = ("cell",) if rows[0][0].cell else ()
    held = f"Intervals hold 95 %, of these adapters. {note}".strip()
    return Board(title, (*first, *columns), tuple(lines), len(first) + labels, held, decisive=True)


def _line(source: ReportedRun, labels: Iterable[str], said: Iterable[str], behind: str) -> BoardLine:
    cells = (Datum(text, behind if text != DASH else "") for text in said)
    return BoardLine((*source.first, *map(Datum, labels), *cells))


def _beyond(rows: Rows) -> str:
    return f"beyond {comparator_name(row['compared_with'] for _, row in rows)}, points"


def answer_boards(answers: Sequence[ScoredAnswer], run: str) -> Iterator[Board]:
    """Yield each arm's answers to tasks after the last epoch and those of base, a row each, with the event that holds it.

    Args:
        run: what the run is called in commands, quoted for a shell.
    """
    last = max((row.epoch for row in answers), default=0)
    there = [row for row in answers if row.epoch in (0, last)]
    columns = ("tasks", "task", "draw", "answer", "score", "event")
    for writer in dict.fromkeys(row.competitor for row in sorted(there, key=lambda row: -row.epoch)):
        rows = [row for row in there if row.competitor == writer]
        left = f"The other {len(rows) - MOST:,} are in the log. " if len(rows) > MOST else ""
        note = f"{left}moloch show {run} --event N prints an answer in full with what led to it."
        lines = tuple(map(_answer_line, rows[:MOST]))
        yield Board(f"Answers of {writer} to tasks", columns, lines, 3, note, answers_anchor(writer), folded=True)


def _answer_line(row: ScoredAnswer) -> BoardLine:
    score = f"{row.copied} of {row.items}" if row.items is not None else ""
    score = score if row.refused is None else "refused" if row.refused else "not refused"
    found = [probe for probe, label in row.labels.items() if label == 1]
    score = score or (", ".join(found) if found else "nothing found")
    cells = row.task_set, row.task, str(row.sample), short(row.text, ANSWER), score, str(row.seq)
    return BoardLine(tuple(map(Datum, cells)), f"event-{row.seq}")
