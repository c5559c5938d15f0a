"""A study as its page shows it: how its cells stand, and as far as effects may be seen, the answer, the forest plot by levels, and doubts.

Takes what :mod:`analysis.studies` knows of it; computes no statistic.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from analysis.answers import RowKey, answer, level_words, warning_lines
from analysis.figures.outcomes import explained, outcome_marks
from analysis.figures.palette import Look, arm_looks
from analysis.formats import (
    DASH,
    bounds,
    conclusions_corrected,
    count,
    hypotheses_hold,
    number,
    percent,
    points,
    points_bounds,
)
from analysis.frames import columns_of
from analysis.studies.findings.results import StudyResults
from analysis.studies.record.cell_ends import DAMAGED, GONE, MISSING, within
from analysis.studies.record.status import CellStatus, StudyStatus
from analysis.tables.pooled import Measured
from analysis.ui.address import PageAddress
from analysis.ui.data.columns import heading, order_of, ranked
from analysis.ui.data.doors import equals_of, rows_address, where_text
from analysis.ui.data.forest import Mark
from analysis.ui.data.looks import looks
from analysis.ui.data.one_line import arm_name, probe_name, result_line
from analysis.ui.data.result import no_plot, plot
from analysis.ui.data.run_list import money, paid, study_state
from analysis.ui.data.sentences import sentence_rows

PAGE = 25
"""Cells on one page."""
SHOWN = 20
"""Failures whose messages are shown."""
NAMED = 5
"""Missing cells that are named in a sentence; the table has all."""
SORTED = ("cell", "seed", "state", "wins", "probe", "spent", "took")
HIDDEN = "Its page declares in advance what the study will decide. Nobody sees an effect before its end."
LEFT_OUT = "It is left out of all numbers."
CELL_SAYS = {
    "ended": "Its run is whole.",
    "reused": "A finished run with the same settings was already there.",
    "running": "A worker is carrying it out.",
    "stopped": "It has begun, but no worker is on it.",
    "waiting": "It has not begun.",
    "failed": "It failed, and is not tried again automatically.",
    MISSING: "The study's log says that it has ended.",
    DAMAGED: "The study's log says that it has ended.",
}
DOTS = {
    "ended": "ended",
    "reused": "ended",
    "running": "running",
    "stopped": "stopped",
    "failed": "damaged",
    "waiting": "empty",
    MISSING: "damaged",
    DAMAGED: "damaged",
}
"""State of a cell -> that of a run with the same dot."""


# -- how it stands -----------------------------------------------------------------------------------------------


def study_head(key: str, status: StudyStatus, path: str, results: StudyResults | None = None) -> dict[str, Any]:
    """Return what stands above the page: its name, its state, and how far it is; cells that are gone or damaged as such."""
    counted = Counter(cell.state for cell in as_counted(status.cells, results))
    states = ", ".join(f"{n:,} {state}" for state, n in counted.items())
    facts = [("cells", f"{len(status.cells):,}"), ("state", states or DASH), ("spent", money(status.spent))]
    if status.eta_s is not None and not status.over:
        facts.append(("what runs ends in", duration(status.eta_s)))
    facts += [
        (name, f"{times:,} ×")
        for name, times in (("extended", status.extensions), ("looked at", status.looks))
        if times
    ]
    return {
        "name": key,
        "state": study_state(status),
        "stopped": f"Its controller stopped: {status.stopped}." if status.stopped and not status.over else "",
        "facts": [list(fact) for fact in facts],
        "command": "" if status.over else f"moloch study status {path}",
    }


def failures(status: StudyStatus) -> dict[str, Any]:
    """Return the cells that failed, or stand still after a failure, each with its message."""
    failed = [cell for cell in status.cells if cell.origin]
    rows = [
        {"cell": cell.cell, "state": cell.state, "text": f"{cell.origin}: {cell.message}"} for cell in failed[:SHOWN]
    ]
    return {
        "rows": rows,
        "more": f"{count(len(failed) - SHOWN, 'further cell')} failed." if len(failed) > SHOWN else "",
    }


def cell_table(
    status: StudyStatus, results: StudyResults | None, address: PageAddress, url: Callable[[str], str]
) -> dict[str, Any]:
    """Return the cells that an address lets through, in its order, a page of them.

    Args:
        results: whose values stand beside the cells; None where there are none, or they may not be seen.
        url: of a cell's run; empty for one that has not begun.
    """
    values = _Estimates(results)
    gone = _gone(results)
    order = order_of(address, SORTED, "cell")
    factors = list(dict.fromkeys(name for cell in status.cells for name in cell.factors))
    cells = [cell for cell in as_counted(status.cells, results) if _passes(cell, address)]
    if order.column != "cell":
        cells = ranked(cells, order, _values(values)[order.column])
    elif order.descending:
        cells.reverse()
    page = min(address.page_no, max(0, (len(cells) - 1) // PAGE))
    columns = [("cell", "Cell", False), ("seed", "Seed", True), ("state", "State", False)]
    columns += [("wins", values.wins_label, True), ("probe", values.probe_label, True)] if values.arm else []
    columns += [("spent", "Spent", True), ("took", "Took", True)]
    return {
        "head": [heading(address, order, name, label, number=number) for name, label, number in columns],
        "factors": [name.replace("_", " ") for name in factors],
        "rows": [
            _cell_row(cell, factors, values, url(cell.cell), address.study) | gone.get(cell.cell, {})
            for cell in cells[page * PAGE : (page + 1) * PAGE]
        ],
        "valued": bool(values.arm),
        "total": f"{len(cells):,} of {count(len(status.cells), 'cell')}"
        if len(cells) < len(status.cells)
        else count(len(cells), "cell"),
        "only": [f"{name} {' or '.join(values)}" for name, values in equals_of(address).items()],
        "all": address.at(where="", find="", page_no=0).url,
        "behind": rows_of_cells(address, cells) if results is not None else "",
        "found": len(cells),
        "place": f"{address.where} {address.sort} {address.page_no} {address.find}",
    }


def rows_of_cells(address: PageAddress, cells: Sequence[CellStatus]) -> str:
    """Return where the evaluation contests of these cells are shown, chosen by the levels that an address asks for."""
    taken = {column.name for column in columns_of("contests")}  # a factor's column is then called otherwise
    asked = {
        f"factor_{name}" if name in taken else name: tuple(
            dict.fromkeys(_plain(cell.seed if name == "seed" else cell.factors[name]) for cell in cells)
        )
        for name in equals_of(address)
    }
    place = PageAddress(study=address.study, page="rows", frame="contests")
    return rows_address(place, {"phase": "evaluate", **asked}).url


def _plain(level: object) -> str:
    """Return a level as a filter of rows has it."""
    return str(level).lower() if isinstance(level, bool) else str(level)


def duration(seconds: float) -> str:
    """Return seconds in words, as somebody says them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _passes(cell: CellStatus, address: PageAddress) -> bool:
    levels = {name: level_words(level) for name, level in cell.factors.items()} | {"seed": str(cell.seed)}
    text = " ".join([cell.cell, cell.state, cell.message, *levels.values()]).casefold()
    asked = equals_of(address)
    return all(levels.get(name) in values for name, values in asked.items()) and all(
        word in text for word in address.find.casefold().split()
    )


