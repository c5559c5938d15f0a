"""What results look like in a terminal of 80 columns: the answer first, then tables that fit, in which no cell is wrapped.

``tests/golden/terminal`` holds it; after a wanted change, write it again and read the difference::

    python -m tests.analysis.terminal.test_eighty_columns
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from abm.log import read_events
from analysis.studies.findings.results import study_results
from analysis.tables.results import results
from analysis.terminal.grid import add_row, fitted, laid_out, new_table
from analysis.terminal.run import render
from analysis.terminal.study import render_results
from tests.analysis.studies import small

ROOT = Path(__file__).parents[2] / "golden"
WIDTH = 80
PAGE = "name: small\ncross:\n  audience: [default, neutral]\nseeds: 2\n"


def printed(parts: Iterable[Any], width: int = WIDTH) -> str:
    """Return what a terminal shows, without spaces at the ends of lines."""
    console = Console(width=width, no_color=True)
    with console.capture() as text:
        for part in laid_out(parts, width):
            console.print(part)
    return "\n".join(line.rstrip() for line in text.get().splitlines()) + "\n"


@cache
def run(name: str) -> dict[str, Any]:
    return results(read_events(ROOT / "runs" / name))


@cache
def study(ended: int) -> dict[str, Any]:
    """Return the results of a small study of four cells, of which some have ended."""
    with tempfile.TemporaryDirectory() as folder:
        cells = small.plan(Path(folder) / "study", PAGE)
        small.carry_out(Path(folder) / "study", cells[:ended])
        return study_results(Path(folder) / "study").as_dict()


SHOWN: dict[str, Callable[[], Iterable[Any]]] = {
    "run": lambda: render(run("sales-isolated")),
    "run-full": lambda: render(run("sales-isolated"), full=True),
    "networked": lambda: render(run("elections-networked")),
    "networked-full": lambda: render(run("elections-networked"), full=True),
    "study": lambda: render_results(study(4)),
    "study-missing": lambda: render_results(study(3)),
    "study-full": lambda: render_results(study(4), full=True),
}


@pytest.mark.parametrize("name", SHOWN)
def test_golden(name):
    """It looks as it did, and no line is wider than the terminal."""
    text = printed(SHOWN[name]())
    assert text == (ROOT / "terminal" / f"{name}.txt").read_text("utf-8")
    assert max(map(len, text.splitlines())) <= WIDTH


@pytest.mark.parametrize("name", SHOWN)
def test_the_answer_stands_first(name):
    """Before any table."""
    text = printed(SHOWN[name]())
    assert text.index("of votes") < text.index("───")


def test_one_notation_of_intervals():
    """A bracket opens, two numbers, it closes; a plus stands before none of them."""
    text = " ".join(printed(SHOWN[name]()) for name in SHOWN)
    intervals = re.findall(r"\[[^\]]*\]", text)
    assert len(intervals) > 50 and all(re.fullmatch(r"\[−?[\d.,]+,\s+−?[\d.,]+\]", each) for each in intervals)


class TestFitted:
    """A table that is too wide comes in pieces."""

    def table(self, columns: int):
        grid = new_table("Wide", ["arm", "level", *(f"column {i}" for i in range(columns))], labels=2)
        for arm in ("first", "second"):
            add_row(grid, arm, "a", *(f"{arm} {i}" for i in range(columns)))
            grid.add_section()
        return grid

    def test_every_cell_is_there_once(self):
        """Each piece repeats what rows are of; other cells stand in one piece, whole."""
        text = printed([self.table(20)], 60)
        assert max(map(len, text.splitlines())) <= 60 and text.count("Wide (continued)") == text.count("level") - 1 > 1
        assert all(
            text.count(f"{arm} {i}\n") + text.count(f"{arm} {i} ") == 1
            for arm in ("first", "second")
            for i in range(20)
        )

    def test_a_narrow_one_is_left_as_it_is(self):
        """The same object."""
        grid = self.table(2)
        assert list(fitted(grid, 80)) == [grid]

    def test_a_long_text_is_wrapped(self):
        """A column that fits in no piece is wrapped at words, in one of its own."""
        grid = new_table("Texts", ["arm", "text"])
        add_row(grid, "rft", "word " * 40)
        assert printed([grid], 40).count("word") == 40


if __name__ == "__main__":
    for each, parts in SHOWN.items():
        (ROOT / "terminal" / f"{each}.txt").write_text(printed(parts()), "utf-8")
