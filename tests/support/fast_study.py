"""A study whose cells take a second each, and what it decided; for engines, which all have to come to the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from abm.events import Lifecycle
from abm.log import open_log
from analysis.studies import Study
from analysis.studies.record.counts import StudyStanding
from analysis.studies.record.layout import Layout
from analysis.studies.work.tasks import Engine

SIZES = {"epochs": 1, "train_anchors": 16, "held_out_anchors": 16, "train_personas": 8, "held_out_personas": 8}
LIGHT = ("analysis.studies.work.worker",)
"""All that these cells need loaded."""


def base(slow: float = 0.01) -> dict[str, Any]:
    """Settings of its cells.

    Args:
        slow: seconds that an answer takes.
    """
    serving = {"llm": "fast", "options": {"slow": slow}}
    return SIZES | {"extensions": ["tests.support.fast_cells"], "serving": serving, "arms": ["rft", "placebo"]}


def carried_out(
    study: Study, opened: Callable[[], Engine], report: Callable[[StudyStanding], None] = lambda standing: None
) -> Study:
    """Return a study after all of its cells ended."""
    study.begin()
    engine = opened()
    try:
        done = study.run(engine=engine, report=report)
    finally:
        engine.close()
    assert done.exit_code == 0, [cell.failures for cell in done.state.cells.values()]
    return study


def decided(study: Study) -> dict[str, Any]:
    """Return each cell's digest and what happened in it; those events apart that only say who wrote when."""
    layout, said = Layout(study.folder), {}
    for name, cell in study.state().cells.items():
        assert cell.state == "ended", f"{name} was {cell.state}, and shows nothing"
        events = open_log(layout.cell(name), write=False).read()
        said[name] = cell.digest, [type(event).__name__ for event in events if not isinstance(event, Lifecycle)]
    return said


def durable(layout: Layout, cell: str) -> list[Any]:
    """Return what stands in a cell's log."""
    folder: Path = layout.cell(cell)
    return list(open_log(folder, write=False).read()) if (folder / "run.json").exists() else []
