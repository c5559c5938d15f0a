"""What commands print to: results to stdout, everything else to stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from moloch.texts import for_terminal

if TYPE_CHECKING:
    from rich.console import Console

    from learning import Progress

TABLE_WIDTH = 120
"""Columns that the widest table needs; a narrower terminal wraps its lines rather than cutting numbers."""


@cache
def _plain_console() -> type[Console]:
    """Return rich's console, but that texts cannot speak to the terminal: a model may have written them."""
    from rich.console import Console
    from rich.segment import Segment

    class Plain(Console):
        def render(self, renderable: Any, options: Any = None) -> Iterator[Segment]:
            for segment in super().render(renderable, options):
                yield segment if segment.control else Segment(for_terminal(segment.text), segment.style)

    return Plain


def say(*lines: str) -> None:
    """Print lines as they are, but for what a terminal would obey."""
    for line in lines:
        print(for_terminal(line))


def stderr() -> Console:
    """Return the console for progress and messages."""
    return _plain_console()(stderr=True, highlight=False)


def printer() -> Console:
    """Return the console for results, wide enough for every table."""
    console = _plain_console()
    return console(width=max(console().width, TABLE_WIDTH))


@contextmanager
def progress(
    label: str = "", said: Callable[[Progress], Iterable[str]] = lambda now: ()
) -> Iterator[Callable[[Progress], None]]:
    """Show a bar on stderr; yield the function that moves it.

    Args:
        said: returns lines to print above the bar before it moves.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    console = stderr()
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"{label}loading the model", total=None)

        def report(now: Progress) -> None:
            for line in said(now):
                console.print(f"{label}{line}", markup=False, soft_wrap=True)
            bar.update(task, completed=now.done, total=now.total, description=f"{label}{now.doing}")

        yield report
