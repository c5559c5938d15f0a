"""What a graph costs to build, beside networkx's own generators.

Covers: each kind at 10^6 nodes and about 6 M ties, against networkx' generator of the same model at 10^4 nodes, in ties per
second, for the kinds that networkx has; ``bytes`` is the peak of memory while building, per tie, as tracemalloc sees it (numpy
tells it of its arrays): a Python object per tie would be more than 100. Rounds of both sides alternate; the figure is the median.
Run it with ``--json`` for one line per figure.
"""

from __future__ import annotations

import argparse
import json
import time
import tracemalloc
from collections.abc import Callable
from statistics import median
from typing import Any

import networkx as nx
import numpy as np

from media_graph import build

SMALL, ROUNDS = 10_000, 3

PEERS: dict[str, Callable[[], Any]] = {
    "erdos_renyi": lambda: nx.fast_gnp_random_graph(SMALL, 6 / SMALL, seed=1),
    "barabasi_albert": lambda: nx.barabasi_albert_graph(SMALL, 3, seed=1),
    "watts_strogatz": lambda: nx.watts_strogatz_graph(SMALL, 6, 0.1, seed=1),
}


def options(n: int) -> dict[str, dict[str, Any]]:
    """Return kinds and what makes them graphs of mean degree 6."""
    near, far = 10 / n, 2 / n
    return {
        "erdos_renyi": {"degree": 6.0},
        "barabasi_albert": {"m": 3},
        "watts_strogatz": {"k": 6, "p": 0.1},
        "stochastic_block": {"sizes": [n // 2, n - n // 2], "matrix": [[near, far], [far, near]]},
        "homophilous": {"degree": 6.0, "traits": np.random.default_rng(1).random((n, 6)).astype(np.float32)},
        "followers": {"degree": 6.0, "influencers": 10},
    }


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    found = run()
    return time.perf_counter() - began, found


def bench(kind: str, n: int, given: dict[str, Any]) -> dict[str, Any]:
    """Return one kind's figure; a kind that networkx lacks has no ratio."""
    build("barabasi_albert", 100, 1)  # compiled once
    ours, theirs = [], []
    for round_ in range(ROUNDS):
        seconds, graph = timed(lambda seed=round_: build(kind, n, seed, **given))
        ours.append(len(graph.indices) / seconds)
        if kind in PEERS:
            seconds, peer = timed(PEERS[kind])
            theirs.append(2 * peer.number_of_edges() / seconds)
    tracemalloc.start()
    ties = len(build(kind, n, 1, **given).indices)
    peak = tracemalloc.get_traced_memory()[1] / ties
    tracemalloc.stop()
    ratio = round(median(ours) / median(theirs), 1) if theirs else None
    rival = f"networkx at {SMALL:,} nodes" if theirs else "none"
    ok = peak <= 100 and (ratio is None or ratio >= 1)
    value = round(median(ours) / 1e6, 2)
    figure = {"name": f"build_{kind}", "value": value, "unit": "M ties/s", "rival": rival, "ratio": ratio}
    return figure | {"bytes": round(peak), "goal": "<= 100 B a tie at the peak, >= 1x", "ok": ok}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object per figure")
    parser.add_argument("--nodes", type=int, default=1_000_000)
    given = parser.parse_args()
    for kind, settings in options(given.nodes).items():
        line = bench(kind, given.nodes, settings)
        print(json.dumps(line) if given.json else "  ".join(f"{key}={value}" for key, value in line.items()))


if __name__ == "__main__":
    main()
