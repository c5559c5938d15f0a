"""Forces that move communities apart, in time that grows with ties and members, not with pairs.

Members attract along ties and repel each other by their numbers of ties, between the energy models of Fruchterman & Reingold and LinLog
(Noack, "Modularity clustering is force-directed layout", 2009): dense groups draw together, and what ties them is long. Repulsion is that
of a density on a mesh, by one convolution (particle-mesh, as in simulations of gravity): as exact as a cell of the mesh is small. Knows ties
and places.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from media_graph.csr import CSR

Floats = NDArray[np.float64]

STEPS = 80
POWER = 0.6
"""Attraction grows with this power of a tie's length: 0 is LinLog, 1 is near Fruchterman & Reingold."""
GRAVITY = 0.05
"""Pull towards the middle, so that what is tied to nothing does not leave."""
FIRST, LAST = 0.12, 0.002
"""Length of a move in the first and in the last step; places begin in -1 .. 1."""
CROWD = 70
"""Percentile of forces from which on all moves are equally long."""
FAR = 0.995
"""Share of members within whose distance from the middle the others are drawn, too."""


def separated(csr: CSR, places: Floats) -> Floats:
    """Return places after the forces have acted, shape (n, 2).

    Args:
        places: where members begin, in -1 .. 1.
    """
    n, ends = csr.n, np.sort(np.stack(csr.ties()), axis=0)
    a, b = np.divmod(np.unique(ends[0] * csr.n + ends[1]), csr.n)  # each tie once, whichever way it runs
    degrees = np.bincount(a, minlength=n) + np.bincount(b, minlength=n) + 0.5
    mesh = _Mesh(int(2 ** np.clip(np.round(np.log2(n) / 2), 6, 8)))
    x = places.astype(np.float64)
    for step in range(STEPS):
        ties = x[b] - x[a]
        pulls = ties * ((np.sqrt((ties**2).sum(axis=1)) + 1e-3) ** (POWER - 1))[:, None]
        drawn = [np.bincount(a, pull, n) - np.bincount(b, pull, n) for pull in pulls.T]
        forces = mesh.repulsion(x, degrees / degrees.sum()) + np.stack(drawn, axis=1) / degrees[:, None] - GRAVITY * x
        strength = np.sqrt((forces**2).sum(axis=1, keepdims=True))
        move = FIRST * (1 - step / STEPS) ** 1.5 + LAST
        x = x + move * forces / np.maximum(strength, np.percentile(strength, CROWD) + 1e-9)
        x -= x.mean(axis=0)
    away = np.sqrt((x**2).sum(axis=1, keepdims=True))
    return x * np.minimum(1.0, 1.05 * np.quantile(away, FAR) / np.maximum(away, 1e-9))


class _Mesh:
    """A square mesh of ``size`` x ``size`` points, over whatever room places take."""

    def __init__(self, size: int) -> None:
        self._size = size
        apart = np.arange(2 * size)
        apart = np.where(apart < size, apart, apart - 2 * size)
        x, y = np.meshgrid(apart, apart, indexing="ij")
        softened = x**2 + y**2 + 0.5
        self._kernels = np.fft.rfft2(x / softened), np.fft.rfft2(y / softened)

    def repulsion(self, places: Floats, weights: Floats) -> Floats:
        """Return the sum over all others of their weight by the distance, away from them, shape (n, 2)."""
        size = self._size
        low = places.min(axis=0)
        cell = float((places.max(axis=0) - low).max()) * 1.001 / (size - 1) + 1e-12
        at = (places - low) / cell
        corner = np.minimum(at.astype(np.int64), size - 2)
        (right, up), flat = (at - corner).T, corner[:, 0] * size + corner[:, 1]
        shares = ((1 - right) * (1 - up), 0), ((1 - right) * up, 1), (right * (1 - up), size), (right * up, size + 1)
        density = np.zeros(size * size)
        for share, offset in shares:
            density += np.bincount(flat + offset, weights=share * weights, minlength=size * size)
        padded = np.zeros((2 * size, 2 * size))  # what leaves one side does not come back on the other
        padded[:size, :size] = density.reshape(size, size)
        spread = np.fft.rfft2(padded)
        fields = [
            np.fft.irfft2(spread * kernel, s=padded.shape)[:size, :size].ravel() / cell for kernel in self._kernels
        ]
        return np.stack([sum(share * field[flat + offset] for share, offset in shares) for field in fields], axis=1)
