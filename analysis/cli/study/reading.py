"""A bar on stderr while the logs of many cells are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from analysis.cli.console import stderr


@contextmanager
def reading(doing: str = "reading cells") -> Iterator[Callable[[int, int], None]]:
    """Show a bar; yield the function that moves it, of things done and things in all."""
    from rich.progress import Progress

    console = stderr()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(doing, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
