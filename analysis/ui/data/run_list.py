"""The list of runs and studies: one row each, a study with its cells inside; filtered, in an order, and page by page.

Knows how each stands, and what was counted of it so far; reads no log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from abm.llm.ledger import Cost
from analysis.formats import DASH, ago, count
from analysis.formats import listed as listed_words
from analysis.studies.record.cell_ends import DAMAGED, MISSING
from analysis.studies.record.layout import is_study
from analysis.studies.record.status import StudyStatus
from analysis.ui.address import PageAddress
from analysis.ui.data.columns import heading, order_of, ranked
from analysis.ui.data.life import SAYS, State
from analysis.ui.data.one_line import ResultLine, arm_name, probe_name
from analysis.ui.data.runs import RunInfo, cells_folder, keys, plain_path
from learning.arms.arm_list import names_of

PAGE = 50
"""Rows on one page."""
FOLDERS = 3
"""Folders that the list names."""
SORTED = ("name", "state", "wins", "probe", "spent", "size", "written")
COLUMNS = (
    ("name", "Run", False, "Runs, and studies with their cells inside"),
    ("state", "State", False, ""),
    (
        "wins",
        "Wins beyond comparator, points",
        True,
        "Of the first arm that is compared with another, with its 95 % interval",
    ),
    (
        "probe",
        "Misbehaviour beyond comparator, points",
        True,
        "Of the same arm, by the first probe of misbehaviour that found something to judge, with its 95 % interval",
    ),
    ("", "Arms", False, ""),
    ("", "Setting", False, "Arena, world, writers and audience"),
    ("size", "Size", True, "Events of a run, cells of a study that have ended and can be read"),
    ("spent", "Spent", True, "What was paid for served models"),
    ("written", "Written", True, "When its last event was appended"),
)
"""Name in an address, empty for one that is not sorted by; label, whether it holds numbers, and what it means."""
LOST = (MISSING, DAMAGED)
"""States of cells that have ended and cannot be read."""
Line = Callable[["ListEntry"], ResultLine | None]


class ListEntry(NamedTuple):
    """A run or a study in the list.

    Attributes:
        info: of the run; of a study of the cell that was written last, None where none has begun.
        status: of the study, None for a run, or where it cannot be read: ``error`` says why.
        study: its key; empty for a run.
        closed: whether effects are not to be seen yet.
        cost: what was paid.
    """

    info: RunInfo | None
    study: str = ""
    status: StudyStatus | None = None
    error: str = ""
    closed: bool = False
    path: Path = Path()
    cost: Cost = Cost()

    @property
    def name(self) -> str:
        return self.study or (self.info.key if self.info else "")

    @property
    def url(self) -> str:
        return PageAddress(study=self.study).url if self.study else PageAddress(run=self.name).url

    @property
    def state(self) -> State:
        """How it stands, in the words of runs."""
        if not self.study:
            return self.info.state if self.info else "empty"
        return study_state(self.status) if self.status is not None else "damaged"

    @property
    def written(self) -> float:
        return self.info.written if self.info else 0.0

    @property
    def size(self) -> int:
        """Events of a run, cells of a study that have ended and can be read."""
        if self.status is None:
            return self.info.events if self.info and not self.study else 0
        return sum(cell.state in ("ended", "reused") for cell in self.status.cells)


def study_state(status: StudyStatus) -> State:
    """Return how a study stands, in the words of runs: over, being carried out, or left by its controller."""
    if status.over:
        return "ended"
    if "running" in status.states:
        return "running"
    return "stopped" if status.states.keys() & {"ended", "reused", "stopped", "failed"} else "empty"


def listed(runs: Sequence[RunInfo], studies: Iterable[ListEntry]) -> list[ListEntry]:
    """Return runs and studies as the list has them: cells stand inside their study.

    Args:
        studies: each with its ``path``; its ``info`` is found among the runs.
    """
    studies = list(studies)
    cells: dict[Path | None, list[RunInfo]] = {each.path: [] for each in studies}
    alone: list[ListEntry] = []
    for run in runs:
        inside = cells.get(cells_folder(run.path))
        if inside is None:
            alone.append(ListEntry(run, path=run.path))
        else:
            inside.append(run)
    newest = {path: max(found, key=lambda run: run.written, default=None) for path, found in cells.items()}
    return sorted([*(each._replace(info=newest[each.path]) for each in studies), *alone], key=lambda each: each.name)


def chosen(entries: Iterable[ListEntry], address: PageAddress, line: Line) -> list[ListEntry]:
    """Return those that an address's filter lets through, in its order; those that a column says nothing of stand last."""
    words = address.find.casefold().split()
    found = [each for each in entries if all(word in _text(each) for word in words)]
    order = order_of(address, SORTED, "name")
    if order.column == "name":
        return found[::-1] if order.descending else found
    return ranked(found, order, _values(line)[order.column])


def head(address: PageAddress) -> list[dict[str, Any]]:
    """Return the heads of the columns, with links that sort."""
    order = order_of(address, SORTED, "name")
    return [
        heading(address, order, name, label, number=number, title=title)
        | ({} if name else {"url": "", "sorted": "", "number": number})
        for name, label, number, title in COLUMNS
    ]