def _values(values: _Estimates) -> dict[str, Callable[[CellStatus], Any]]:
    """Return column -> what a cell has in it; None for nothing."""
    return {
        "seed": lambda cell: cell.seed,
        "state": lambda cell: cell.state,
        "spent": lambda cell: paid(cell.spent),
        "took": lambda cell: cell.seconds or None,
        **{name: lambda cell, name=name: (values.of(cell.cell, name) or {}).get("value") for name in ("wins", "probe")},
    }


def _cell_row(cell: CellStatus, factors: Sequence[str], values: _Estimates, url: str, study: str) -> dict[str, Any]:
    doing = cell.progress
    says = CELL_SAYS.get(cell.state, "")
    if doing is not None and doing.total:
        says = f"{says} {doing.done:,} of {doing.total:,}{f': {doing.doing}' if doing.doing else ''}."
    return {
        "cell": cell.cell,
        "url": url,
        "seed": f"{cell.seed}",
        "levels": [level_words(cell.factors[name]) if name in cell.factors else DASH for name in factors],
        "state": cell.state,
        "dot": DOTS.get(cell.state, "empty"),
        "says": says.strip(),
        "far": f"{doing.done:,} of {doing.total:,}" if doing is not None and doing.total else "",
        "wins": _shown(values.of(cell.cell, "wins"), share=values.shares)
        | {"to": values.behind(cell.cell, "wins", study)},
        "probe": _shown(values.of(cell.cell, "probe")) | {"to": values.behind(cell.cell, "probe", study)},
        "spent": money(cell.spent),
        "took": duration(cell.seconds) if cell.seconds else DASH,
        "message": cell.message,
    }


