"""How good a surrogate audience is on votes that its fit never saw: agreement, log loss, calibration.

Fits nothing itself. Intervals are clustered on anchors and personas. "By position" is the rival that knows where options
stood and nothing of what they say: a surrogate that does not beat it has learnt nothing about messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from abm.log import open_log
from analysis.statistics.estimates import NOTHING, Estimate, clustered_mean, plain
from learning.surrogates.surrogate import BLOCKS, HeldOut, Surrogate, fit_surrogate
from learning.surrogates.votes import ABSTAINED, read_votes

BINS = 10
LEAST = 1e-9
"""Chance below which a forecast counts as this, so that one impossible vote does not make a loss infinite."""

Floats = NDArray[np.float64]


class BlockScores(msgspec.Struct, frozen=True):
    """Held-out votes of which one thing is new to the fit.

    Attributes:
        name: one of :data:`learning.surrogates.surrogate.BLOCKS`, or ``all``.
        log_loss, by_position: mean over votes, in nats, of the surrogate and of positions alone.
        gain: the latter less the former, in nats a vote; null 0.
        agreement: share of votes for the option that the surrogate holds most likely; ``predicted``: the share it expects.
        position_agreement: the same share for the position chosen most.
        winners: share of contests whose majority is the predicted one; ties left out.
    """

    name: str
    votes: int
    anchors: int
    personas: int
    log_loss: float
    by_position: float
    gain: Estimate
    agreement: Estimate
    predicted: float
    position_agreement: float
    winners: Estimate


class Bin(msgspec.Struct, frozen=True):
    """One point of the calibration curve.

    Attributes:
        low, high: chances that fall into it.
        predicted: their mean.
        chosen: share of the options with such a chance that were chosen.
    """

    low: float
    high: float
    predicted: float
    chosen: Estimate


class Assessment(msgspec.Struct, frozen=True):
    """What held-out votes say of a surrogate.

    Attributes:
        slope: the b of P'[s] ~ P[s]^b that fits them best (after Cox 1958, "Two further applications of a model for binary
            regression"): 1 where chances are calibrated, below 1 where they are too bold; null 1.
        curve: over all options shown, in bins of about equal numbers.
    """

    blocks: list[BlockScores]
    slope: Estimate
    curve: list[Bin]


def surrogate_of(runs: Sequence[Path | str], **settings: Any) -> tuple[Surrogate, Assessment]:
    """Return a choice model fitted on the votes in runs' logs, and what held-out votes say of it, which its file repeats.

    Args:
        settings: those of :func:`learning.surrogates.surrogate.fit_surrogate`.

    Raises:
        InputError: as there.
        LogError: no run, or it cannot be read.
    """
    logs = [open_log(run, write=False) for run in runs]
    fitted = fit_surrogate(read_votes(*(log.read() for log in logs)), **settings)
    assessed = assess(fitted.held_out)
    heads = {log.head().hash: Path(run).resolve().name for run, log in zip(runs, logs, strict=True)}  # names may repeat
    support = fitted.model.support
    assert support is not None
    support = replace(support, origin={"fitted_on": fitted.audience, "runs": heads} | as_dict(fitted, assessed))
    return replace(fitted, model=replace(fitted.model, support=support)), assessed


def as_dict(surrogate: Surrogate, assessed: Assessment) -> dict[str, Any]:
    """Return what was fitted, and how it was assessed, JSON-able."""
    return {
        "note": surrogate.note,
        "counts": surrogate.counts,
        "ridge": surrogate.ridge,
        "ridges": {f"{ridge:g}": round(loss, 6) for ridge, loss in surrogate.ridges.items()},
        "held_out": {
            "blocks": [plain(block) for block in assessed.blocks],
            "slope": plain(assessed.slope),
            "curve": [plain(each) for each in assessed.curve],
        },
    }


def assess(held_out: HeldOut) -> Assessment:
    """Return what held-out votes say of the forecasts of them."""
    forecasts = _forecasts(held_out)
    parts = [(name, np.flatnonzero(held_out.block == i)) for i, name in enumerate(BLOCKS)]
    blocks = [_block(name, forecasts.of(rows)) for name, rows in [*parts, ("all", np.arange(len(held_out.votes)))]]
    return Assessment([block for block in blocks if block.votes], _slope(forecasts), _curve(forecasts))


@dataclass(frozen=True, eq=False)
class _Forecasts:
    """Votes beside what was predicted of them; row i is one vote.

    Attributes:
        anchors, personas, contests: shape (votes,), numbers.
        chances, letters: shape (votes, places + 1), predicted for each place, then for choosing none.
        offered: likewise, what could be chosen; ``chosen``: shape (votes,), the column that was.
        slots: shape (votes, places), the option in each place.
    """

    anchors: NDArray[np.int64]
    personas: NDArray[np.int64]
    contests: NDArray[np.int64]
    chances: Floats
    letters: Floats
    offered: NDArray[np.bool_]
    chosen: NDArray[np.int64]
    slots: NDArray[np.int64]

    def of(self, rows: NDArray[np.int64]) -> _Forecasts:
        return _Forecasts(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def losses(self, chances: Floats) -> Floats:
        """Return each vote's log loss, in nats."""
        return -np.log(np.maximum(chances[np.arange(len(self.chosen)), self.chosen], LEAST))


