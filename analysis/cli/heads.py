"""The last lines of a command that reports on runs: the heads of the logs that it read, and what shows the same in a browser."""

from __future__ import annotations

from pathlib import Path

from analysis.terminal.pages import pages_line

SHOWN = 5
"""Runs whose heads are printed."""


def heads_of(*paths: Path) -> dict[str, str]:
    """Return the head of each run's log, or of each study's own, which holds the heads of its cells.

    Raises:
        LogError: a log cannot be read.
    """
    from abm.log import open_log
    from analysis.studies.record.places import log_of

    return {str(path): open_log(log_of(path), write=False).head().hash for path in paths}


def head_lines(*paths: Path) -> list[str]:
    """Return a line with the head of each log, under the name of its run where there are several."""
    heads = heads_of(*dict.fromkeys(paths[:SHOWN]))
    lines = [line for path, head in heads.items() for line in (f"run     {path}", f"head    {head}")]
    if more := len(dict.fromkeys(paths)) - len(heads):
        lines.append(f"        and {more:,} more")
    return lines if len(heads) > 1 else lines[1:]


def closing_lines(*paths: Path) -> list[str]:
    """Return the heads, and the command that shows the same in a browser."""
    return [*head_lines(*paths), pages_line(*paths)]
