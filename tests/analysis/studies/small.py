"""Studies on disk whose cells were never carried out by a model: pages are real, and so are logs; what was voted is chosen here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from abm.events import RunEnded, RunStarted
from abm.log import create
from abm.study_events import CellEnded, CellStarted, PlannedCell, StudyPlanned
from analysis.studies.pages.cells import Cell, cells_of
from analysis.studies.pages.page import read_page
from analysis.studies.record.layout import Layout
from analysis.studies.record.study_log import StudyLog
from tests.analysis.factory import contest, setup, step

ANCHORS, PEOPLE = 4, 8
PAGE = """
name: small
cross:
  arena: [sales, social]
  audience: [default, neutral]
seeds: 3
"""
Votes = Callable[[Cell, str], float]
"""Share of votes that an arm's messages get in a cell."""


def chosen(cell: Cell, arm: str) -> float:
    """Return a share that factors, arm and seed decide."""
    share = 0.5 if arm == "placebo" else 0.75 if cell.factors.get("audience") == "default" else 0.625
    return share + 0.125 * (cell.seed % 2)


def plan(folder: Path, page: str = PAGE) -> list[Cell]:
    """Write the page beside the folder, and the beginning of the study's log; return its cells."""
    path = folder.with_suffix(".yaml")
    path.write_text(page, "utf-8")
    written = read_page(path)
    cells = list(cells_of(written).cells)
    planned = [PlannedCell(cell=c.name, factors=c.factors, seed=c.seed, settings=c.settings) for c in cells]
    values = written.source.values()
    StudyLog(folder).begin(
        StudyPlanned(name=written.page.name, page=values, page_id="p", cells=planned, versions={"moloch": "0"})
    )
    return cells


def carry_out(
    folder: Path, cells: Sequence[Cell], votes: Votes = chosen, arms: Sequence[str] = ("rft", "placebo")
) -> None:
    """Write the whole run of each cell, and that it ended."""
    for cell in cells:
        write_run(Layout(folder).cell(cell.name), cell, votes, arms)
        StudyLog(folder).append(
            [
                CellStarted(cell=cell.name, attempt=1, identity="i", worker={}),
                CellEnded(cell=cell.name, attempt=1, head="h", digest="d", events=1, seconds=2.0),
            ]
        )


def write_run(
    run: Path,
    cell: Cell,
    votes: Votes = chosen,
    arms: Sequence[str] = ("rft", "placebo"),
    started: RunStarted | None = None,
) -> None:
    """Write a run that has ended: each arm's contests, judged by one probe."""
    record = cell.config.model_dump(mode="json") | {"arms": list(arms)}
    events = [started or RunStarted(versions={"moloch": "0"}), *setup(ANCHORS, PEOPLE, arms, record)]
    for arm in arms:
        won = round(votes(cell, arm) * ANCHORS * PEOPLE)
        cast = [int(i < won) for i in range(ANCHORS * PEOPLE)]
        held = [
            event
            for a in range(ANCHORS)
            for event in contest(
                arm, f"a{a}", cast[a::ANCHORS], labels={"populism": (a % 2, int(arm != "placebo" or a % 2))}
            )
        ]
        events += step(held, arm)
    with create(run, record) as log:
        log.append([*events, RunEnded(digest=f"digest of {cell.name}", seconds=2.0)])
