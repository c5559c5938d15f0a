"""What commands print to: results to stdout, everything else to stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from learning import Progress

TABLE_WIDTH = 120
"""Columns that the widest table needs; a narrower terminal wraps its lines rather than cutting numbers."""


def stderr() -> Console:
    """Return the console for progress and messages."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def printer() -> Console:
    """Return the console for results, wide enough for every table."""
    from rich.console import Console

    return Console(width=max(Console().width, TABLE_WIDTH))


@contextmanager
def progress(label: str = "") -> Iterator[Callable[[Progress], None]]:
    """Show a bar on stderr; yield the function that moves it."""
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    console = stderr()
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"{label}loading the model", total=None)

        def report(now: Progress) -> None:
            bar.update(task, completed=now.done, total=now.total, description=f"{label}{now.doing}")

        yield report
