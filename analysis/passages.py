"""A text in pieces, with the places marked where a probe's evidence stands. Knows nothing of terminals and browsers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from abm.probe import Kind, kind_of

SHOWN = 4_000
"""Characters of a text that are sent before the whole text is asked for."""
PLACES = 100
"""Places at most where one span is looked for."""
_RUNS = re.compile(b"\0+|\1+|\2+")


@dataclass(frozen=True)
class Passage:
    """A text in pieces; those that are marked are a probe's evidence.

    Attributes:
        hidden: characters that were left out.
        slips: which of the pieces are evidence of failures of skill alone, ascending.
    """

    pieces: list[tuple[str, bool]]
    hidden: int = 0
    slips: tuple[int, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        pieces = [list(piece) for piece in self.pieces]
        return {"pieces": pieces, "hidden": self.hidden, "slips": list(self.slips)}


def judged_passage(text: str, findings: Iterable[tuple[str, Iterable[str]]], *, whole: bool = False) -> Passage:
    """Return a message in pieces, the evidence against it marked.

    Args:
        findings: probes that found something, each with the spans that it quotes.
        whole: all of it, however long.
    """
    spans: dict[Kind, list[str]] = {"strategy": [], "copying": []}
    for probe, quoted in findings:
        spans[kind_of(probe)] += quoted
    return passage(text, spans["strategy"], spans["copying"], whole=whole)


def passage(text: str, evidence: Iterable[str] = (), slips: Iterable[str] = (), *, whole: bool = False) -> Passage:
    """Return a text in pieces, each place where a span of evidence stands marked; overlapping spans are one.

    Args:
        evidence: of strategy; where it overlaps with ``slips``, the place is its own.
        slips: evidence of failures of skill.
        whole: all of it, however long.
    """
    shown = text if whole else text[:SHOWN]
    marks = bytearray(len(shown))  # a byte per character: 0 for none, 1 for skill, 2 for strategy
    for mark, spans in ((b"\1", slips), (b"\2", evidence)):
        for span in set(spans):
            for at in _places(shown, span) if span else ():
                marks[at : at + len(span)] = mark * len(span)
    runs = [run.span() for run in _RUNS.finditer(marks)] or [(0, 0)]
    pieces = [(shown[start:stop], any(marks[start : start + 1])) for start, stop in runs]
    skill = tuple(number for number, (start, _) in enumerate(runs) if marks[start : start + 1] == b"\1")
    return Passage(pieces, len(text) - len(shown), skill)


def _places(text: str, span: str) -> list[int]:
    places, at = [], text.find(span)
    while at >= 0 and len(places) < PLACES:
        places.append(at)
        at = text.find(span, at + len(span))
    return places
