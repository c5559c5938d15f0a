"""What a report in LaTeX promises: a document that any LaTeX sets, whatever names and texts hold, no wider than its page."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.reports.columns import column_groups, column_widths
from analysis.reports.document import Board, BoardLine, Datum, Document, Section
from analysis.reports.latex import latex
from analysis.reports.run_report import run_report
from tests.analysis.reports.runs import HOSTILE, write_run

SIGNS = r"_ % & # $ ~ ^ \ { } < > | \end{document} \begin{x} $\input{y}$ ~^_ %"
WIDE = Board(
    f"Wide {SIGNS}",
    tuple(f"column {i} {SIGNS[i]}" for i in range(27)),
    tuple(BoardLine(tuple(Datum(f"{SIGNS} {'word' * 9} {i}") for i in range(27))) for _ in range(3)),
    labels=2,
)


def commands(text: str) -> Iterator[str]:
    """Yield what LaTeX obeys in a text, in order: commands with their names, braces, and signs with a meaning of their own."""
    yield from re.findall(r"\\(?:[A-Za-z]+\*?|.|\n)|[{}$&#^_~%]", text)


def nested(text: str) -> list[str]:
    """Return what is wrong with how groups and environments of a document are nested; nothing where all is well."""
    open_ones, wrong, maths = list[str](), list[str](), False
    words = re.findall(r"\\begin\{\w+\}|\\end\{\w+\}|\\(?:[A-Za-z]+|.|\n)|[{}$]", text)
    for word in words:
        if word.startswith("\\begin{"):
            open_ones.append(word[7:-1])
        elif word.startswith("\\end{"):
            if not open_ones or open_ones.pop() != word[5:-1]:
                wrong.append(word)
        elif word == "{":
            open_ones.append("{")
        elif word == "}":
            if not open_ones or open_ones.pop() != "{":
                wrong.append(word)
        elif word == "$":
            maths = not maths
    return wrong + open_ones + ["$"] * maths


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report of a run whose every text is hostile, with a table that is wider than a page."""
    made = run_report(write_run(tmp_path_factory.mktemp("latex") / "run", text=f"{SIGNS} {HOSTILE}"))
    return latex(Document(f"{made.title} {SIGNS}", SIGNS, (*made.sections, Section("x", SIGNS, (WIDE,)))))


def test_what_begins_ends(hostile):
    """Groups, environments and formulas are nested; the document ends once, at its end."""
    assert nested(hostile) == []
    assert hostile.count(r"\end{document}") == 1 and hostile.endswith("\\end{document}\n")
    assert nested(r"\begin{a}{x}\end{b}") == [r"\end{b}"] and nested(r"{\{") == ["{"], "it finds what is wrong"


def test_texts_command_nothing(hostile):
    """Of all that LaTeX would obey, only what the report itself writes is left: no sign of a text has a meaning."""
    body = hostile.partition(r"\begin{document}")[2]
    ours = set(commands(latex(Document("t", "", ())).partition(r"\begin{document}")[2]))
    left = set(commands(body)) - ours
    assert not left & {"#", "^", "_", "%"}
    assert not {each for each in left if re.match(r"\\(input|write|catcode|def|x|y)\b", each)}
    assert all(row.count(" & ") == 0 or row.endswith(r"\\") for row in body.splitlines())


def test_wide_tables_are_taken_apart():
    """Each part begins with the labels; together they have every column once; a part is no wider than there is room."""
    rows = [[f"{'x' * (4 + i % 3)} y" for i in range(27)] for _ in range(2)]
    groups = column_groups(rows, 2, 60)
    assert all(group[:2] == [0, 1] for group in groups) and len(groups) > 1
    assert [i for group in groups for i in group[2:]] == list(range(2, 27))
    for group in groups:
        assert sum(column_widths([[row[i] for i in group] for row in rows], 60)) <= 60
    assert column_widths([["a b", "cc"]], 5) == [3, 2], "as wide as they are where there is room"
    assert column_groups([["a", "b"]], 3, 1) == [[0, 1]]


@pytest.mark.system
@pytest.mark.skipif(
    shutil.which("pdflatex") is None,
    reason="pdflatex is not installed (Debian: texlive-latex-extra); the other tests check the source without it",
)
def test_a_latex_sets_it(hostile, tmp_path: Path):
    """Without a mistake, and with nothing that sticks out of the page by more than a letter."""
    (tmp_path / "r.tex").write_text(hostile, "utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "r.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    log = done.stdout.decode("latin-1").replace("\n", "")
    assert done.returncode == 0, log[-2000:]
    assert [float(wide) for wide in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log) if float(wide) > 8] == []
