"""A report as Markdown (GitHub's): sections, tables, transcripts. Texts are escaped. Figures stand in the page of HTML and in files of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analysis.markup import markdown as escaped
from analysis.reports.document import Block, Board, Bullets, Code, Document, Excerpt, Facts, Plate, Prose, Transcript
from analysis.reports.lines import ROWS, first_lines

MARKS = {"": "", "strategy": "**", "copying": "*"}


def markdown(document: Document) -> str:
    """Return a report as Markdown."""
    parts = [f"# {escaped(document.title)}", escaped(document.subtitle)]
    parts += [f"**{escaped(document.note)}**"] if document.note else []
    for section in document.sections:
        parts.append(f"## {escaped(section.title)}")
        for block in section.blocks:
            parts += _block(block)
    return "\n\n".join(part for part in parts if part) + "\n"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Prose():
            yield escaped(block.text)
        case Bullets():
            yield "\n".join(f"- {escaped(item)}" for item in block.items)
        case Board():
            yield from _board(block)
        case Facts():
            yield f"### {escaped(block.caption)}" if block.caption else ""
            yield "\n".join(f"- **{escaped(fact.term)}**: {escaped(fact.text)}" for fact in block.facts)
        case Code():
            yield escaped(block.caption)
            yield _fenced(block.text)
        case Plate():
            yield f"*Figure: {escaped(block.title)}.* {escaped(block.caption)}"
        case Transcript():
            yield from _transcript(block)


def _board(board: Board) -> Iterator[str]:
    yield f"### {escaped(board.caption)}"
    lines, left = first_lines(board)
    rule = ["---" if i < board.labels else "--:" for i in range(len(board.columns))]
    rows = [list(map(escaped, board.columns)), rule, *([escaped(cell.text) for cell in line.cells] for line in lines)]
    yield "\n".join("| " + " | ".join(row) + " |" for row in rows)
    yield escaped(f"{board.note} {ROWS.format(left) if left else ''}")


def _fenced(text: str) -> str:
    """Return a text between fences that are longer than any in it."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}\n{text.rstrip()}\n{fence}"


def _transcript(shown: Transcript) -> Iterator[str]:
    yield f"### {escaped(shown.title)}"
    yield escaped(shown.why)
    for message in shown.messages:
        yield f"{escaped(message.title)}{' **won**' if message.won else ''}"
        lines = "".join(map(_marked, message.pieces)).splitlines() or [""]
        yield "\n".join(f"> {line}  " for line in lines)
        if message.verdicts:
            yield "\n".join(f"- {escaped(line)}" for line in message.verdicts)
    yield escaped(shown.votes)
    if shown.thoughts:
        yield "\n".join(f"- {escaped(thought)}" for thought in shown.thoughts)
    yield _fenced(shown.command)


def _marked(span: Excerpt) -> str:
    """Return a piece of a message, its lines kept; marks stand at its letters, for Markdown takes none at a space."""
    said = list[str]()
    for line in span.text.split("\n"):
        body = line.strip()
        mark = MARKS[span.mark] if body else ""
        lead, tail = (" " if line[:1].isspace() else ""), (" " if line[-1:].isspace() and body else "")
        said.append(f"{lead}{mark}{escaped(body)}{mark}{tail}")
    return "\n".join(said)
