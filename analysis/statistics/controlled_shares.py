"""Shares of votes at equal length and format: what would be won if messages differed in nothing but what is not controlled for.

A logit of a vote for group g's message over its rival's in contest c (for length alone Dubois et al., "Length-Controlled AlpacaEval",
arXiv 2404.04475, without its term for an instruction's difficulty: both messages of a contest are about the same anchor)::

    P(vote for g's message) = L(theta_g + sum_k beta_k tanh(d_kc / s_k))

L is the logistic function, d_kc what g's message has more of control k than its rival's, s_k the standard deviation of that over all contests.
The controlled share of g is the prediction with all differences zero, ``L(theta_g)``. Slopes are common to groups: they are what the
audience pays for a word or a list, from any arm. They have a small ridge penalty, ``ridge / 2 * sum(beta**2)``, which keeps them
finite where a control separates votes perfectly, and weighs as much as a few votes; groups' intercepts have none.

A control that does not vary within any group says nothing and is left out. A group has no controlled share where all or none of its votes
are won (no maximum), or where its messages have more of a control than their rivals, or less, in every contest (nothing says what
would happen at zero: it would be extrapolated).

Controls are mediators: a writer that wins by writing longer wins by it. So a controlled share answers another question than a share; it does
not correct it.

Knows arrays; knows nothing of messages, arms or people.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.statistics.shares import logistic

Floats = NDArray[np.float64]

RIDGE = 1.0
"""Penalty of the slopes, in votes: a slope is thought to lie within about 2 logits of 0, from one end of a control to the other."""
_STEPS, _CLOSE = 100, 1e-10


class ControlledShares(msgspec.Struct, frozen=True):
    """A fitted model of G groups, C contests and K controls that vary.

    Attributes:
        controls: names of those in the model; ``constant``: of those left out.
        slopes: shape (K,), beta; ``scales``: shape (K,), s.
        raw: shape (G,), share of each group's votes; NaN for a group without any.
        shares: shape (G,), the controlled ones; NaN where there is none.
        why: of each group, why it has no controlled share; empty where it has.
        expected: shape (C,), the fitted chance of a vote in each contest.
        weights: shape (G, C): a vote y (0 .. 1) in contest c adds ``weights[g, c] * (y - expected[c])`` to the controlled share of g; of
            these influences every variance is made.
        slope_weights: shape (K, C), likewise to the slopes.
    """

    controls: tuple[str, ...]
    constant: tuple[str, ...]
    slopes: Floats
    scales: Floats
    raw: Floats
    shares: Floats
    why: tuple[str, ...]
    expected: Floats
    weights: Floats
    slope_weights: Floats


def controlled_shares(
    groups: ArrayLike,
    differences: ArrayLike,
    wins: ArrayLike,
    votes: ArrayLike,
    *,
    names: Sequence[str],
    ridge: float = RIDGE,
) -> ControlledShares:
    """Return the shares of votes of each group with differences in controls set to zero.

    Args:
        groups: shape (contests,), 0 .. G - 1, whose message is voted for.
        differences: shape (contests, controls), that message's controls less its rival's.
        wins: shape (contests,), votes for it; ``votes``: all valid ones, above 0.
        names: of the controls.
        ridge: 0 or more; 0 for maximum likelihood.
    """
    group, n = np.asarray(groups, dtype=np.int64), np.asarray(votes, dtype=np.float64)
    won = np.asarray(wins, dtype=np.float64)
    d = np.asarray(differences, dtype=np.float64).reshape(len(group), len(names))
    size = int(group.max(initial=-1)) + 1
    member = (group[:, None] == np.arange(size)).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        raw = (member.T @ won) / (member.T @ n)
    varies = _varies(d, group)
    kept = d[:, varies]
    scales = kept.std(axis=0)
    x = np.tanh(kept / scales)
    controls = tuple(name for name, yes in zip(names, varies, strict=True) if yes)
    why = tuple(_why_not(raw[g], kept[group == g], controls) for g in range(size))
    fitted = np.array([0 < share < 1 for share in raw], dtype=np.bool_)
    rows = fitted[group] if size else np.zeros(0, dtype=np.bool_)
    design = np.hstack([member[:, fitted], x])
    penalty = np.r_[np.zeros(int(fitted.sum())), np.full(x.shape[1], ridge)]
    beta, inverse = _fit(design[rows], won[rows], n[rows], penalty)
    intercepts, slopes = beta[: int(fitted.sum())], beta[int(fitted.sum()) :]
    theta = np.full(size, np.nan)
    theta[fitted] = intercepts
    expected = np.where(rows, logistic(design @ beta), raw[group])
    of_beta = (design @ inverse).T * rows
    share = logistic(theta)
    weights = np.zeros((size, len(group)))
    weights[fitted] = (share * (1 - share))[fitted, None] * of_beta[: int(fitted.sum())]
    shares = np.where(np.array([not reason for reason in why], dtype=np.bool_), share, np.nan)
    constant = tuple(name for name, yes in zip(names, varies, strict=True) if not yes)
    slope_weights = of_beta[int(fitted.sum()) :]
    return ControlledShares(
        controls, constant, slopes, scales, raw, shares, why, expected, weights, slope_weights
    )  # fmt: skip


def _varies(d: Floats, group: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which controls differ from contest to contest in some group."""
    spread = np.array([np.ptp(d[group == g], axis=0) for g in np.unique(group)]).reshape(-1, d.shape[1])
    return np.asarray((spread > 1e-12).any(axis=0))


def _why_not(raw: float, d: Floats, controls: Sequence[str]) -> str:
    if np.isnan(raw):
        return "no votes"
    if raw in (0, 1):
        return "it won all its votes" if raw else "it won none of its votes"
    for name, column in zip(controls, d.T, strict=True):
        if column.min() > 0 or column.max() < 0:
            return (
                f"its messages have {'more' if column.min() > 0 else 'less'} {name} than their rivals in every contest"
            )
    return ""


def _fit(x: Floats, won: Floats, n: Floats, penalty: Floats) -> tuple[Floats, Floats]:
    """Return the penalised maximum of a binomial logit, shape (p,), and the inverse of its information, shape (p, p)."""
    beta = np.zeros(x.shape[1])
    if not x.size:
        return beta, np.zeros((x.shape[1],) * 2)
    value = _likelihood(x, won, n, penalty, beta)
    for _ in range(_STEPS):
        p = logistic(x @ beta)
        gradient = x.T @ (won - n * p) - penalty * beta
        information = (x * (n * p * (1 - p))[:, None]).T @ x + np.diag(penalty)
        inverse = np.linalg.pinv(information, hermitian=True)
        step = inverse @ gradient
        slope, scale = float(gradient @ step), 1.0
        if slope < _CLOSE:
            beta = beta + step
            break
        while (
            new := _likelihood(x, won, n, penalty, beta + scale * step)
        ) < value + 1e-4 * scale * slope and scale > 1e-8:
            scale /= 2
        beta, value = beta + scale * step, new
    p = logistic(x @ beta)
    information = (x * (n * p * (1 - p))[:, None]).T @ x + np.diag(penalty)
    return beta, np.asarray(np.linalg.pinv(information, hermitian=True), dtype=np.float64)


def _likelihood(x: Floats, won: Floats, n: Floats, penalty: Floats, beta: Floats) -> float:
    utility = x @ beta
    return float(won @ utility - n @ np.logaddexp(0, utility) - 0.5 * penalty @ beta**2)