class _Estimates:
    """Each cell's own estimate of what the study's line is about: its first arm beyond its comparator, and that arm's first probe."""

    def __init__(self, results: StudyResults | None) -> None:
        line = result_line(marks_of(results)) if results is not None else result_line([])
        self.arm, self.beyond = line.arm, line.beyond
        beyond, won = f"beyond {arm_name(line.beyond)}, points", f"{arm_name(line.arm)} wins"
        self.shares = line.beyond == "base"
        self.wins_label = f"{won}, of votes" if self.shares else f"{won} {beyond}"
        self.probe_label = f"{probe_name(line.found)} {beyond}" if line.found else "First probe"
        change = "from_base" if self.shares else "from_comparator"
        self._of = {
            "wins": Measured(line.arm, "votes", "win_rate", "rate" if self.shares else change),
            "probe": Measured(line.arm, "strategy", line.found, change),
        }
        self._cells = {cell.cell: cell.tables for cell in results.cells} if results is not None else {}

    def of(self, cell: str, column: str) -> dict[str, Any] | None:
        return self._cells.get(cell, {}).get(self._of[column])

    def behind(self, cell: str, column: str, study: str) -> str:
        """Return where the rows of a cell's estimate are shown: evaluation contests, or verdicts of a probe; of its comparator, too."""
        if self.of(cell, column) is None:
            return ""
        of = self._of[column]
        arms = (of.arm,) if self.shares else (of.arm, self.beyond)
        asked = {"cell": cell, "phase": "evaluate", "arm": arms}
        place = PageAddress(study=study, page="rows", frame="contests" if column == "wins" else "verdicts")
        return rows_address(place, asked if column == "wins" else asked | {"probe": of.name}).url


def _gone(results: StudyResults | None) -> dict[str, dict[str, str]]:
    """Return cell -> what its row says where it has ended by the study's log, and cannot be counted: it is gone, or damaged."""
    if results is None:
        return {}
    return {
        each.cell: {
            "state": DAMAGED if each.state == DAMAGED else MISSING,
            "dot": DOTS[DAMAGED],
            "says": CELL_SAYS[DAMAGED],
            "message": f"{_damage(each.message, results.folder) if each.state == DAMAGED else each.message or GONE} {LEFT_OUT}",
        }
        for each in results.missing
        if each.state in ("ended", "reused", DAMAGED)
    }


def as_counted(cells: Sequence[CellStatus], results: StudyResults | None) -> list[CellStatus]:
    """Return cells with the state and the message of those that are gone or damaged, whatever the study's log says."""
    gone = _gone(results)
    return [
        replace(cell, state=gone[cell.cell]["state"], message=gone[cell.cell]["message"]) if cell.cell in gone else cell
        for cell in cells
    ]


def _damage(message: str, study: Path) -> str:
    """Return what is wrong with a log as its row says it: places within the study, and a sentence's first letter large."""
    said = within(message, study)
    return said if "/" in said.split(" ", 1)[0] else said[:1].upper() + said[1:]


def _shown(estimate: dict[str, Any] | None, *, share: bool = False) -> dict[str, str]:
    if estimate and share:
        return {"value": percent(estimate["value"]), "bounds": bounds(estimate)}
    return {"value": points(estimate), "bounds": points_bounds(estimate)} if estimate else {"value": DASH, "bounds": ""}


# -- what it came to -----------------------------------------------------------------------------------------------


def study_result(
    results: StudyResults, shown: Mapping[str, Look], address: PageAddress, *, over: bool
) -> dict[str, Any]:
    """Return the answer, the forest plot and the doubts; numbers lead to the cells of their levels.

    Args:
        shown: how arms are marked.
        over: whether no cell is left to be carried out.
    """
    told = results.as_dict()
    sentences, marks = answer(told), marks_of(results)
    levels = {_heading(row, _varying(results)): row for row in told["rows"]}
    line = result_line(marks)
    column = {"win_rate": "-wins", line.found: "-probe"}

    def of_key(key: RowKey) -> str:
        change = "from_base" if line.beyond == "base" else "from_comparator"
        shown_below = key.arm == line.arm and (key.measure == change or key.outcome not in column)
        if key.levels or shown_below:
            return cells_url(address, dict(key.levels), column.get(key.outcome, ""))
        return evaluations_url(address, key)

    def of_mark(mark: Mark) -> str:
        row = levels.get(mark["levels"], {})
        at = {name: level_words(row[name]) for name in _varying(results) if row.get(name) is not None}
        return cells_url(address, at, column.get(mark["outcome"], ""))

    note = "" if over else "Preliminary: some cells have not been carried out, and these numbers will change."
    caption = " ".join(explained(marks))
    return {
        "preliminary": note,
        "lacking": _lacking(results, address, over=over),
        "sentences": sentence_rows((each for each in sentences if each.kind == "finding"), shown, of_key),
        "scope": [*(each.text for each in sentences if each.kind == "scope"), *_levels(told)],
        "notes": [*warning_lines(told["said"], len(results.cells)), *told["said"].get("note", {})],
        "doubts": list(_doubts(results, told)),
        "advice": [each.text for each in sentences if each.kind == "advice"],
        **(plot(marks, shown, caption, of_mark) if marks else no_plot("No outcome was measured.")),
    }


def _levels(told: Mapping[str, Any]) -> list[str]:
    hold = hypotheses_hold(told["preregistration"]["hypotheses"]) if told["preregistration"] else ""
    return [line for line in (hold, conclusions_corrected(told["rows"])) if line]


