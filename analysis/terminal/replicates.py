"""Runs of a study that differ in their seed alone, in the terminal: what holds across them, and where each stands.

Knows mappings; knows nothing of logs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from analysis.terminal._seeds import render_seeds
from analysis.terminal.extrapolation import extrapolation_lines
from analysis.terminal.study import absent_lines, changed_lines, stopping_lines
from analysis.terminal.written import writing_line

if TYPE_CHECKING:
    from rich.console import RenderableType

LISTED = 20
"""Runs whose heads are printed."""


def render_replicates(of: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield what to print, in order: tables over seeds, cells that are missing.

    Args:
        of: as ``analysis.studies.findings.replicates.Replicates.as_dict`` makes it.
    """
    from rich.text import Text

    lines = [*stopping_lines(of["extensions"], of["looks"]), *changed_lines(of["changed_said"])]
    yield from (Text(line, style="bold yellow") for line in lines)
    if of["table"] is not None:
        yield from render_seeds(of["table"])
    yield from (Text(line, style="yellow") for line in absent_lines({"missing": of["missing"], "impossible": []}))


def run_lines(of: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line per run with the head of its log, what was fitted and how it wrote; and where the study is."""
    for run in of["runs"][:LISTED]:
        yield f"{run['run']}  head {run['head']}"
        yield from (f"  fitted {line}" for line in extrapolation_lines(run["table"]["extrapolation"]))
        if wrote := writing_line(run["table"]["writing"]):
            yield f"  wrote {wrote}"
    if (more := len(of["runs"]) - LISTED) > 0:
        yield f"and {more:,} more runs: --json has their heads"
    yield f"study   {of['study']}"
