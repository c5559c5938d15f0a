"""What diffusion costs, its log included, against bare kernels, NDlib and an agent per person.

Covers: SIR on a Barabási-Albert graph (m = 3). At 10^6 nodes and 6 M ties, 20 steps, every change logged durably, against
bare kernels that log nothing: numba over the frontier, numba over all nodes, and numpy over the frontier; the best of them
counts. At 10^5 nodes against NDlib and a plain per-agent Mesa model, in node-steps per second. One step with a fixed frontier
of 1,000 nodes among 10^6 nodes against the same frontier, with the same ties, among 10^4: the small graph's nodes are
numbered together in the large one, in neighbourhoods of 64, and scattered all over it, where each is a cache line of its own. Rounds of both sides alternate; the figure is the median of the rounds. Run it
with ``--json`` for one line per figure. NDlib comes with the extra ``peers``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import mesa
import numpy as np
from numba import njit

from abm.columns import Int8s, Int32s, pack
from abm.events import StatesShifted
from abm.log import create
from media_graph import CSR, build, from_ties
from media_graph.diffusion import SIR

BETA, GAMMA, STEPS, SEEDS = 0.05, 0.1, 20, 1_000
ROUNDS = 5


def ours(reach: CSR, folder: Path | None, seed: int = 1) -> float:
    """Return seconds of a run; with a folder, everything that changes is in its log before the next step."""
    model = SIR(reach, np.arange(0, reach.n, reach.n // SEEDS), beta=BETA, gamma=GAMMA, seed=seed)
    if folder is None:
        began = time.perf_counter()
        model.run(STEPS)
        return time.perf_counter() - began
    with create(folder / f"{time.monotonic_ns()}", {}) as log:

        def keep(t: int, nodes: Any, states: Any) -> None:
            log.append([StatesShifted(model="sir", t=t, members=pack(nodes, Int32s), states=pack(states, Int8s))])

        began = time.perf_counter()
        model.run(STEPS, keep)
        return time.perf_counter() - began


@njit(cache=True)
def bare_dense(indptr, indices, states, beta, gamma, steps):  # pragma: no cover - compiled
    """A plain kernel over all nodes with numba's own random numbers."""
    n, new = len(states), states.copy()
    for _ in range(steps):
        for i in range(n):
            if states[i] == 0:
                count = 0
                for at in range(indptr[i], indptr[i + 1]):
                    count += states[indices[at]] == 1
                if count and np.random.random() < 1.0 - (1.0 - beta) ** count:
                    new[i] = 1
            elif states[i] == 1 and np.random.random() < gamma:
                new[i] = 2
        states[:] = new


@njit(cache=True)
def bare_frontier(indptr, indices, states, beta, gamma, steps):  # pragma: no cover - compiled
    """A plain kernel over the ties of the infectious, one draw per tie, with numba's own random numbers."""
    n = len(states)
    front, next_ = np.empty(n, np.int32), np.empty(n, np.int32)
    size = 0
    for i in range(n):
        if states[i] == 1:
            front[size] = i
            size += 1
    for _ in range(steps):
        kept, first_new = 0, size
        for at in range(size):
            i = front[at]
            for tie in range(indptr[i], indptr[i + 1]):
                j = indices[tie]
                if states[j] == 0 and np.random.random() < beta:
                    states[j] = 1
                    front[first_new] = j
                    first_new += 1
        for at in range(size):
            if np.random.random() < gamma:
                states[front[at]] = 2
            else:
                next_[kept] = front[at]
                kept += 1
        for at in range(size, first_new):
            next_[kept] = front[at]
            kept += 1
        front, next_, size = next_, front, kept


def bare_numpy(indptr: Any, indices: Any, states: Any, beta: float, gamma: float, steps: int) -> None:
    """The same in numpy."""
    draws = np.random.default_rng(1)
    front = np.flatnonzero(states == 1)
    for _ in range(steps):
        lengths = indptr[front + 1] - indptr[front]
        offsets = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        reached = indices[np.repeat(indptr[front], lengths) + offsets]
        reached = reached[(states[reached] == 0) & (draws.random(len(reached)) < beta)]
        gone = draws.random(len(front)) < gamma
        states[reached], states[front[gone]] = 1, 2
        front = np.concatenate([front[~gone], np.flatnonzero(np.bincount(reached, minlength=len(states)))])


