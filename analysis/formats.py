"""Numbers and texts as the pages show them: always text, never markup."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

SHOWN = 4_000
"""Characters of a text that are sent before somebody asks for all of it."""
LABEL = 200
"""Characters of a name or a subject that are shown."""
DASH = "–"
MINUS = "−"


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


def _places(text: str, span: str, most: int = 100) -> list[int]:
    found, at = [], text.find(span)
    while at >= 0 and len(found) < most:
        found.append(at)
        at = text.find(span, at + len(span))
    return found


def short(text: str, width: int = 80) -> str:
    """Return a text on one line, cut where it is long."""
    line = " ".join(text[: 4 * width].split())
    return line if len(line) <= width else line[: width - 1] + "…"


def known(value: float | None) -> bool:
    """Return whether there is a number."""
    return value is not None and not math.isnan(value)


def percent(value: float | None, digits: int = 1) -> str:
    """Return a share as per cent."""
    return f"{100 * value:.{digits}f} %" if value is not None and known(value) else DASH


def bounds(estimate: dict[str, Any] | None) -> str:
    """Return an interval of shares in per cent, without its unit."""
    if estimate is None or not (known(estimate["low"]) and known(estimate["high"])):
        return ""
    return f"{100 * estimate['low']:.1f} – {100 * estimate['high']:.1f}"


def points(estimate: dict[str, Any] | None) -> str:
    """Return a difference of shares in percentage points, with its sign."""
    return signed(100 * estimate["value"]) if estimate is not None and known(estimate["value"]) else DASH


def points_bounds(estimate: dict[str, Any] | None) -> str:
    """Return the interval of a difference of shares in percentage points."""
    if estimate is None or not (known(estimate["low"]) and known(estimate["high"])):
        return ""
    return f"{signed(100 * estimate['low'])} to {signed(100 * estimate['high'])}"


def interval(estimate: dict[str, Any] | None, low: float, high: float) -> dict[str, float] | None:
    """Return where an estimate and its interval are drawn on an axis from ``low`` to ``high``, in per cent of its width.

    The interval is cut off at the axis's ends; without bounds it is the value alone. None where there is no value.
    """
    if estimate is None or not known(estimate["value"]):
        return None

    def at(value: float | None) -> float:
        found = estimate["value"] if value is None or not known(value) else value
        return 100 * (min(high, max(low, found)) - low) / (high - low)

    start, stop = at(estimate["low"]), at(estimate["high"])
    return {"at": at(estimate["value"]), "low": start, "width": stop - start}


def signed(value: float, digits: int = 1) -> str:
    """Return a number with its sign; zero has none."""
    text = f"{abs(value):.{digits}f}"
    return text if not float(text) else ("+" if value > 0 else MINUS) + text


def p_value(p: float | None) -> str:
    """Return a p-value to three decimals."""
    return DASH if p is None or not known(p) else "<0.001" if p < 0.001 else f"{p:.3f}"


def ago(then: float, now: float) -> str:
    """Return how long ago something was, in its largest unit; both in seconds since the Unix epoch."""
    if not then:
        return DASH
    for unit, seconds in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if (whole := int((now - then) // seconds)) > 0:
            return f"{count(whole, unit)} ago"
    return "just now"


def count(number: int, what: str, plural: str = "") -> str:
    """Return a number with its noun."""
    return f"{number:,} {what if number == 1 else plural or what + 's'}"
