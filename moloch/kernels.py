"""Compiled loops over a crowd: keyed draws, orders, and choices in one pass. Knows arrays, not audiences.

Needs numba, and is imported on first use only: :mod:`moloch.keyed` and :mod:`abm.audience.choice` go through
:func:`moloch.keyed.kernels`, and have numpy code with equal results where it is missing. Every other file of compiled loops
takes :func:`compiled` from here, so that none needs a folder to write to. The crowd's loops are in one file because numba's cache watches only the file of the function that it compiled. Loops go over blocks of members and do one
thing each, so that the compiler can use vector instructions; the blocks' buffers stay in the processor's first cache.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import numpy as np
from numba import njit
from numba.core.caching import FunctionCache
from numpy.typing import NDArray

Loop = TypeVar("Loop", bound=Callable[..., Any])

Words = NDArray[np.uint64]
Floats = NDArray[np.float64]
Labels = NDArray[np.int16]

BLOCK = 512
"""Members per block."""

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_11, _21, _32 = np.uint64(11), np.uint64(21), np.uint64(32)

# a double's exponent and fraction, counted from sqrt(1/2) on
_ROOT = np.int64(0x3FE6A09E00000000)
_TO_ROOT = np.int64(0x3FF0000000000000) - _ROOT
_FRACTION, _BIAS, _52 = np.int64(0x000FFFFFFFFFFFFF), np.int64(1023), np.int64(52)
_LN2 = 0.6931471805599453
_LG = (
    6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01,
    1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01,
)  # fmt: skip


class _Cache(FunctionCache):
    """Machine code kept between processes where there is a place for it; that it cannot be read or written is no error."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # a damaged file raises anything
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(OSError):  # no space left, or the folder is gone
            super().save_overload(sig, data)


def compiled(**options: Any) -> Callable[[Loop], Loop]:
    """Return numba's ``njit`` with ``options``, which keeps machine code if it can, and compiles in each process if not.

    numba's own ``cache=True`` raises where neither the package's folder nor a home may be written to.
    """

    def decorate(loop: Loop) -> Loop:
        dispatcher: Any = njit(**options)(loop)
        with suppress(RuntimeError):  # no folder that it may write to
            dispatcher._cache = _Cache(loop)
        return dispatcher

    return decorate


@njit(inline="always")
def _uniform(
    counter: np.uint64, c2: np.uint64, c3: np.uint64, k0: np.uint64, k1: np.uint64
) -> np.float64:  # pragma: no cover - compiled
    """Return the draw of one counter at one place; bit for bit that of :func:`moloch.keyed.uniforms`."""
    c0, c1 = counter & _LOW, counter >> _32
    for _ in range(10):
        p0, p1 = c0 * _M0, c2 * _M1
        c0, c1, c2, c3 = (p1 >> _32) ^ c1 ^ k0, p1 & _LOW, (p0 >> _32) ^ c3 ^ k1, p0 & _LOW
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return (np.float64(np.int64((c0 << _21) ^ (c1 >> _11))) + 0.5) * 2.0**-53


@compiled(nogil=True)
def uniforms(counters: Words, place: Words, out: Floats) -> None:  # pragma: no cover - compiled
    """Fill ``out`` with one uniform per counter.

    Args:
        counters: shape (k,), uint64.
        place: shape (4,), uint64: words of the place, see :func:`moloch.keyed.words`.
        out: shape (k,), float64.
    """
    c2, c3, k0, k1 = place[0], place[1], place[2], place[3]
    for i in range(len(counters)):
        out[i] = _uniform(counters[i], c2, c3, k0, k1)


@compiled(nogil=True)
def uniforms_by(
    counters: Words, which: NDArray[np.int64], places: Words, out: Floats
) -> None:  # pragma: no cover - compiled
    """Fill ``out`` with one uniform per counter, each at its own place.

    Args:
        counters: shape (k,), uint64.
        which: shape (k,), rows of ``places``, which has shape (n, 4).
        out: shape (k,), float64.
    """
    for i in range(len(counters)):
        place = places[which[i]]
        out[i] = _uniform(counters[i], place[0], place[1], place[2], place[3])


