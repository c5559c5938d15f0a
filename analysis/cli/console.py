"""What commands print to: results to stdout, everything else to stderr."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from moloch.texts import for_terminal

if TYPE_CHECKING:
    from rich.console import Console

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


def say_under(label: str, text: str) -> None:
    """Print a text beside its label, wrapped at words under its own beginning; a word is never broken."""
    width = max(terminal_width(), NARROWEST)
    indent = " " * len(label)
    say(textwrap.fill(text, width, initial_indent=label, subsequent_indent=indent, **_WHOLE_WORDS) or label.rstrip())


_WHOLE_WORDS: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}


def stderr() -> Console:
    """Return the console for progress and messages."""
    return _plain_console()(stderr=True, highlight=False)


def printer() -> Console:
    """Return the console for results, wide enough for every table."""
    console = _plain_console()
    return console(width=max(console().width, TABLE_WIDTH))


def terminal_width() -> int:
    """Return how wide the terminal is, in columns."""
    return _plain_console()().width


NARROWEST = 80
"""Columns into which results are fit; in a narrower terminal lines wrap."""


def show(parts: Iterable[Any]) -> None:
    """Print results as wide as the terminal: texts wrap at their words, tables come in pieces that fit, so that no cell is wrapped.

    Strings are printed as they are, as a line that begins with a path is.
    """
    from rich.text import Text

    from analysis.terminal.grid import laid_out

    plain = _plain_console()
    width = max(plain().width, NARROWEST)
    console = plain(width=width)
    for part in laid_out(parts, width):
        console.print(Text(part) if isinstance(part, str) else part, soft_wrap=isinstance(part, str))