def _lacking(results: StudyResults, address: PageAddress, *, over: bool) -> list[tuple[str, str]]:
    """Return a sentence in pieces about the cells that no number counts, each of which leads to its row; empty for none."""
    gone = _gone(results)
    lacking = [each for each in results.missing if over or each.cell in gone]
    if not lacking:
        return []
    some = count(len(results.cells) + len(results.missing), "cell")
    pieces = [(f"{len(lacking):,} of {some} {'is' if len(lacking) == 1 else 'are'} left out of all numbers: ", "")]
    for place, each in enumerate(lacking[:NAMED]):
        state = gone.get(each.cell, {}).get("state", each.state)
        row = PageAddress(study=address.study, find=each.cell).url
        pieces += [(", ", "")] * bool(place) + [(each.cell, row), (f" ({state})", "")]
    more = len(lacking) - NAMED
    return [*pieces, (f" and {more:,} more." if more > 0 else ".", "")]


def marks_of(results: StudyResults) -> Sequence[Mark]:
    """Return the marks of the study's forest plot."""
    rows = [row for row in results.frame_rows() if not row["sampled"]]
    varying = _varying(results)
    arms, others = dict.fromkeys(row["arm"] for row in rows), {row["compared_with"] for row in rows}
    headings = list(dict.fromkeys(_heading(row, varying) for row in rows))
    return outcome_marks(
        rows, sorted(arms, key=lambda arm: arm in others), headings, lambda row: _heading(row, varying)
    )


def looks_of(config: Mapping[str, Any], results: StudyResults) -> dict[str, Look]:
    """Return how arms are marked, those that settings declare as on the pages of a cell.

    Args:
        config: of a cell.
    """
    arms = dict.fromkeys(row.measured.arm for row in results.rows)
    return arm_looks({arm: arm for arm in arms}) | looks(config)


def cells_url(address: PageAddress, levels: Mapping[str, str], sort: str = "") -> str:
    """Return where the cells of these levels are listed, in the order of a column."""
    return PageAddress(study=address.study, where=where_text(dict(levels)), sort=sort).url


def evaluations_url(address: PageAddress, key: RowKey) -> str:
    """Return where the evaluations of all cells are that an estimate is of: their contests, or the verdicts of a probe."""
    asked: dict[str, str] = {"phase": "evaluate", "arm": key.arm}
    if key.outcome == "win_rate":
        return rows_address(PageAddress(study=address.study, page="rows", frame="contests"), asked).url
    place = PageAddress(study=address.study, page="rows", frame="verdicts")
    return rows_address(place, asked | {"probe": key.outcome}).url


def _varying(results: StudyResults) -> list[str]:
    """Return the factors in whose levels cells differ, of those that split the rows."""
    return [name for name in results.by if len({str(cell.factors.get(name)) for cell in results.cells}) > 1]


def _heading(row: Mapping[str, Any], factors: Sequence[str]) -> str:
    return ", ".join(level_words(row[name]).replace("_", " ") for name in factors if row.get(name) is not None)


def _doubts(results: StudyResults, told: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if results.missing:
        yield {
            "name": "Missing",
            "value": count(len(results.missing), "cell"),
            "says": f"{_listed([each.cell for each in results.missing])}; averages are over the others",
            "url": "",
            "bad": True,
        }
    if told["changed_said"]:
        yield {"name": "Inputs", "value": "changed", "says": told["changed_said"], "url": "", "bad": True}
    declared = "declared before the first cell" if results.registered else results.exploratory
    yield {
        "name": "Preregistration",
        "value": "yes" if results.registered else "no",
        "says": declared,
        "url": "",
        "bad": False,
    }
    if results.looks:
        yield {
            "name": "Looks",
            "value": number(results.looks),
            "says": "at effects before the end",
            "url": "",
            "bad": True,
        }


def _listed(cells: Sequence[str]) -> str:
    """Return names of cells, the first few."""
    more = len(cells) - NAMED
    return ", ".join(cells[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


def study_steps(path: str, advice: Sequence[str], *, over: bool, closed: bool) -> list[dict[str, str]]:
    """Return what to do next, each as a text and a command; either may be empty."""
    steps = [{"text": text, "command": ""} for text in advice]
    if not over:
        steps.append({"text": "How far each cell is, in the terminal:", "command": f"moloch study status {path}"})
    if closed:
        steps.append(
            {"text": "An interim look, which the study's log keeps:", "command": f"moloch study results {path} --look"}
        )
    else:
        steps.append({"text": "All tables:", "command": f"moloch study results {path} --full"})
        steps.append(
            {
                "text": "Everything on one page, to mail or to print:",
                "command": f"moloch report {path} --out report.html",
            }
        )
    return steps
