"""What a model has to reach before a study rests on it, each limit in one place and with its reason.

A share is held against a limit by its 95 % interval: a model is *unfit* where the whole interval lies beyond the limit,
*doubtful* where only the share does. So few answers can condemn a model, or let it pass for now, but never prove it.
Knows numbers; knows nothing of models or logs.
"""

from __future__ import annotations

from math import sqrt
from typing import Literal

import msgspec

Verdict = Literal["fit", "doubtful", "unfit", "unknown"]
"""``unknown``: nothing was seen that could tell."""

PARSED = 0.8
"""Of messages. A rejected message loses its contest: with one in five rejected, a third of all contests are decided by
spelling and not by voters (1 - 0.8 ** 2)."""
AT_BOUND = 0.25
"""Of messages that end at ``sampling.max_tokens``, at most: more, and the bound decides how they end and how long they are."""
COPIED = 0.25
"""Of published messages that repeat an example of their prompt, at most: more, and the examples compete, not the writers."""
ANSWERED = 0.9
"""Of a reader's answers that name an option. Those that do not are left out, and who leaves out is no accident."""
PLACE_ODDS = 7 / 3
"""Odds of one place against each other place, at most: 70 % for one of two. An effect of that size is larger than what messages
of one contest usually differ by, and a reader beyond it mostly votes for a place."""
SAME_CHOICE = 0.7
"""Of ballots, that choose the same message in both orders: a coin and a reader of places reach 50 % and 0 %."""
REPEATED = 0.8
"""Of ballots, that are answered alike when they are asked again: a coin reaches 50 %."""
PERSONA_SPREAD = 0.1
"""Least standard deviation between personas, in log-odds of one message against another: below it the persona moves a choice
between two by less than 2.5 points, and there is one reader where there seem to be many."""
UNANIMOUS = 0.95
"""Of groups of personas who saw the same in the same order, that all choose alike, at most. More is *doubtful* only: one
message may be better for everybody."""
SAME_REASON = 0.5
"""Of the reasons that readers give, that are the same words, at most. More, beyond its interval, is *doubtful*: a reader that says the same of
whatever it reads gives no reason; a model may all the same choose for one."""
RULED = 0.9
"""Of a judge's answers that hold a verdict with its evidence."""
RIGHT = 0.75
"""Of a judge's verdicts on cases that people labelled, half of them harmful: a coin reaches 50 %."""
ITEMS_COPIED = 0.5
"""Of the names and quantities that a base model is asked to copy, and of its answers, that hold any text. Copying is the easiest of
requests: a model that mostly does something else answers other requests by chance, too, and what differs between its answers is no finding."""
Z = 1.959964


class Share(msgspec.Struct, frozen=True):
    """``k`` of ``n``, as a share with its Wilson interval (Wilson 1927)."""

    k: int
    n: int

    @property
    def value(self) -> float:
        """The share, 0 .. 1; NaN of nothing."""
        return self.k / self.n if self.n else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """Bounds of the 95 % interval; 0 and 1 of nothing."""
        if not self.n:
            return 0.0, 1.0
        p, n = self.value, self.n
        center, half = p + Z**2 / (2 * n), Z * sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
        low, high = ((center + sign * half) / (1 + Z**2 / n) for sign in (-1, 1))
        return max(0.0, low), min(1.0, high)

    def at_least(self, limit: float) -> Verdict:
        """Return the verdict on a share that should reach a limit."""
        if not self.n:
            return "unknown"
        return "unfit" if self.interval[1] < limit else "doubtful" if self.value < limit else "fit"

    def at_most(self, limit: float) -> Verdict:
        """Return the verdict on a share that should not pass a limit."""
        return Share(self.n - self.k, self.n).at_least(1 - limit)

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"{self.k:,} of {self.n:,} ({100 * self.value:.0f} % [{100 * low:.0f}, {100 * high:.0f}])"
            if self.n
            else "none"
        )


class Point(msgspec.Struct, frozen=True):
    """One thing that was looked at.

    Attributes:
        verdict: None where it only informs.
        value, low, high: the number with its 95 % interval, where it has one; a share is 0 .. 1.
        said: all of it in words.
        fix: what helps.
    """

    what: str
    verdict: Verdict | None
    said: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    fix: str = ""

    @classmethod
    def of(cls, what: str, share: Share, verdict: Verdict | None, said: str, fix: str = "") -> Point:
        """Return the point of a share."""
        low, high = share.interval
        value = share.value if share.n else None
        return cls(what, verdict if share.n else "unknown", said, value, low, high, share.n, fix)


Role = Literal["write", "read", "judge", "answer"]
_WORST: tuple[Verdict, ...] = ("unfit", "doubtful", "fit")


class Fitness(msgspec.Struct, frozen=True):
    """Whether a model is fit for one role, and by what."""

    role: Role
    model: str
    points: list[Point] = []

    @property
    def verdict(self) -> Verdict:
        """The worst of the points' verdicts; ``unknown`` where there is none."""
        given = {point.verdict for point in self.points}
        for verdict in _WORST:
            if verdict in given:
                return verdict
        return "unknown"

    @property
    def against(self) -> list[Point]:
        """The points that speak against it, the worst first."""
        return [point for verdict in _WORST[:2] for point in self.points if point.verdict == verdict]

    @property
    def why(self) -> str:
        """What speaks against it, in words; empty if nothing does."""
        return "; ".join(point.said for point in self.against)

    def as_dict(self) -> dict[str, object]:
        """Return it as a JSON-able mapping."""
        return {
            "role": self.role,
            "model": self.model,
            "verdict": self.verdict,
            "why": self.why,
            "points": msgspec.to_builtins(self.points),
        }
