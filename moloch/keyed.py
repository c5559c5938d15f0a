"""Randomness as a pure function of a key: independent of order, batch and process.

Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC11). A key names the
place of the draw, for example ``(seed, "order", epoch, contest)``; a counter names who draws.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

Part = str | int
_Words = NDArray[np.uint64]

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)

MANY = 5_000
"""Draws from which compiled code is worth the half second that numba takes to import."""

BLOCK = 1 << 14
"""Draws per block of the numpy code: its columns stay in the processor's cache."""


def key(*parts: Part) -> int:
    """Return a 128-bit key for the place named by ``parts``; ``1`` and ``"1"`` are different parts."""
    return int.from_bytes(_place(parts), "little")


def _place(parts: Sequence[Part]) -> bytes:
    """Return the 16 bytes of a key, the lowest first."""
    text = "\x1f".join([f"{type(part).__name__[0]}{part}" for part in parts])
    return hashlib.sha256(text.encode()).digest()[:16]


def generator(*parts: Part) -> np.random.Generator:
    """Return a numpy generator for the place named by ``parts``."""
    return np.random.Generator(np.random.Philox(key=key(*parts)))


def seed32(*parts: Part) -> int:
    """Return a seed in ``0 .. 2**31 - 1`` for libraries that want one."""
    return key(*parts) & 0x7FFFFFFF


def uniforms(ids: NDArray[np.integer], *parts: Part) -> NDArray[np.float64]:
    """Return one uniform in the open interval (0, 1) for each id, independent of the order of ``ids``.

    Args:
        ids: shape (n,), non-negative integers that name who draws (a persona's index, say).
        parts: the place of the draw.
    """
    counted = counters(ids)
    flat, place = counted.ravel(), words(*parts)
    out = np.empty(len(flat))
    if len(flat) >= MANY and (compiled := kernels()) is not None:
        compiled.uniforms(flat, place, out)
    else:
        for start in range(0, len(flat), BLOCK):
            out[start : start + BLOCK] = _uniforms(flat[start : start + BLOCK], place)
    return out.reshape(counted.shape)


def uniforms_by(
    ids: NDArray[np.integer], which: NDArray[np.int64], places: Sequence[Sequence[Part]]
) -> NDArray[np.float64]:
    """Return what :func:`uniforms` does, with the place of each draw its own.

    Args:
        ids: shape (n,), as for :func:`uniforms`.
        which: shape (n,), the row of ``places`` of each.
    """
    out = np.empty(len(ids))
    counted, named = counters(ids), _words([_place(place) for place in places])
    if len(ids) >= MANY and (compiled := kernels()) is not None:
        compiled.uniforms_by(counted, which, named, out)
        return out
    for start in range(0, len(ids), BLOCK):
        block = slice(start, start + BLOCK)
        out[block] = _uniforms(counted[block], named[which[block]].T)
    return out


def _uniforms(counter: _Words, place: _Words) -> NDArray[np.float64]:
    """Return the draws of counters, shape (n,), at one place, shape (4,), or each at its own, shape (4, n)."""
    c0, c1, _, _ = philox(counter & _LOW, counter >> _SHIFT, *place)
    bits = (c0 << np.uint64(21)) ^ (c1 >> np.uint64(11))  # 53 bits
    return (bits.astype(np.float64) + 0.5) * 2.0**-53


def counters(ids: NDArray[np.integer]) -> _Words:
    """Return ids as unsigned words, without a copy where they have 64 bits already."""
    array = np.asarray(ids)
    return array.view(np.uint64) if array.dtype == np.int64 else array.astype(np.uint64, copy=False)


def words(*parts: Part) -> _Words:
    """Return the place's 128 bits as four words of 32: two of Philox's counter, then two of its key, shape (4,)."""
    return _words([_place(parts)])[0]


def _words(places: Sequence[bytes]) -> _Words:
    """Return the words of places, shape (places, 4)."""
    return np.frombuffer(b"".join(places), "<u4").reshape(-1, 4)[:, [2, 3, 0, 1]].astype(np.uint64)


@cache
def kernels() -> ModuleType | None:
    """Return :mod:`moloch.kernels`, or None where this machine cannot compile: numpy does the same, slower."""
    try:
        from moloch import kernels as compiled
    except ImportError:  # no numba
        return None
    return compiled


def philox(
    c0: _Words, c1: _Words, c2: _Words, c3: _Words, k0: _Words | np.uint64, k1: _Words | np.uint64
) -> tuple[_Words, _Words, _Words, _Words]:
    """Return ten rounds of Philox 4x32 over counters and key, arrays that are broadcast together; all words hold 32 bits."""
    for _ in range(10):
        p0, p1 = c0 * _M0, c2 * _M1
        c0, c1, c2, c3 = (p1 >> _SHIFT) ^ c1 ^ k0, p1 & _LOW, (p0 >> _SHIFT) ^ c3 ^ k1, p0 & _LOW
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return c0, c1, c2, c3
