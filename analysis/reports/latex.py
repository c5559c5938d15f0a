"""A report as an article of LaTeX: sections, tables with the rules of booktabs, transcripts. Texts are escaped; any LaTeX sets it.

Figures are named; ``moloch figures`` draws them as PDF.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analysis.markup import tex
from analysis.reports.columns import column_groups, column_widths, widest
from analysis.reports.document import Block, Board, Bullets, Code, Document, Facts, Plate, Prose, Transcript, Words
from analysis.reports.lines import ROWS, first_lines

BEGIN = r"""\documentclass[a4paper]{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage{booktabs,longtable,array,textcomp}
\usepackage[margin=2cm]{geometry}
\sloppy
\begin{document}"""

GAP = 3
"""Points on each side of a column."""
WIDTH = 480
"""Points of a line of text on the page."""
SIZES = {"footnotesize": 4.7, "scriptsize": 4.2}
"""Size of type, the largest first -> points that a sign is wide, at most on average."""


def latex(document: Document) -> str:
    """Return a report as LaTeX, a whole document; its tables can be copied out of it."""
    parts = [BEGIN, rf"\title{{{tex(document.title)}}}\date{{}}\author{{}}\maketitle", tex(document.subtitle)]
    parts += [rf"\textbf{{{tex(document.note)}}}"] if document.note else []
    for section in document.sections:
        parts.append(rf"\section*{{{tex(section.title)}}}")
        for block in section.blocks:
            parts += _block(block)
    return "\n\n".join(part for part in (*parts, r"\end{document}") if part) + "\n"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Prose():
            yield tex(block.text)
        case Bullets():
            yield _list(block.items)
        case Board():
            yield from _board(block)
        case Facts():
            yield rf"\subsection*{{{tex(block.caption)}}}" if block.caption else ""
            items = "\n".join(rf"\item[{{{tex(fact.term)}}}] {tex(fact.text)}" for fact in block.facts)
            yield f"\\begin{{description}}\n{items}\n\\end{{description}}"
        case Code():
            yield tex(block.caption)
            yield _typed(block.text)
        case Plate():
            yield rf"\emph{{Figure: {tex(block.title)}.}} {tex(block.caption)}"
        case Transcript():
            yield from _transcript(block)


def _list(items: tuple[str, ...]) -> str:
    lines = "\n".join(rf"\item {{}}{tex(item)}" for item in items)
    return f"\\begin{{itemize}}\n{lines}\n\\end{{itemize}}"


def _board(board: Board) -> Iterator[str]:
    yield rf"\subsection*{{{tex(board.caption)}}}"
    lines, left = first_lines(board)
    rows = [board.columns, *([cell.text for cell in line.cells] for line in lines)]
    for group in column_groups(rows, board.labels, _room("scriptsize", len(board.columns))):
        yield _table([[row[i] for i in group] for row in rows], board.labels)
    yield tex(f"{board.note} {ROWS.format(left) if left else ''}")


def _table(rows: Sequence[Sequence[str]], labels: int) -> str:
    """Return rows, the head first, as a table that is as wide as the page at most."""
    columns = len(rows[0])
    wanted = sum(widest(rows))
    size = next((size for size in SIZES if wanted <= _room(size, columns)), "scriptsize")
    sides = ["l" if i < labels else "r" for i in range(columns)]
    if wanted > _room(size, columns):
        ragged = {"l": "raggedright", "r": "raggedleft"}
        widths = column_widths(rows, _room(size, columns))
        sides = [
            rf">{{\{ragged[side]}\arraybackslash}}p{{{width * SIZES[size]:.0f}pt}}"
            for side, width in zip(sides, widths, strict=True)
        ]
    head, *body = (" & ".join(f"{{}}{tex(text)}" for text in row) + r" \\" for row in rows)
    table = "\n".join((r"\toprule", head, r"\midrule", r"\endhead", *body, r"\bottomrule"))
    return f"{{\\{size}\\setlength\\tabcolsep{{{GAP}pt}}\\begin{{longtable}}{{{''.join(sides)}}}\n{table}\n\\end{{longtable}}}}"


def _room(size: str, columns: int) -> int:
    """Return how many signs of a size a line of a table has."""
    return int((WIDTH - 2 * GAP * columns) / SIZES[size])


def _typed(text: str) -> str:
    """Return lines in the type of a terminal, as they are; ``verbatim`` would end at its own end within a text."""
    lines = (rf"\mbox{{}}\texttt{{{tex(line).replace(' ', '~')}}}" for line in text.rstrip().split("\n"))
    return r"{\raggedright\footnotesize " + "\\\\\n".join(lines) + r"\par}"


def _transcript(shown: Transcript) -> Iterator[str]:
    yield rf"\subsection*{{{tex(shown.title)}}}"
    yield tex(shown.why)
    for message in shown.messages:
        yield _message(message)
    yield tex(shown.votes)
    if shown.thoughts:
        yield _list(shown.thoughts)
    yield _typed(shown.command)


def _message(message: Words) -> str:
    body = "".join(
        rf"\textbf{{{_spaced(span.text)}}}" if span.mark == "strategy"
        else rf"\emph{{{_spaced(span.text)}}}" if span.mark
        else _spaced(span.text)
        for span in message.pieces
    )  # fmt: skip
    won = r" \textbf{won}" if message.won else ""
    verdicts = r" \\ ".join(tex(line) for line in message.verdicts)
    return f"\\begin{{quote}}\n{tex(message.title)}{won}: {body}\n\n{{\\footnotesize {verdicts}}}\n\\end{{quote}}"


def _spaced(text: str) -> str:
    """Return a piece of a message with the spaces at its ends."""
    return f"{' ' if text[:1].isspace() else ''}{tex(text)}{' ' if text.strip() and text[-1:].isspace() else ''}"
