"""What two quantities of a sentence come to where it tells a change: "from 55 minutes to 18" is 37 minutes less, or 67 percent.

Knows tokens and spans. Does no other arithmetic: it adds nothing up, and counts no years from a date of birth.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from analysis.probes._meanings import Meaning, Span
from analysis.probes._numbers import Tokens

YEAR = 31557600.0
"""Seconds of a year, as units.yaml has them."""
_REMEMBERED = 4
"""Quantities of a sentence that a later one may be compared with."""
_AFTER = frozenset("from than".split())
"""Words before a quantity that one before it has changed from: "up from 402"."""
_NO_AMOUNT = ("vague", "clock", "decade", "multiple", "times", "temperature")


class Changes:
    """The quantities of a text, taken in order, and what each comes to with one before it."""

    def __init__(self, at: Tokens) -> None:
        self._at = at
        self._before: deque[tuple[int, Span]] = deque(maxlen=_REMEMBERED)

    def like(self, i: int, span: Span) -> Span:
        """Return the second number of "48 million dollars to 35 million" as money, as its first one is; others as they are."""
        if not (self._before and span.bare and span.scale and self._at[i - 1].text in ("to", "-", "and", "or")):
            return span
        first = self._before[-1][1].meanings[0]
        if self._end != i - 1 or first.dimension != "money":
            return span
        number_of = span.meanings[0]
        return replace(span, meanings=(first.scaled(number_of.raw, number_of.grain), *span.meanings), bare=False)

    def take(self, i: int, span: Span) -> Iterator[Span]:
        """Take the next quantity, which begins at token ``i``, and yield what changes to it, or from it, come to."""
        if any(self._at[k].text in (".", "!", "?", ";") for k in range(self._end, i)):
            self._before.clear()
        if self._before:
            begun, last = self._before[-1]
            opened, joint = self._at[begun - 1].text, self._at[i - 1].text
            if (opened, joint) in (("from", "to"), ("between", "and")):
                yield from _change(last, span)
            elif joint in _AFTER or self._at[i - 3].text in _AFTER or self._at[i - 2].text in _AFTER:
                for _, each in self._before:
                    yield from _change(span, each)
        self._before.append((i, span))

    @property
    def _end(self) -> int:
        return self._before[-1][1].end if self._before else 0


def _change(old: Span, new: Span) -> Iterator[Span]:
    """Yield the difference, the share by which it changed, and how many times one is the other."""
    was, now = old.meanings[0], new.meanings[0]
    if was.kind != now.kind or was.dimension in _NO_AMOUNT or "/" in was.kind or min(was.base, now.base) <= 0:
        return
    end, less = max(old.end, new.end), abs(now.base - was.base)
    if was.kind == "year":
        if was.raw >= 100 and now.raw >= 100:
            yield _one("time", less, end, YEAR)
        return
    kind = "" if was.kind == "percent" else was.kind  # percentages differ by points
    yield _one(kind, less / was.factor, end, was.factor)
    yield _one("change", 100 * less / was.base, end)
    small, large = sorted((was.base, now.base))
    yield _one("multiple", large / small, end)


def _one(kind: str, raw: float, end: int, factor: float = 1.0) -> Span:
    return Span((Meaning(raw, kind, raw * factor, factor),), end)
