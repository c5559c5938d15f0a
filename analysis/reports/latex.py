"""A report as an article of LaTeX: sections, tables with the rules of booktabs, transcripts. Texts are escaped; any LaTeX sets it.

Figures are named; ``moloch figures`` draws them as PDF.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.markup import tex
from analysis.reports.document import Block, Board, Bullets, Code, Document, Facts, Plate, Prose, Transcript, Words
from analysis.reports.lines import ROWS, first_lines

BEGIN = r"""\documentclass[a4paper]{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage{booktabs,longtable,array,textcomp}
\usepackage[margin=2cm]{geometry}
\sloppy
\begin{document}"""


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
    columns = "l" * board.labels + "r" * (len(board.columns) - board.labels)
    rows = "\n".join(" & ".join(f"{{}}{tex(cell.text)}" for cell in line.cells) + r" \\" for line in lines)
    head = " & ".join(f"{{}}{tex(column)}" for column in board.columns) + r" \\"
    table = f"\\begin{{longtable}}{{{columns}}}\n\\toprule\n{head}\n\\midrule\n\\endhead\n{rows}\n\\bottomrule\n\\end{{longtable}}"
    yield rf"{{\footnotesize\setlength\tabcolsep{{3pt}}{table}}}"
    yield tex(f"{board.note} {ROWS.format(left) if left else ''}")


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
