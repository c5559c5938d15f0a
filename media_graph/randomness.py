"""Draws that are a function of who draws and where: compiled Philox 4x32-10 (Salmon et al., SC11).

The same numbers as :func:`abm.keyed.uniforms` gives (a test holds it), for kernels on this floor. Needs numba.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numba import njit
from numpy.typing import NDArray

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_11, _21, _32 = np.uint64(11), np.uint64(21), np.uint64(32)


def place(*parts: str | int) -> NDArray[np.uint64]:
    """Return the place of a draw as four words: two of the counter, then two of the key, shape (4,)."""
    text = "\x1f".join(f"{type(part).__name__[0]}{part}" for part in parts)
    key = int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")
    low, second, third, high = ((key >> shift) & 0xFFFFFFFF for shift in (0, 32, 64, 96))
    return np.array([third, high, low, second], dtype=np.uint64)


@njit(cache=True, nogil=True)
def uniforms(who, place, out):  # pragma: no cover - compiled
    """Fill ``out`` with a uniform in (0, 1) for each of ``who``.

    Args:
        who: shape (k,), non-negative whole numbers.
        place: shape (4,), see :func:`place`.
        out: shape (k,) or more, float64.
    """
    for i in range(len(who)):
        counter = np.uint64(who[i])
        c0, c1, c2, c3, k0, k1 = counter & _LOW, counter >> _32, place[0], place[1], place[2], place[3]
        for _ in range(10):
            p0, p1 = c0 * _M0, c2 * _M1
            c0, c1, c2, c3 = (p1 >> _32) ^ c1 ^ k0, p1 & _LOW, (p0 >> _32) ^ c3 ^ k1, p0 & _LOW
            k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
        out[i] = (np.float64(np.int64((c0 << _21) ^ (c1 >> _11))) + 0.5) * 2.0**-53
