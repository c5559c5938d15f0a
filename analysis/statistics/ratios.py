"""Relative changes, which are ratios of two means that both are uncertain: Fieller's interval, or the statement that there is none.

With means a and b, variances v_a and v_b, and covariance c, the ratios theta that data do not rule out are those with
``(a - theta b)^2 <= t^2 (v_a - 2 theta c + theta^2 v_b)`` (Fieller, "Some problems in interval estimation", JRSS B 1954). The set is an interval
only where b is t standard errors from 0; else it is unbounded, and the relative change is undefined: its base may be 0.

A relative change says nothing by itself: +100 % may be from one message to two. It is shown with its base and the absolute difference.
"""

from __future__ import annotations

from math import isnan, nan, sqrt

import msgspec
from scipy import stats

UNDEFINED = "undefined: base too near 0"


class RelativeChange(msgspec.Struct, frozen=True):
    """``after / base - 1``, with what it is of.

    Attributes:
        value: NaN where base is 0.
        low, high: 95 % by default; NaN where there is no interval.
        base, difference: the share that it is relative to, and after less base.
        said: :data:`UNDEFINED` where the base cannot be told from 0, else empty.
    """

    value: float
    low: float
    high: float
    base: float
    difference: float
    said: str = ""


def fieller(
    after: float,
    base: float,
    of_after: float,
    of_base: float,
    of_difference: float,
    dof: float = nan,
    level: float = 0.95,
) -> RelativeChange:
    """Return a relative change with Fieller's interval.

    Args:
        after, base: means.
        of_after, of_base, of_difference: the variances of the two means, and of after less base, from which their covariance follows.
        dof: degrees of freedom of Student's t; NaN for a normal interval.
        level: coverage, in 0 .. 1.
    """
    value, difference = (after / base - 1 if base else nan), after - base
    share = 0.5 + level / 2
    t = float(stats.norm.ppf(share) if isnan(dof) else stats.t.ppf(share, dof))
    covariance = (of_after + of_base - of_difference) / 2
    square, line = base**2 - t**2 * of_base, after * base - t**2 * covariance
    rest = after**2 - t**2 * of_after
    if isnan(square) or isnan(line) or not of_after > 0:  # after has no error that could be told
        return RelativeChange(value, nan, nan, base, difference)
    if not square > 0:
        return RelativeChange(value, nan, nan, base, difference, UNDEFINED)
    root = sqrt(max(0.0, line**2 - square * rest))
    return RelativeChange(value, (line - root) / square - 1, (line + root) / square - 1, base, difference)
