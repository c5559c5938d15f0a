"""Compiled loops over a crowd: keyed draws, orders, and choices in one pass. Knows arrays, not audiences.

Needs numba, and is imported on first use only: :mod:`abm.keyed` and :mod:`abm.audience.choice` go through
:func:`abm.keyed.kernels`, and have numpy code with equal results where it is missing. All of it stands in one file
because numba's cache watches only the file of the function that it compiled. Loops go over blocks of members and do one
thing each, so that the compiler can use vector instructions; the blocks' buffers stay in the processor's first cache.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

BLOCK = 512
"""Members per block."""

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_11, _21, _32 = np.uint64(11), np.uint64(21), np.uint64(32)


@njit(inline="always")
def _uniform(counter, c2, c3, k0, k1):  # pragma: no cover - compiled
    """Return the draw of one counter at one place; bit for bit that of :func:`abm.keyed.uniforms`."""
    c0, c1 = counter & _LOW, counter >> _32
    for _ in range(10):
        p0, p1 = c0 * _M0, c2 * _M1
        c0, c1, c2, c3 = (p1 >> _32) ^ c1 ^ k0, p1 & _LOW, (p0 >> _32) ^ c3 ^ k1, p0 & _LOW
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return (np.float64(np.int64((c0 << _21) ^ (c1 >> _11))) + 0.5) * 2.0**-53


@njit(cache=True, nogil=True)
def uniforms(counters, place, out):  # pragma: no cover - compiled
    """Fill ``out`` with one uniform per counter.

    Args:
        counters: shape (k,), uint64.
        place: shape (4,), uint64: words of the place, see :func:`abm.keyed.words`.
        out: shape (k,), float64.
    """
    c2, c3, k0, k1 = place[0], place[1], place[2], place[3]
    for i in range(len(counters)):
        out[i] = _uniform(counters[i], c2, c3, k0, k1)


@njit(cache=True, nogil=True)
def orders(counters, places, out):  # pragma: no cover - compiled
    """Fill ``out`` with the order of every member's draws, smallest first; equal ones keep their order.

    Args:
        counters: shape (k,), uint64.
        places: shape (n, 4), uint64: one place per option.
        out: shape (k, n), int8.
    """
    n = len(places)
    draws = np.empty((n, BLOCK))
    for start in range(0, len(counters), BLOCK):
        size = min(BLOCK, len(counters) - start)
        for option in range(n):
            uniforms(counters[start : start + size], places[option], draws[option])
        if n == 2:  # one comparison, without a branch to guess
            for j in range(size):
                second = draws[1, j] < draws[0, j]
                out[start + j, 0] = second
                out[start + j, 1] = not second
            continue
        for j in range(size):
            row = out[start + j]
            for option in range(n):
                at = option
                while at > 0 and draws[row[at - 1], j] > draws[option, j]:
                    row[at] = row[at - 1]
                    at -= 1
                row[at] = option


@njit(cache=True, nogil=True)
def choose(counters, traits, slopes, labels, places, shown_first, first, temperature, guard, out):  # pragma: no cover
    """Fill ``out`` with the label of each member's largest noisy utility; return how many were too close to call.

    Sums may run in another order than numpy's, and logarithms differ in the last bit. A member whose best two options
    lie within ``guard`` of each other, or whose utility is not a number, therefore gets label -2: ask numpy.

    Args:
        counters: shape (k,), uint64.
        traits: shape (k, t).
        slopes: shape (n, 1 + t), float64: utility of an option for no traits, then per unit of each trait.
        labels: shape (n,), int16: what to write for an option.
        places: shape (n, 4), uint64: where the noise of an option is drawn.
        shown_first: shape (k,): label of the option that stood first; ``first`` is added to its utility.
        temperature: scale of the Gumbel noise.
        out: shape (k,), int16.
    """
    draws, best, margin, total = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    chosen, close = np.empty(BLOCK, dtype=np.int16), 0
    for start in range(0, len(counters), BLOCK):
        size = min(BLOCK, len(counters) - start)
        best[:], margin[:], total[:] = -np.inf, np.inf, 0.0
        for option in range(len(slopes)):
            uniforms(counters[start : start + size], places[option], draws[:size])
            label = labels[option]
            for j in range(size):
                i = start + j
                utility = slopes[option, 0]
                for t in range(traits.shape[1]):
                    utility += slopes[option, 1 + t] * traits[i, t]
                utility += first * (shown_first[i] == label)
                draws[j] = utility - temperature * math.log(-math.log(draws[j]))
            for j in range(size):
                gap = draws[j] - best[j]
                better = gap > 0
                margin[j] = gap if better else min(margin[j], -gap)
                best[j] = draws[j] if better else best[j]
                chosen[j] = label if better else chosen[j]
                total[j] += draws[j]  # not finite if any utility is not
        for j in range(size):
            sure = margin[j] > guard and abs(total[j]) < np.inf
            out[start + j] = chosen[j] if sure else -2
            close += not sure
    return close
