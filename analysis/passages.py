"""A text in pieces, with the places marked where a probe's evidence stands. Knows nothing of terminals and browsers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

SHOWN = 4_000
"""Characters of a text that are sent before the whole text is asked for."""
PLACES = 100
"""Places at most where one span is looked for."""


@dataclass(frozen=True)
class Passage:
    """A text in pieces; those that are marked are a probe's evidence. ``hidden``: characters that were left out."""

    pieces: list[tuple[str, bool]]
    hidden: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {"pieces": [list(piece) for piece in self.pieces], "hidden": self.hidden}


def passage(text: str, evidence: Iterable[str] = (), *, whole: bool = False) -> Passage:
    """Return a text in pieces, each place where a span of evidence stands marked; overlapping spans are one.

    Args:
        whole: all of it, however long.
    """
    shown = text if whole else text[:SHOWN]
    ranges = sorted((at, at + len(span)) for span in set(evidence) if span for at in _places(shown, span))
    pieces: list[tuple[str, bool]] = []
    done = 0
    for start, stop in ranges:
        start = max(start, done)
        if stop <= start:
            continue
        if start > done:
            pieces.append((shown[done:start], False))
        if pieces and pieces[-1][1] and start == done:
            pieces[-1] = (pieces[-1][0] + shown[start:stop], True)
        else:
            pieces.append((shown[start:stop], True))
        done = stop
    if done < len(shown) or not pieces:
        pieces.append((shown[done:], False))
    return Passage(pieces, len(text) - len(shown))


def _places(text: str, span: str) -> list[int]:
    places, at = [], text.find(span)
    while at >= 0 and len(places) < PLACES:
        places.append(at)
        at = text.find(span, at + len(span))
    return places
