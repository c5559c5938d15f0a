"""The compiled loop of preferential attachment; apart, because numba is loaded with it. Knows arrays."""

from __future__ import annotations

import numpy as np

from moloch.kernels import compiled


@compiled()
def attach(n, m, draws):  # pragma: no cover - compiled
    """Return whom each newcomer m .. n-1 is tied to, m different ones each, shape ((n - m) * m,).

    Args:
        draws: shape (2 * (n - m) * m,) or more, uniform in [0, 1); once they are used up, further draws come from a
            linear congruential generator seeded by the first draw.
    """
    targets = np.empty((n - m) * m, dtype=np.int64)
    ends = np.empty(2 * (n - m) * m, dtype=np.int64)
    filled, used = 0, 0
    state = np.uint64(draws[0] * 2.0**53) | np.uint64(1)
    for i in range(n - m):
        row = targets[i * m : (i + 1) * m]
        for j in range(m):
            if i == 0:
                row[j] = j
                continue
            while True:
                if used < len(draws):
                    draw = draws[used]
                    used += 1
                else:
                    state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
                    draw = np.float64(state >> np.uint64(11)) * 2.0**-53
                target = ends[int(draw * filled)]
                fresh = True
                for before in range(j):
                    if row[before] == target:
                        fresh = False
                if fresh:
                    row[j] = target
                    break
        for j in range(m):
            ends[filled] = row[j]
            ends[filled + 1] = m + i
            filled += 2
    return targets
