"""Win rates of a run at equal length and format: the votes between two messages, their logit, and what each person adds to it.

Knows evaluations; knows nothing of how anything is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.readings.contests import Evaluation, EvaluationContest
from analysis.statistics.controlled_shares import ControlledShares, controlled_shares
from analysis.tables._linearised import linearised
from analysis.tables._styles import CONTROLS, style_of
from analysis.tables.conventions import BESIDE, CONTROLLED, FROM_STYLE
from analysis.tables.evaluation import comparator
from analysis.tables.pooled import Measured, RunValues

Floats = NDArray[np.float64]

MOST_NUMBERS = 2_000_000
"""Numbers of all anchors and people that are held; with more people nothing is controlled for."""
NO_FIT = "no votes between two messages, or of too many people, copies counted once"
"""Why :func:`style_fit` returns None."""


class StyleFit(NamedTuple):
    """A run's logit of votes on length and format; row i is what one person voted about one anchor, in any arm.

    Attributes:
        arms: the groups of the model, in their order: those with votes between two messages.
        anchors, people: content ids of each row, shape (rows,).
        on_shares, on_raw: what each row adds to each arm's controlled share, and to its raw one; shape (arms, rows).
        on_slopes: likewise to each slope, shape (controls, rows).
    """

    arms: tuple[str, ...]
    model: ControlledShares
    anchors: NDArray[np.object_]
    people: NDArray[np.object_]
    on_shares: Floats
    on_raw: Floats
    on_slopes: Floats

    def why(self, arm: str) -> str:
        """Return why an arm has no controlled win rate; empty where it has."""
        return self.model.why[self.arms.index(arm)] if arm in self.arms else "no votes between two messages"


def style_fit(found: Evaluation, run: str, epoch: int | None = None) -> StyleFit | None:
    """Fit a run's votes between two messages; forfeits are left out, for nobody read them.

    Args:
        run: its name, distinct among those that are put together.

    Returns:
        None where nobody voted so, or people are more than :data:`MOST_NUMBERS` allows.
    """
    contests = [c for arm in found.arms() for c in found.of(arm, epoch) if not c.forfeited_by and len(c.votes)]
    arms = tuple(dict.fromkeys(c.arm for c in contests))
    names = list(dict.fromkeys(c.anchor for c in contests))
    people = 1 + max((int(found.originals.of(c.personas).max()) for c in contests), default=0)
    if not contests or len(names) * people * (2 * len(arms) + len(CONTROLS)) > MOST_NUMBERS:
        return None
    votes = [_by_person(found, c) for c in contests]
    model = controlled_shares(
        [arms.index(c.arm) for c in contests],
        [np.subtract(style_of(c.trained.text), style_of(c.base.text)) for c in contests],
        [won.sum() for _, won in votes],
        [n.sum() for n, _ in votes],
        names=CONTROLS,
    )
    sums = _Influences(model, len(names), people)
    place = {name: i for i, name in enumerate(names)}
    for c, (contest, (n, won)) in enumerate(zip(contests, votes, strict=True)):
        sums.add(c, arms.index(contest.arm), place[contest.anchor], n, won)
    anchor, person = np.nonzero(sums.seen)
    total = np.array([sum(n.sum() for c, (n, _) in zip(contests, votes, strict=True) if c.arm == arm) for arm in arms])
    return StyleFit(
        arms,
        model,
        np.array(names, dtype=object)[anchor],
        np.array(found.originals.ids(run), dtype=object)[person],
        sums.on_shares[:, sums.seen],
        sums.on_raw[:, sums.seen] / total[:, None],
        sums.on_slopes[:, sums.seen],
    )


def _by_person(found: Evaluation, contest: EvaluationContest) -> tuple[Floats, Floats]:
    """Return the valid votes of each person in a contest, and those for the arm's message, by the index of the original."""
    people = found.originals.of(contest.personas)
    return np.bincount(people).astype(np.float64), np.bincount(people, contest.votes).astype(np.float64)


class _Influences:
    """Sums of influences by anchor and person."""

    def __init__(self, model: ControlledShares, anchors: int, people: int) -> None:
        self._model, size = model, (anchors, people)
        self.seen = np.zeros(size, dtype=np.bool_)
        self.on_shares, self.on_raw = (np.zeros((len(model.raw), *size)) for _ in range(2))
        self.on_slopes = np.zeros((len(model.controls), *size))

    def add(self, c: int, arm: int, anchor: int, n: Floats, won: Floats) -> None:
        """Add the votes of a contest."""
        people = slice(0, len(n))
        left = won - n * self._model.expected[c]
        self.seen[anchor, people] |= n > 0
        self.on_shares[:, anchor, people] += np.multiply.outer(self._model.weights[:, c], left)
        self.on_slopes[:, anchor, people] += np.multiply.outer(self._model.slope_weights[:, c], left)
        self.on_raw[arm, anchor, people] += won - n * self._model.raw[arm]


def style_values(fit: StyleFit, found: Evaluation) -> dict[Measured, RunValues]:
    """Return controlled win rates and the rest of the raw ones, and both less the comparator's."""
    values: dict[Measured, RunValues] = {}
    known = [arm for arm in fit.arms if not fit.why(arm)]
    for arm in known:
        other = comparator(found, arm)
        for less in ["", *([other] if other in known else [])]:
            controlled, raw = style_part(fit, arm, less), style_part(fit, arm, less, raw=True)
            rest = raw._replace(sums=raw.sums - controlled.sums)
            values[Measured(arm, BESIDE, CONTROLLED, "from_comparator" if less else "rate")] = controlled
            values[Measured(arm, BESIDE, FROM_STYLE, "from_comparator" if less else "from_base")] = rest
    return values


def style_part(fit: StyleFit, arm: str, less: str = "", *, raw: bool = False) -> RunValues:
    """Return an arm's controlled win rate (or the raw one of the same votes), less another's if there is one."""
    shares, influences = (fit.model.raw, fit.on_raw) if raw else (fit.model.shares, fit.on_shares)
    g = fit.arms.index(arm)
    value, influence = float(shares[g]), influences[g]
    if less:
        h = fit.arms.index(less)
        value, influence = value - float(shares[h]), influence - influences[h]
    return linearised(value, influence, fit.anchors, fit.people)


def slope_values(fit: StyleFit) -> dict[str, RunValues]:
    """Return control -> its slope."""
    return {
        name: linearised(float(slope), influence, fit.anchors, fit.people)
        for name, slope, influence in zip(fit.model.controls, fit.model.slopes, fit.on_slopes, strict=True)
    }


def scales(fit: StyleFit) -> Sequence[tuple[str, float]]:
    """Return each control in the model with the standard deviation of its differences, in its own unit."""
    return list(zip(fit.model.controls, fit.model.scales.tolist(), strict=True))
