"""Whether a model is fit to read: does it vote for messages or for places, and does it matter whom it plays?

Counts are added one answer at a time, whether they come from a check or out of a run's log. Knows votes and letter scores; knows no
events.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from abm.audience.asked import REVERSED
from abm.audience.letters import averaged, relative
from abm.llm.folders import POCKET
from learning.fitness.limits import (
    ANSWERED,
    PERSONA_SPREAD,
    PLACE_ODDS,
    REPEATED,
    SAME_CHOICE,
    SAME_REASON,
    UNANIMOUS,
    Fitness,
    Point,
    Share,
    Verdict,
)
from moloch.plain_text import quoted

STAND_IN = "the pocket model is not a usable reader: it was trained to write, and names a letter whatever it reads"


NONE = Share(0, 0)
REASON = 60
"""Characters by which reasons are distinguished."""


@dataclass
class ReaderCounts:
    """What a model's readers answered.

    Attributes:
        places: options shown -> how often each place was chosen.
        groups, alike: groups of two or more personas who saw the same in the same order, and those that all chose alike.
        reasons: what readers gave as reasons, each by how it begins; none where they gave none.
        both, repeats: of ballots that were asked in both orders, and again: those that chose the same message.
    """

    places: dict[int, list[int]] = field(default_factory=dict)
    invalid: int = 0
    groups: int = 0
    alike: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    both: Share = NONE
    repeats: Share = NONE
    _open: dict[str, dict[tuple[int, ...], Counter[int]]] = field(default_factory=dict)
    _waiting: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    _spread: _Spread = field(default_factory=lambda: _Spread())

    def vote(self, contest: str, order: Sequence[int], choice: int) -> None:
        """Add a vote.

        Args:
            order: the options as they were shown; ``choice``: the one chosen.
        """
        if len(order) < 2 or choice not in order:
            return
        places = self.places.setdefault(len(order), [0] * len(order))
        places[order.index(choice)] += 1
        self._open.setdefault(contest, {}).setdefault(tuple(order), Counter())[choice] += 1

    def reason(self, text: str) -> None:
        """Add the reason of a vote; an empty one is none."""
        if text := " ".join(text.split()):
            self.reasons[text[:REASON]] += 1

    def close(self, contest: str) -> None:
        """Take note that a contest's votes are complete."""
        for votes in self._open.pop(contest, {}).values():
            if votes.total() > 1:
                self.groups += 1
                self.alike += len(votes) == 1
        self._spread.close(contest)

    def scored(self, site: str, messages: Sequence[str], scores: Sequence[float]) -> None:
        """Add letter scores about two messages.

        Args:
            site: that asked, ``react/CONTEST/PERSONA``, with ``/reversed`` for the other order.
            messages: ids, in the order shown; ``scores``: of the letters, in nats.
        """
        if len(messages) != 2 or len(scores) != 2:
            return
        first, name = site.removesuffix(f"/{REVERSED}"), sorted(messages)
        logs = relative(scores, [name.index(message) for message in messages])
        if first == site:
            self._waiting[site] = logs
        elif (one := self._waiting.pop(first, None)) is not None:
            lower_first = name[0] != messages[0]  # in the first call, whose order is the reverse of this one's
            self._spread.add(first.split("/", 1)[1].rpartition("/")[0], one, logs, 1 if lower_first else -1)

    @property
    def votes(self) -> int:
        """Valid votes."""
        return sum(map(sum, self.places.values()))

    def fitness(self, model: str) -> Fitness:
        """Return the verdict on the model's readers."""
        points: list[Point] = []
        if model == POCKET:
            points.append(Point("stand-in", "unfit", STAND_IN, fix="Read with another model: --set reader.model=..."))
        if self.votes + self.invalid:
            answered = Share(self.votes, self.votes + self.invalid)
            points.append(
                Point.of("answers", answered, answered.at_least(ANSWERED), f"{answered} answers name an option")
            )
        points += [_place(options, counts) for options, counts in sorted(self.places.items())]
        points += self._same_reasons()
        if self.both.n:
            said = f"{self.both} ballots choose the same message in both orders"
            points.append(Point.of("both orders", self.both, self.both.at_least(SAME_CHOICE), said))
        if self.repeats.n:
            said = f"{self.repeats} ballots are answered alike when asked again"
            points.append(Point.of("asked again", self.repeats, self.repeats.at_least(REPEATED), said))
        points += self._spread.points() or self._unanimous()
        return Fitness("read", model, points)

    def _same_reasons(self) -> list[Point]:
        [(text, count), *_] = self.reasons.most_common(1) or [("", 0)]
        same = Share(count, self.reasons.total())
        if same.at_most(SAME_REASON) != "unfit":
            return []
        said = f"{same} reasons are the same words: {quoted(text)}"
        return [Point.of("reasons", same, "doubtful", said)]

    def _unanimous(self) -> list[Point]:
        if not self.groups:
            return []
        alike = Share(self.alike, self.groups)
        verdict: Verdict = "doubtful" if alike.at_most(UNANIMOUS) in ("unfit", "doubtful") else "fit"
        said = f"{alike} groups of personas who saw the same in the same order chose alike"
        return [Point.of("personas", alike, verdict, said)]


def _place(options: int, counts: Sequence[int]) -> Point:
    """Return whether one place among this many is chosen whatever stands there."""
    at = max(range(options), key=counts.__getitem__)
    share, limit = Share(counts[at], sum(counts)), PLACE_ODDS / (PLACE_ODDS + options - 1)
    name = "first" if at == 0 else "last" if at == options - 1 else f"{at + 1}th"
    said = f"{share} votes are for the {name} place of {options}"
    return Point.of("place", share, share.at_most(limit), said, "Try reader.answer=letters, or another model.")


@dataclass
class _Spread:
    """How far personas are apart in log-odds, and what standing first is worth."""

    shifts: list[float] = field(default_factory=list)
    squares: float = 0.0
    degrees: int = 0
    _open: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, contest: str, one: NDArray[np.float64], other: NDArray[np.float64], sign: int) -> None:
        """Add a persona's log-probabilities in both orders; ``sign``: 1 where the first option stood first in ``one``."""
        mean = averaged(one, other)
        self._open[contest].append(float(mean[0] - mean[1]))
        self.shifts.append(sign * float((one[0] - one[1]) - (other[0] - other[1])) / 2)

    def close(self, contest: str) -> None:
        """Take note that a contest is complete."""
        odds = self._open.pop(contest, [])
        if len(odds) > 1:
            self.squares += float(np.var(odds) * len(odds))
            self.degrees += len(odds) - 1

    def points(self) -> list[Point]:
        """Return what was seen; nothing without scores."""
        if not self.degrees:
            return []
        from scipy.stats import chi2

        low, high = (float(np.sqrt(self.squares / chi2.ppf(q, self.degrees))) for q in (0.975, 0.025))
        spread = float(np.sqrt(self.squares / self.degrees))
        verdict: Verdict = "unfit" if high < PERSONA_SPREAD else "doubtful" if spread < PERSONA_SPREAD else "fit"
        said = f"personas differ by {spread:.2f} [{low:.2f}, {high:.2f}] log-odds (standard deviation)"
        shift = float(np.mean(self.shifts))
        worth = f"standing first is worth {shift:+.2f} log-odds on average ({len(self.shifts):,} members asked in both orders)"
        return [
            Point("personas", verdict, said, spread, low, high, self.degrees),
            Point("first place", None, worth, shift, n=len(self.shifts)),
        ]
