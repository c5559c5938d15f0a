"""The list of runs and studies."""

from __future__ import annotations

import time
from collections.abc import Hashable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from abm.llm.ledger import Cost, Ledger
from analysis.formats import count
from analysis.ui.address import PageAddress
from analysis.ui.data import run_list
from analysis.ui.data.one_line import ResultLine, result_line
from analysis.ui.data.run_list import ListEntry
from analysis.ui.data.study import as_counted, marks_of
from analysis.ui.framework import solara
from analysis.ui.library import Library, library
from analysis.ui.live import use_ticks
from analysis.ui.pages import background, parts, vue
from analysis.ui.studies import ShownStudy
from analysis.ui.summaries import Summaries, line_of_run
from moloch.errors import MolochError

LOOK_S, SOON_S = 2.0, 0.25
"""Seconds between looks at what there is, and while there are runs that were never read."""
PATIENCE_S = 0.4
"""Seconds after which a look shows the runs that it has read, in the order of the list, and leaves the others to the next one."""


class ListSeen(NamedTuple):
    """What there is, and how many runs more that were not read yet."""

    entries: list[ListEntry]
    left: int


@solara.component
def Runs(address: PageAddress, go: vue.Go) -> None:
    """All runs and studies, looked at again every two seconds; what they came to is counted meanwhile, those on the page alone."""
    shown = library()
    vue.Header(run=None, page="", tabs=[], home="/", event_go=go)
    seen = background.use_reading(lambda: look(shown), shown)
    use_ticks(SOON_S if seen is not None and seen.left else LOOK_S)
    if seen is None:
        vue.Notice(first=True, title="Looking for runs", text="Reading where each log ends.", busy=True)
        return
    entries, lines = seen.entries, shown.summaries

    def line(entry: ListEntry) -> ResultLine | None:
        return lines.get(about(entry))

    found = run_list.chosen(entries, address, line)
    start, stop = parts.page_of(address, len(found), run_list.PAGE)
    by_result = address.sort.removeprefix("-") in ("wins", "probe")
    left = ask(lines, found if by_result else found[start:stop], shown) if not seen.left else 0  # reading comes first
    waits = f"{count(left, 'result')} to count" if left else ""
    reads = f"{count(seen.left, 'run')} to read" if seen.left else ""
    total = (
        count(len(entries), "row") if len(found) == len(entries) else f"{len(found):,} of {count(len(entries), 'row')}"
    )
    vue.RunList(
        table={"head": run_list.head(address), "rows": run_list.list_rows(found[start:stop], line, time.time())},
        where=run_list.folders_said(shown.folders),
        paths="\n".join(str(folder.resolve()) for folder in shown.folders),
        said=" · ".join(filter(None, [total, reads, waits])),
        empty=not entries,
        find=address.find,
        pager=parts.pager(address, len(found), run_list.PAGE),
        event_go=go,
        event_search=lambda text: go(address.at(find=text, page_no=0).url),
    )


def look(shown: Library, patience_s: float = PATIENCE_S) -> ListSeen:
    """Return runs and studies as they stand now; of logs that have grown, only new events are read."""
    runs = shown.runs(patience_s)
    entries = run_list.listed(runs, [_study(each) for each in shown.studies()])
    left = len(shown.paths()) - len(runs)
    return ListSeen([entry if entry.study else entry._replace(cost=_cost(entry)) for entry in entries], max(0, left))


def about(entry: ListEntry) -> Hashable:
    """Return what a line of the list is about: another one is counted when it has changed."""
    return (
        (entry.path, entry.size, entry.closed) if entry.study else (entry.path, entry.info.head if entry.info else "")
    )


def ask(lines: Summaries, entries: list[ListEntry], shown: Library) -> int:
    """Have the lines of these entries counted; returns how many are not counted yet."""
    wanted = {about(entry): _count(entry, shown) for entry in entries if run_list.countable(entry)}
    lines.want(wanted)
    return sum(lines.get(of) is None for of in wanted)


def _count(entry: ListEntry, shown: Library) -> partial[ResultLine]:
    study = shown.study(entry.study) if entry.study else None
    return partial(_line_of_study, study) if study is not None else partial(line_of_run, entry.path)


def _line_of_study(study: ShownStudy) -> ResultLine:
    results = study.results()
    return result_line(marks_of(results) if results is not None else [])


def _study(study: ShownStudy) -> ListEntry:
    try:
        looked, error = study.status(), ""
        status = replace(looked, cells=tuple(as_counted(looked.cells, study.counted)))
    except MolochError as failed:
        status, error = None, str(failed)
    spent = status.spent if status is not None else Cost()
    return ListEntry(None, study.key, status, error, study.closed, study.path, spent)


def _cost(entry: ListEntry) -> Cost:
    try:
        return Ledger(entry.path).read()
    except MolochError:  # the run's page says what is wrong
        return Cost()