def _forecasts(held_out: HeldOut) -> _Forecasts:
    votes, chances = held_out.votes, held_out.chances
    places = chances.shape[1] - 1
    chosen = np.where(votes.choices == ABSTAINED, places, votes.positions)
    may_abstain = np.full((len(votes), 1), bool((chances[:, -1] > 0).any()))
    offered = np.concatenate([votes.orders >= 0, may_abstain], axis=1)
    return _Forecasts(
        votes.anchors,
        votes.persona,
        votes.contest,
        chances,
        held_out.letters,
        offered,
        chosen,
        votes.orders.astype(int),
    )


def _block(name: str, votes: _Forecasts) -> BlockScores:
    ours, theirs = votes.losses(votes.chances), votes.losses(votes.letters)
    best = votes.chances.argmax(axis=1)
    by_position = votes.letters.argmax(axis=1) == votes.chosen
    return BlockScores(
        name=name,
        votes=len(ours),
        anchors=len(np.unique(votes.anchors)),
        personas=len(np.unique(votes.personas)),
        log_loss=_mean(ours),
        by_position=_mean(theirs),
        gain=clustered_mean(theirs - ours, votes.anchors, votes.personas),
        agreement=clustered_mean((best == votes.chosen).astype(float), votes.anchors, votes.personas),
        predicted=_mean(votes.chances.max(axis=1, initial=0.0)),
        position_agreement=_mean(by_position.astype(float)),
        winners=_winners(votes),
    )


def _winners(votes: _Forecasts) -> Estimate:
    """Return in how many contests the option with most votes is the one with most predicted votes."""
    _, starts, contest = np.unique(votes.contests, return_index=True, return_inverse=True)
    shape = len(starts), votes.slots.max(initial=0) + 1
    predicted, cast = np.zeros(shape), np.zeros(shape, dtype=np.int64)
    rows, places = np.nonzero(votes.slots >= 0)
    np.add.at(predicted, (contest[rows], votes.slots[rows, places]), votes.chances[rows, places])
    np.add.at(cast, (contest[rows], votes.slots[rows, places]), votes.chosen[rows] == places)
    won = (cast == cast.max(axis=1, keepdims=True)).sum(axis=1) == 1
    right = predicted.argmax(axis=1) == cast.argmax(axis=1)
    return clustered_mean(right[won].astype(float), votes.anchors[starts[won]])


def _slope(votes: _Forecasts) -> Estimate:
    """Return the calibration slope, by Newton's method, with the variance of its clustered influences.

    Begins where all chances are equal and never goes downhill: from the forecasts' own slope, 1, the step of chances that
    are far too bold leads nowhere.
    """
    if not len(votes.chosen):
        return NOTHING
    logs = np.log(np.maximum(votes.chances, LEAST))
    own = logs[np.arange(len(votes.chosen)), votes.chosen]

    def at(slope: float) -> tuple[float, Floats, float]:
        """Return the log likelihood, each vote's score, and the information."""
        raised = np.where(votes.offered, slope * logs, -np.inf)
        raised -= raised.max(axis=1, keepdims=True)
        powers = np.exp(raised)
        likely = raised[np.arange(len(own)), votes.chosen] - np.log(powers.sum(axis=1))
        powers /= powers.sum(axis=1, keepdims=True)
        mean = (powers * logs).sum(axis=1)
        return float(likely.sum()), own - mean, float(((powers * logs**2).sum(axis=1) - mean**2).sum())

    slope, (value, scores, information) = 0.0, at(0.0)
    for _ in range(50):
        if information < LEAST:
            return NOTHING  # chances are all equal, or certain: there is nothing to calibrate
        step = float(scores.sum()) / information
        while (reached := at(slope + step))[0] < value + LEAST * value and abs(step) > 1e-10:
            step /= 2
        slope, (value, scores, information) = slope + step, reached
        if abs(step) < 1e-10:
            break
    return clustered_mean(slope + len(scores) * scores / information, votes.anchors, votes.personas, null=1.0)


def _curve(votes: _Forecasts) -> list[Bin]:
    rows, columns = np.nonzero(votes.offered)
    chances, chosen = votes.chances[rows, columns], (votes.chosen[rows] == columns).astype(float)
    edges = np.unique(np.quantile(chances, np.linspace(0, 1, BINS + 1))) if len(chances) else np.zeros(0)
    bins = np.clip(np.searchsorted(edges, chances, side="right") - 1, 0, max(0, len(edges) - 2))
    curve = []
    for number in np.unique(bins):
        inside = bins == number
        estimate = clustered_mean(chosen[inside], votes.anchors[rows[inside]], votes.personas[rows[inside]])
        low, high = float(chances[inside].min()), float(chances[inside].max())
        curve.append(Bin(low, high, _mean(chances[inside]), msgspec.structs.replace(estimate, p=float("nan"))))
    return curve


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")
