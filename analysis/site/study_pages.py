"""The pages of a study: what it came to, its cells, what its page declared, and beneath it the sites of its cells."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from analysis.formats import count
from analysis.reports.document import Block
from analysis.reports.registered import preregistration_blocks
from analysis.site.links import of_cells
from analysis.site.page_templates import SitePage, page
from analysis.site.run_pages import RunSite
from analysis.site.sources import read_source
from analysis.studies.findings.results import StudyResults, study_results
from analysis.studies.record.layout import Layout
from analysis.studies.record.places import run_of
from analysis.studies.record.status import FollowedStudy
from analysis.studies.record.study_log import StudyLog, StudyState
from analysis.ui.address import PageAddress
from analysis.ui.data import study as data
from moloch.errors import InputError, LogError

LEAST = 3 * 10**6
"""Bytes of room that a cell's site needs, to be worth a look."""
BEYOND = "moloch ui shows more: cells as they run, and of each run every event, every row of its frames and each persona’s story."


class StudySite:
    """A study as a site.

    Args:
        most: bytes that it takes, about.
    """

    def __init__(self, folder: Path, name: str, most: int) -> None:
        self._folder, self._name, self._most = folder, name, most
        log = StudyLog(folder)
        self._state: StudyState = log.state()
        self.head, self.left_out = log.head().hash, list[str]()
        self._cells: dict[str, str] = {}
        self._config: dict[str, Any] = {}

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield its files, the first page last."""
        yield from self._cell_sites()
        place = SitePage(f"Study · {self._name} · Moloch")
        yield "index.html", page("study", place, lambda url: self._to(url), self._values())

    def _to(self, url: str) -> str:
        """Return where an address is: a cell's site, which stands there as its key, or the cells of some levels."""
        run = PageAddress.parse(url.partition("?")[2]).run
        return self._cells.get(run, "") if run else of_cells(url)

    def _cell_sites(self) -> Iterator[tuple[str, bytes]]:
        """Yield the sites of cells that have ended, in the order of the page, as far as there is room for one."""
        runs = self._ended()
        room = int(0.9 * self._most)
        for number, (cell, run) in enumerate(runs.items()):
            if room < LEAST:
                break
            try:
                source = read_source(run, cell)
            except LogError as error:
                said = str(error).replace(f"{self._folder}/", "")  # no path of this machine is passed on
                self.left_out.append(f"The cell {cell} cannot be read: {said}")
                continue
            self._config = self._config or dict(source.info.config)
            site = RunSite(
                source, max(LEAST, room // (len(runs) - number)), up=(self._name, "../../index.html"), home="../../"
            )
            for name, content in site.files():
                room -= len(content)
                yield f"cells/{cell}/{name}", content
            self._cells[cell] = f"cells/{cell}/index.html"
        if without := len(runs) - len(self._cells):
            some = count(without, "cell that has ended", "cells that have ended")
            self.left_out.append(f"The pages of {some} are left out for lack of space: --site-mb gives more.")

    def _ended(self) -> dict[str, Path]:
        layout = Layout(self._folder)
        ended = {name: cell for name, cell in self._state.cells.items() if cell.state in ("ended", "reused")}
        return {name: run for name, cell in ended.items() if (run := run_of(layout, cell)) is not None}

    def _values(self) -> dict[str, Any]:
        address = PageAddress(study=self._name)
        status = FollowedStudy(self._folder, inputs=False).look()
        results, why = self._results()
        looks = data.looks_of(self._config, results) if results is not None else {}
        found = data.study_result(results, looks, address, over=status.over) if results is not None else None
        url = lambda cell: PageAddress(run=cell).url if cell in self._cells else ""  # noqa: E731
        table = data.cell_table(status, results, address, url)
        for number in range(1, -(-table["found"] // data.PAGE)):
            table["rows"] += data.cell_table(status, results, address.at(page_no=number), url)["rows"]
        return {
            "head": data.study_head(self._name, status, self._name, results),
            "found": found,
            "why": why,
            "table": table | {"heads": _heads(table)},
            "failures": data.failures(status),
            "next": data.study_steps(self._name, found["advice"] if found else [], over=status.over, closed=False),
            "declared": [_shown(block) for block in preregistration_blocks(results.as_dict(), self._state)]
            if results is not None
            else [],
            "page": yaml.safe_dump(self._state.page, sort_keys=False, allow_unicode=True),
            "log_head": self.head,
            "left_out": self.left_out,
            "beyond": BEYOND,
            "version": version("moloch-abm"),
        }

    def _results(self) -> tuple[StudyResults | None, str]:
        try:
            return study_results(self._folder), ""
        except InputError as error:
            return None, str(error)


def _heads(table: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the heads of columns, with those of factors behind the seed."""
    factors = [{"label": label, "number": False} for label in table["factors"]]
    return [*table["head"][:2], *factors, *table["head"][2:]]


def _shown(block: Block) -> dict[str, Any]:
    return {"kind": type(block).__name__, "block": block}
