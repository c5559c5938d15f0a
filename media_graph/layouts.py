"""Where members are drawn: computed once from the ties, the same for every viewer.

Small graphs are laid out by networkx' forces (Fruchterman & Reingold 1991). Larger ones start from smoothed random vectors
(each round replaces a member's vector by the mean of its contacts', as power iteration for the slowest modes does), from where
forces on a mesh move communities apart (:mod:`media_graph.mesh_forces`). The largest are spread out by rank, so that no place is
empty. Knows ties; draws nothing.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from media_graph.csr import CSR, from_csr
from media_graph.mesh_forces import separated
from moloch.content import digest
from moloch.notebook import note, noted

KIND = "layouts"
"""Of the notes about stored layouts."""

FORCES = 1_000
"""Members up to which forces of all pairs are simulated."""

SEPARATED = 50_000
"""Members up to which forces are simulated on a mesh: some seconds."""

VERSION = 2
"""Of the computation: a stored layout of another one is not used."""

SMOOTHINGS = 60


def layout(csr: CSR, seed: int = 0) -> NDArray[np.float32]:
    """Return a place for each member, shape (n, 2), each coordinate in -1 .. 1."""
    if csr.n <= 1:
        return np.zeros((csr.n, 2), dtype=np.float32)
    if csr.n <= FORCES:
        import networkx as nx

        by_node = nx.spring_layout(from_csr(csr).to_undirected(), seed=seed)
        places = np.array([by_node[i] for i in range(csr.n)])
    else:
        places = _smoothed(csr, seed)
        places = separated(csr, places) if csr.n <= SEPARATED else places
    places -= (places.max(axis=0) + places.min(axis=0)) / 2
    return (places / max(float(np.abs(places).max()), 1e-12)).astype(np.float32)


def stored_layout(csr: CSR, folder: Path | str, seed: int = 0) -> NDArray[np.float32]:
    """Return :func:`layout`, from the file in ``folder`` where it was computed before; the file is named by the ties.

    A file is used only byte for byte as it was written (:mod:`moloch.notebook`); where none can be written, there is none.
    """
    name = digest(csr.indptr.tobytes() + csr.indices.tobytes() + f"{seed}/{VERSION}".encode())
    path = Path(folder) / f"layout-{name[:16]}.npy"
    with contextlib.suppress(OSError):
        data = path.read_bytes()
        if noted(KIND, name) == digest(data):
            return np.load(io.BytesIO(data), allow_pickle=False)
    places = layout(csr, seed)
    written = io.BytesIO()
    np.save(written, places, allow_pickle=False)
    with contextlib.suppress(OSError):  # reading a run never needs to write
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_bytes(written.getvalue())
        part.replace(path)
        note(KIND, name, digest(written.getvalue()))
    return places


def _smoothed(csr: CSR, seed: int) -> NDArray[np.float64]:
    from scipy.sparse import csr_array

    ones = np.ones(len(csr.indices), dtype=np.float32)
    ties = csr_array((ones, csr.indices, csr.indptr), shape=(csr.n, csr.n))
    ties = ties + ties.T
    weight = np.asarray(ties.sum(axis=1)).ravel() + 1.0
    places = np.random.Generator(np.random.Philox(seed)).normal(size=(csr.n, 2))
    for _ in range(SMOOTHINGS):
        places = (ties @ places + places) / weight[:, None]
        places -= places.mean(axis=0)
        places, _ = np.linalg.qr(places)
    ranks = np.argsort(np.argsort(places, axis=0), axis=0) / csr.n  # even along each axis
    return ranks * 2 - 1