@compiled(nogil=True)
def orders(counters: Words, places: Words, out: NDArray[np.int8]) -> None:  # pragma: no cover - compiled
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


@compiled(nogil=True, error_model="numpy")
def _minus_log(x: Floats, exponents: Floats) -> None:  # pragma: no cover - compiled
    """Replace each ``x`` >= 0, not subnormal, by -log(x).

    fdlibm's ``e_log.c`` (Sun Microsystems 1993; error below 1 ulp) without its branches, which vectors cannot take.
    """
    bits = x.view(np.int64)
    for j in range(len(x)):
        moved = bits[j] + _TO_ROOT
        exponents[j] = -np.inf if x[j] == 0.0 else np.float64((moved >> _52) - _BIAS)
        bits[j] = (moved & _FRACTION) + _ROOT
    for j in range(len(x)):
        f = x[j] - 1.0
        s = f / (2.0 + f)
        z = s * s
        r = z * (_LG[0] + z * (_LG[1] + z * (_LG[2] + z * (_LG[3] + z * (_LG[4] + z * (_LG[5] + z * _LG[6]))))))
        half = 0.5 * f * f
        x[j] = half - s * (half + r) - f - exponents[j] * _LN2


@compiled(nogil=True)
def gumbel(uniform: Floats, spare: Floats) -> None:  # pragma: no cover - compiled
    """Replace each uniform, 2**-54 .. 1, by -log(-log(uniform)), to a few units in the last place; 1 gives infinity.

    Args:
        uniform: shape (k,), float64.
        spare: a buffer of that shape.
    """
    _minus_log(uniform, spare)
    _minus_log(uniform, spare)


@compiled(nogil=True, fastmath={"reassoc", "contract"})
def _utilities(traits: NDArray[np.floating], slopes: Floats, out: Floats) -> None:  # pragma: no cover - compiled
    """Fill ``out`` with ``slopes[0] + traits @ slopes[1:]``; sums may run in any order."""
    for i in range(len(traits)):
        utility = slopes[0]
        for t in range(traits.shape[1]):
            utility += slopes[1 + t] * traits[i, t]
        out[i] = utility


@compiled(nogil=True)
def _keep_better(
    noise: Floats, utility: Floats, shown_first: NDArray[np.int8], label: np.int16, first: float, temperature: float,
    best: Floats, margin: Floats, total: Floats, chosen: Labels,
) -> None:  # fmt: skip # pragma: no cover - compiled
    """Let every member keep the better one of what it has and the option ``label``, and by how much."""
    for j in range(len(noise)):
        noisy = utility[j] + first * (shown_first[j] == label) + temperature * noise[j]
        gap = noisy - best[j]
        better = gap > 0
        margin[j] = gap if better else min(margin[j], -gap)
        best[j] = noisy if better else best[j]
        chosen[j] = label if better else chosen[j]
        total[j] += noisy  # not finite if any utility is not


@compiled(nogil=True)
def choose(
    counters: Words, traits: NDArray[np.floating], slopes: Floats, labels: Labels, places: Words,
    shown_first: NDArray[np.int8], first: float, temperature: float, guard: float, out: Labels,
) -> int:  # fmt: skip # pragma: no cover - compiled
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
    draws, utility = np.empty(BLOCK), np.empty(BLOCK)  # rows of one array would have strides, which stop vectors
    best, margin, total = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    chosen, close = np.empty(BLOCK, dtype=np.int16), 0
    for start in range(0, len(counters), BLOCK):
        size = min(BLOCK, len(counters) - start)
        best[:], margin[:], total[:] = -np.inf, np.inf, 0.0
        for option in range(len(slopes)):
            noise, label = draws[:size], labels[option]
            uniforms(counters[start : start + size], places[option], noise)
            gumbel(noise, utility[:size])
            _utilities(traits[start : start + size], slopes[option], utility)
            seen = shown_first[start : start + size]
            _keep_better(noise, utility, seen, label, first, temperature, best, margin, total, chosen)
        for j in range(size):
            sure = margin[j] > guard and abs(total[j]) < np.inf
            out[start + j] = chosen[j] if sure else -2
            close += not sure
    return close
