"""A report as data: sections of blocks, none of which knows how it is written. Texts are plain text, never markup.

``href`` is ``#anchor`` of a block, row or section of the same report, or empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Tone = Literal["plain", "lead", "scope", "advice", "warning", "note"]


@dataclass(frozen=True)
class Link:
    """A place in the same report, with what to call it."""

    text: str
    href: str


@dataclass(frozen=True)
class Prose:
    """A paragraph, and the places that it speaks of."""

    text: str
    links: tuple[Link, ...] = ()
    tone: Tone = "plain"


@dataclass(frozen=True)
class Bullets:
    """A list of short texts."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Datum:
    """A cell of a table; ``anchor`` is its id in the report, or empty."""

    text: str
    href: str = ""
    anchor: str = ""


@dataclass(frozen=True)
class BoardLine:
    """A row of a table, likewise."""

    cells: tuple[Datum, ...]
    anchor: str = ""


@dataclass(frozen=True)
class Board:
    """A table.

    Attributes:
        labels: how many of the first columns say what a row is of.
        note: what a reader has to know of the numbers.
        folded: long, and only looked at by those who follow a number.
        decisive: the first column of numbers is what decides.
    """

    caption: str
    columns: tuple[str, ...]
    lines: tuple[BoardLine, ...]
    labels: int = 1
    note: str = ""
    anchor: str = ""
    folded: bool = False
    decisive: bool = False


@dataclass(frozen=True)
class Plate:
    """A figure: SVG that this product drew, and its caption; ``title`` says in a few words what it shows."""

    svg: str
    title: str
    caption: str
    anchor: str


@dataclass(frozen=True)
class Fact:
    """One term of a list of facts; ``known`` is False where the log does not say."""

    term: str
    text: str
    known: bool = True


@dataclass(frozen=True)
class Facts:
    """Terms with what the log says of them."""

    facts: tuple[Fact, ...]
    caption: str = ""


@dataclass(frozen=True)
class Code:
    """Text to be pasted into a terminal, or settings."""

    text: str
    caption: str = ""
    folded: bool = False


@dataclass(frozen=True)
class Excerpt:
    """A part of a message; ``mark`` says whether a probe quoted it as evidence, of strategy or of a failure of skill."""

    text: str
    mark: Literal["", "strategy", "copying"] = ""


@dataclass(frozen=True)
class Words:
    """One message of a transcript.

    Attributes:
        verdicts: a line per probe.
    """

    title: str
    pieces: tuple[Excerpt, ...]
    won: bool
    thinking: str = ""
    verdicts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Transcript:
    """One contest in full: why it stands here, what was written about, both messages, votes, some thoughts, and the command that shows all."""

    title: str
    why: str
    subject: str
    about: str
    messages: tuple[Words, ...]
    votes: str
    thoughts: tuple[str, ...]
    command: str
    anchor: str


Block = Prose | Bullets | Board | Plate | Facts | Code | Transcript


@dataclass(frozen=True)
class Section:
    """A part of a report with a heading; ``anchor`` is its id."""

    anchor: str
    title: str
    blocks: Sequence[Block] = field(default_factory=tuple)


@dataclass(frozen=True)
class Document:
    """A report.

    Attributes:
        note: what it is no evidence of; empty for none.
    """

    title: str
    subtitle: str
    sections: tuple[Section, ...]
    note: str = ""