def bare(kernel: Callable[..., None], reach: CSR) -> float:
    """Return seconds of a bare kernel."""
    states = np.zeros(reach.n, dtype=np.int8)
    states[:: reach.n // SEEDS] = 1
    began = time.perf_counter()
    kernel(reach.indptr, reach.indices, states, BETA, GAMMA, STEPS)
    return time.perf_counter() - began


def ndlib(reach: CSR) -> float | None:
    """Return seconds of NDlib; None where it is not installed."""
    try:
        import ndlib.models.epidemics as epidemics
        import ndlib.models.ModelConfig as config
    except ImportError:
        return None
    from media_graph import from_csr

    model: Any = epidemics.SIRModel(from_csr(reach, directed=False), seed=1)
    settings: Any = config.Configuration()
    settings.add_model_parameter("beta", BETA)
    settings.add_model_parameter("gamma", GAMMA)
    settings.add_model_initial_configuration("Infected", list(range(0, reach.n, reach.n // SEEDS)))
    model.set_initial_status(settings)
    began = time.perf_counter()
    model.iteration_bunch(STEPS)
    return time.perf_counter() - began


class _Person(mesa.Agent):
    """A person who looks at its neighbours."""

    def __init__(self, model: mesa.Model, neighbours: list[int], state: int) -> None:
        super().__init__(model)
        self.neighbours, self.state, self.new = neighbours, state, state

    def decide(self) -> None:
        people, draw = self.model.people, self.model.random.random  # pyright: ignore[reportAttributeAccessIssue]
        if self.state == 0:
            count = sum(people[j].state == 1 for j in self.neighbours)
            if count and draw() < 1.0 - (1.0 - BETA) ** count:
                self.new = 1
        elif self.state == 1 and draw() < GAMMA:
            self.new = 2

    def turn(self) -> None:
        self.state = self.new


def agents(reach: CSR, steps: int) -> float:
    """Return seconds of a plain Mesa model."""
    model: Any = mesa.Model(rng=1)
    seeds = set(range(0, reach.n, reach.n // SEEDS))
    model.people = [_Person(model, reach.neighbors(i).tolist(), int(i in seeds)) for i in range(reach.n)]
    began = time.perf_counter()
    for _ in range(steps):
        model.agents.do("decide")
        model.agents.do("turn")
    return time.perf_counter() - began


def frontier_step(reach: CSR, picked: Any) -> float:
    """Return seconds of one SIR step from the same nodes, again and again with other draws: those hang on nodes' numbers.

    Each is done twice, and undone: the first time finds out what it touches, the second is measured. Undoing touches nothing
    that the step did not, but for a short list of what was there, so that the next one finds the same caches.
    """
    model = SIR(reach, picked, beta=BETA, gamma=GAMMA, seed=1)
    begun = {name: getattr(model, name).copy() for name in ("states", "_marks", "_exposed", "_spreaders")}
    size, undo, times = model._size, {}, []
    for model.seed in [*range(50), *range(50)]:
        began = time.perf_counter()
        changed = model.step()
        times.append(time.perf_counter() - began)
        if model.seed not in undo:
            near = np.unique(np.concatenate([changed, *(reach.neighbors(int(i)) for i in changed)]))
            undo[model.seed] = near, begun["states"][near], begun["_marks"][near]
        near, model.states[near], model._marks[near] = undo[model.seed][0], *undo[model.seed][1:]
        model._exposed[:size], model._spreaders = begun["_exposed"][:size], begun["_spreaders"].copy()
        model._size, model.t = size, 0
    return median(times[50:])


def figure(name: str, value: float, unit: str, rival: str, ratio: float, goal: str, ok: bool) -> dict[str, Any]:
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "rival": rival,
        "ratio": round(ratio, 3),
        "goal": goal,
        "ok": ok,
    }


def bench_bare(n: int) -> dict[str, Any]:
    """A logged run against the best bare kernel."""
    reach = build("barabasi_albert", n, 1, m=3)
    kernels = {"numba frontier": bare_frontier, "numba dense": bare_dense, "numpy frontier": bare_numpy}
    times: dict[str, list[float]] = {name: [] for name in ("ours", "unlogged", *kernels)}
    with tempfile.TemporaryDirectory() as folder:
        for round_ in range(ROUNDS + 1):  # the first warms up
            found = {"ours": ours(reach, Path(folder)), "unlogged": ours(reach, None)}
            found |= {name: bare(kernel, reach) for name, kernel in kernels.items()}
            if round_:
                for name, seconds in found.items():
                    times[name].append(seconds)
    medians = {name: median(values) for name, values in times.items()}
    best = min(kernels, key=lambda name: medians[name])
    ratio = medians["ours"] / medians[best]
    others = ", ".join(f"{name} {1000 * medians[name]:.0f} ms" for name in ("unlogged", *kernels))
    rival = f"best bare kernel: {best} ({others})"
    return figure("sir_logged", round(1000 * medians["ours"]), "ms", rival, ratio, "<= 1.3", ratio <= 1.3)


def bench_peers(n: int) -> list[dict[str, Any]]:
    """Our logged run against NDlib and Mesa, which log nothing."""
    reach = build("barabasi_albert", n, 1, m=3)
    figures = []
    peers = {
        "NDlib": (lambda: ndlib(reach), STEPS, 50),
        "Mesa, an agent per person": (lambda: agents(reach, 5), 5, 100),
    }
    for name, (run, steps, goal) in peers.items():
        own, theirs = [], []
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(ROUNDS):
                own.append(ours(reach, Path(folder)) / STEPS)
                theirs.append(run())
        if None in theirs:
            print(f"{name} is not installed: left out", file=sys.stderr)
            continue
        ratio = median(seconds / steps for seconds in theirs) / median(own)
        short = f"against_{name.split(',')[0].lower()}"
        speed = round(n / median(own) / 1e6, 1)
        figures.append(figure(short, speed, "M node-steps/s", name, ratio, f">= {goal}", ratio >= goal))
    return figures


def bench_frontier(n: int) -> list[dict[str, Any]]:
    """A fixed frontier in a large and in a small population, its nodes numbered together, in 64s, and all over."""
    small, rest = build("barabasi_albert", 10_000, 1, m=3), build("barabasi_albert", n - 10_000, 2, m=3)
    (a, b), (c, d) = small.ties(), rest.ties()
    draws = np.random.default_rng(1)
    places = {
        "together": np.arange(n),
        "in_64s": (64 * draws.permutation(n // 64)[:, None] + np.arange(64)).ravel(),
        "scattered": draws.permutation(n),
    }
    picked, found = np.random.default_rng(2).choice(10_000, 1_000, replace=False), []
    for name, place in places.items():
        large = from_ties(n, place[np.concatenate([a, c + 10_000])], place[np.concatenate([b, d + 10_000])])
        pairs = [(frontier_step(large, place[picked]), frontier_step(small, picked)) for _ in range(ROUNDS)]
        ours, rival = median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)
        text, ratio = f"the same among 10^4: {1e6 * rival:.0f} us", ours / rival
        found.append(figure(f"frontier_{name}", round(1e6 * ours), "us", text, ratio, "<= 1.3", ratio <= 1.3))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object per figure")
    parser.add_argument("--nodes", type=int, default=1_000_000)
    parser.add_argument("--peers", type=int, default=100_000)
    given = parser.parse_args()
    for line in [bench_bare(given.nodes), *bench_peers(given.peers), *bench_frontier(given.nodes)]:
        if given.json:
            print(json.dumps(line))
        else:
            print(
                f"{line['name']:16} {line['value']:>10,} {line['unit']:14} {line['ratio']:>8}x  {line['rival']}  goal {line['goal']}: {'ok' if line['ok'] else 'MISSED'}"
            )


if __name__ == "__main__":
    main()