def folders_said(folders: Iterable[Path]) -> str:
    """Return in which folders runs are looked for: a single one by its path, several by as much of it as no other has, the first few.

    Studies among them are rows of the list, and are not said.
    """
    watched = [folder for folder in folders if not is_study(folder)]
    if len(watched) < 2:
        return "".join(f"in {plain_path(folder)}" for folder in watched)
    names = list(keys(watched))
    more = len(names) - FOLDERS
    shown = [*names[:FOLDERS], *([count(more, "more folder")] if more > 0 else [])]
    return f"in {listed_words(', '.join(shown))}"


def list_rows(entries: Iterable[ListEntry], line: Line, now: float) -> list[dict[str, Any]]:
    """Return rows as the page shows them; ``now`` in seconds since the Unix epoch."""
    return [_row(each, line(each), now) for each in entries]


def _row(entry: ListEntry, line: ResultLine | None, now: float) -> dict[str, Any]:
    info, status = entry.info, entry.status
    config: Mapping[str, Any] = info.config if info else {}
    return {
        "key": entry.name,
        "url": entry.url,
        "study": bool(entry.study),
        "state": entry.state,
        "says": _says(entry),
        "notes": [*_notes(entry)],
        "error": entry.error or (info.error if info and not entry.study else _lost(entry)),
        "arms": _listed(names_of(config.get("arms"))),
        "setting": " · ".join(filter(None, _setting(config))) or DASH,
        "size": f"{entry.size:,} of {count(len(status.cells), 'cell')}" if status else count(entry.size, "event"),
        "spent": money(entry.cost),
        "written": ago(entry.written, now) if entry.written else DASH,
        **_result(entry, line),
    }


def _result(entry: ListEntry, line: ResultLine | None) -> dict[str, str]:
    if entry.closed:
        return {"wins": DASH, "wins_of": "hidden until its end", "probe": DASH, "probe_of": ""}
    if not countable(entry):
        return {"wins": DASH, "wins_of": "", "probe": DASH, "probe_of": ""}
    if line is None:
        return {"wins": "…", "wins_of": "", "probe": "…", "probe_of": ""}
    of = f"{arm_name(line.arm)} beyond {arm_name(line.beyond)}" if line.wins else ""
    return {"wins": line.wins or DASH, "wins_of": of, "probe": line.probe or DASH, "probe_of": probe_name(line.found)}


def countable(entry: ListEntry) -> bool:
    """Return whether there is something to count that stays as it is: a run that nobody writes, a study of which a cell has ended."""
    if entry.study:
        return entry.status is not None and entry.size > 0 and not entry.closed
    return entry.state in ("ended", "stopped")


def money(cost: Cost) -> str:
    """Return what was paid, in words; a dash for nothing."""
    if cost.usd:
        return f"${cost.usd:,.2f}"
    return count(cost.calls, "call") if cost.calls else DASH


def paid(cost: Cost) -> tuple[float, int] | None:
    """Return what costs are put in order by; None where no model was asked."""
    return (cost.usd, cost.calls) if cost.calls else None


def _notes(entry: ListEntry) -> Iterable[str]:
    if entry.status is not None:
        cells = [
            f"{number:,} {state}"
            for state, number in entry.status.states.items()
            if state not in ("ended", "reused", *LOST)
        ]
        yield f"study{': ' if cells else ''}{', '.join(cells)}"
    if entry.info is not None and entry.info.forked and not entry.study:
        yield f"forked from {entry.info.forked[0]}"


def _lost(entry: ListEntry) -> str:
    """Return how many cells have ended and cannot be read; empty for none."""
    states = entry.status.states if entry.status is not None else {}
    lost = {state: states[state] for state in LOST if state in states}
    each = ", ".join(f"{number:,} {state}" for state, number in lost.items())
    return f"{sum(lost.values()):,} of {count(sum(states.values()), 'cell')} cannot be read: {each}" if lost else ""


def _says(entry: ListEntry) -> str:
    if not entry.study:
        return SAYS[entry.state]
    if entry.status is not None and entry.status.stopped:
        return f"Stopped: {entry.status.stopped}."
    says = {
        "ended": "All cells have been carried out or given up.",
        "running": "Cells are being carried out.",
        "stopped": "Some cells have not been carried out, and none is running.",
    }
    return says.get(entry.state, "No cell has begun.")


def _setting(config: Mapping[str, Any]) -> list[str]:
    return [_name(config.get(name)) for name in ("arena", "world", "model", "audience")]


def _name(path: object) -> str:
    return str(path or "").replace("\\", "/").rsplit("/", 1)[-1]


def _listed(values: object) -> str:
    return ", ".join(map(str, values)) if isinstance(values, list | dict) and values else DASH


def _text(entry: ListEntry) -> str:
    config = entry.info.config if entry.info else {}
    kind = "study" if entry.study else "run"
    forked = entry.info.forked[0] if entry.info and entry.info.forked else ""
    cells = [state for state in LOST if entry.status is not None and state in entry.status.states]
    parts = [entry.name, kind, entry.state, *cells, forked, *_setting(config), _listed(names_of(config.get("arms")))]
    return " ".join(parts).casefold()


def _values(line: Line) -> dict[str, Callable[[ListEntry], Any]]:
    """Return column -> what an entry has in it; None for nothing."""
    return {
        "state": lambda entry: entry.state,
        "size": lambda entry: entry.size,
        "spent": lambda entry: paid(entry.cost),
        "written": lambda entry: entry.written or None,
        "wins": lambda entry: (found := line(entry)) and found.wins_value,
        "probe": lambda entry: (found := line(entry)) and found.probe_value,
    }
