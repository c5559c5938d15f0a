"""Random numbers as a pure function of a seed and a purpose. Knows nothing of people."""

from __future__ import annotations

import hashlib

import numpy as np


def generator(seed: int | str, *purpose: str) -> np.random.Generator:
    """Return a generator that is the same for the same seed and purpose, and has nothing to do with any other's."""
    key = hashlib.sha256("/".join((str(seed), *purpose)).encode()).digest()[:16]
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))
