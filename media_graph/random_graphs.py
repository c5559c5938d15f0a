"""Random audience graphs as arrays, for any number of members: no Python object per tie.

Every builder is a pure function of its arguments and seed. All but :func:`followers` give mutual ties. Knows traits and
labels as arrays; knows nothing of who the members are.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from media_graph.csr import CSR, distinct, from_ties
from moloch.errors import InputError
from moloch.registry import Registry

CANDIDATES = 16
"""Members among whom the most alike is chosen, see :func:`homophilous`."""

_BLOCK = 1 << 17
_SMALL = 3_000


def build(
    kind: str,
    n: int,
    seed: int,
    *,
    traits: NDArray[np.floating] | None = None,
    **options: object,
) -> CSR:
    """Return a graph of ``n`` members.

    Args:
        kind: name of a builder in :data:`BUILDERS`.
        traits: shape (n, t), for builders that look at who is alike.
        options: the builder's other arguments.

    Raises:
        InputError: no such builder or option, or a value that it cannot have.
    """
    builder = BUILDERS.get(kind)
    takes = inspect.signature(builder).parameters
    accepted = [name for name in takes if name not in ("n", "seed", "traits")]
    if unknown := [name for name in options if name not in accepted]:
        raise InputError(
            f"a graph of kind {kind!r} has no option {unknown[0]!r}",
            fix=f"Options are {', '.join(accepted) or 'none'}.",
        )
    if missing := [name for name in accepted if takes[name].default is inspect.Parameter.empty and name not in options]:
        raise InputError(f"a graph of kind {kind!r} needs the option {missing[0]!r}")
    common = {"seed": seed, "traits": traits}
    try:
        return builder(n, **options, **{name: value for name, value in common.items() if name in takes})
    except (TypeError, ValueError) as error:
        raise InputError(f"no graph of kind {kind!r} can be built from {options}", why=str(error)) from error


def isolated(n: int) -> CSR:
    """Return members without ties."""
    return CSR(np.zeros(_people(n) + 1, dtype=np.int64), np.zeros(0, dtype=np.int32))


def erdos_renyi(n: int, *, p: float | None = None, degree: float | None = None, seed: int) -> CSR:
    """Return a graph in which each pair is tied with chance ``p``; Gilbert 1959.

    Ties are found by skipping over the pairs that have none (Batagelj & Brandes 2005): the cost is that of the ties.

    Args:
        degree: mean degree, instead of ``p``: p = degree / (n - 1).
    """
    _require((p is None) != (degree is None), "give p or degree, not both")
    if p is None:
        mean = _number(degree, "degree", 0)
        _require(mean <= max(0, _people(n) - 1), f"degree is {mean}; choose 0 to n - 1 = {n - 1}")
        p = mean / max(1, n - 1)
    _require(0 <= p <= 1, f"p is {p}; it is a probability, 0 to 1")
    return _mutual(n, *_pair(_picked(_people(n) * (n - 1) // 2, p, _draws(seed, "erdos_renyi"))))


def barabasi_albert(n: int, *, m: int = 3, seed: int) -> CSR:
    """Return a graph grown by preferential attachment, ``m`` ties per newcomer; Barabási & Albert 1999.

    The first m members are tied to member m; each later one to m different members drawn from the list of all ends of ties.
    """
    _require(isinstance(m, int) and 1 <= m < _people(n), f"m is {m} for {n} members; choose 1 to n - 1")
    from media_graph.growth import attach

    sources = np.repeat(np.arange(m, n), m)
    return _mutual(n, sources, attach(n, m, _draws(seed, "barabasi_albert").random((n - m) * m * 2)))


def watts_strogatz(n: int, *, k: int = 4, p: float = 0.1, seed: int) -> CSR:
    """Return a ring of ``k`` nearest neighbours, each tie rewired with chance ``p``; Watts & Strogatz 1998.

    A rewired tie keeps one end and draws the other among all members; one that would double a tie, or tie a member to
    itself, is drawn again, and stays where it was after 100 draws; so does one that would double it then.
    """
    _require(0 <= p <= 1, f"p is {p}; it is a probability, 0 to 1")
    _require(
        isinstance(k, int) and 0 <= k < max(1, _people(n)) and k % 2 == 0, f"k is {k}; choose an even k below n = {n}"
    )
    draws = _draws(seed, "watts_strogatz")
    low = np.tile(np.arange(n, dtype=np.int64), k // 2)
    ring = (low + np.repeat(np.arange(1, k // 2 + 1), n)) % max(1, n)
    high, moved = ring.copy(), draws.random(len(low)) < p
    waiting = np.flatnonzero(moved)
    for _ in range(100):
        high[waiting] = draws.integers(n, size=len(waiting)) if len(waiting) else high[waiting]
        waiting = np.flatnonzero(_spoiled(n, low, high, moved))
        if not len(waiting):
            break
    while len(waiting):  # who returns to its place there may find another that moved to it
        high[waiting], moved[waiting] = ring[waiting], False
        waiting = np.flatnonzero(moved & _spoiled(n, low, high, moved))
    return _mutual(n, low, high)


def stochastic_block(n: int, *, sizes: Sequence[int], matrix: Sequence[Sequence[float]], seed: int) -> CSR:
    """Return communities with their own chances of ties; Holland, Laskey & Leinhardt 1983.

    Args:
        sizes: members of each block, in the order of members; they add up to ``n``.
        matrix: symmetric, shape (blocks, blocks): chance of a tie between members of two blocks.
    """
    chances = np.asarray(matrix, dtype=np.float64)
    _require(all(isinstance(size, (int, np.integer)) for size in sizes), f"sizes are whole numbers, not {list(sizes)}")
    _require(sum(sizes) == n and min(sizes, default=0) >= 0, f"sizes add up to {sum(sizes)}, and there are {n} members")
    _require(chances.shape == (len(sizes), len(sizes)), f"the matrix must be {len(sizes)} x {len(sizes)}")
    fine = np.all((chances >= 0) & (chances <= 1)) and np.array_equal(chances, chances.T)
    _require(bool(fine), "the matrix must hold probabilities and be symmetric")
    starts, low, high = np.cumsum([0, *sizes]), [], []
    for a in range(len(sizes)):
        for b in range(a, len(sizes)):
            draws = _draws(seed, "stochastic_block", a, b)
            if a == b:
                one, two = _pair(_picked(sizes[a] * (sizes[a] - 1) // 2, chances[a, a], draws))
            else:
                cells = _picked(sizes[a] * sizes[b], chances[a, b], draws)
                one, two = cells // max(1, sizes[b]), cells % max(1, sizes[b])
            low.append(one + starts[a])
            high.append(two + starts[b])
    return _mutual(n, np.concatenate(low or [[]]), np.concatenate(high or [[]]))


def homophilous(
    n: int, *, degree: float = 8.0, homophily: float = 0.5, traits: NDArray[np.floating] | None = None, seed: int
) -> CSR:
    """Return a graph in which members prefer those who are like them; the mean degree is ``degree`` for any ``homophily``.

    Each tie is proposed by a random member: with chance ``homophily`` to the most alike of :data:`CANDIDATES` others (by
    Euclidean distance of traits), else to anybody. At 0 it is an Erdős–Rényi graph with a given number of ties.

    Args:
        degree: mean degree, 0 to n - 1.
        homophily: 0 .. 1, share of ties that are chosen by likeness.
        traits: shape (n, t), who is like whom.
    """
    _require(0 <= homophily <= 1, f"homophily is {homophily}; choose 0 to 1")
    _require(0 <= degree <= max(0, _people(n) - 1), f"degree is {degree}; choose 0 to n - 1 = {n - 1}")
    if traits is None or len(traits) != n:
        raise ValueError("members' traits are needed, one row each")
    draws = _draws(seed, "homophilous")
    wanted, keys = round(n * degree / 2), np.zeros(0, dtype=np.int64)
    rounds = 0
    while (missing := wanted - len(keys)) > 0:
        rounds += 1
        if rounds > 50 and n <= _SMALL:  # nearly everybody is tied to everybody: draw among the pairs that are left
            low, high = _pair(np.arange(n * (n - 1) // 2))
            left = np.setdiff1d(low * n + high, keys)
            keys = np.concatenate([keys, draws.choice(left, size=missing, replace=False)])
            break
        one, two = draws.integers(n, size=missing), draws.integers(n, size=missing)
        alike = np.flatnonzero(draws.random(missing) < homophily)
        for start in range(0, len(alike), _BLOCK):
            some = alike[start : start + _BLOCK]
            two[some] = _most_alike(traits, one[some], draws.integers(n, size=(len(some), CANDIDATES)))
        proposed = (np.minimum(one, two) * n + np.maximum(one, two))[one != two]
        keys = distinct(np.concatenate([keys, proposed]))
    return _mutual(n, keys // max(1, n), keys % max(1, n))


def followers(n: int, *, degree: float = 8.0, influencers: int = 0, pull: float = 10.0, seed: int) -> CSR:
    """Return a directed graph in which each member follows about ``degree`` others, and few are followed by very many.

    Targets are drawn by attractiveness: a Pareto draw with tail exponent 2 (so that in-degrees fall off as k^-3, as under
    preferential attachment), times ``pull`` for the first ``influencers`` members.

    Args:
        degree: mean number of those whom a member follows (Poisson), 0 to n - 1.
        influencers: members 0 .. influencers - 1 are hubs.
    """
    _require(0 <= degree <= max(0, _people(n) - 1), f"degree is {degree}; choose 0 to n - 1 = {n - 1}")
    _require(isinstance(influencers, int) and 0 <= influencers <= n, f"{influencers} influencers among {n} members")
    _require(pull > 0, f"pull is {pull}; choose a number above 0")
    if n < 2:
        return isolated(n)
    draws = _draws(seed, "followers")
    attraction = (1.0 - draws.random(n)) ** -0.5
    attraction[:influencers] *= pull
    edges = np.cumsum(attraction)
    out = np.minimum(draws.poisson(degree, size=n), n - 1)
    sources, targets = np.repeat(np.arange(n), out), np.full(int(out.sum()), -1)
    waiting = np.arange(len(sources))
    for _ in range(100):  # a target that is drawn twice, or oneself, is drawn again
        targets[waiting] = np.searchsorted(edges, draws.random(len(waiting)) * edges[-1], side="right")
        keys = sources * n + targets
        _, first = np.unique(keys, return_index=True)
        again = np.ones(len(keys), dtype=bool)
        again[first] = False
        waiting = np.flatnonzero(again | (sources == targets))
        if not len(waiting):
            break
    keep = np.ones(len(sources), dtype=bool)
    keep[waiting] = False
    return from_ties(n, sources[keep], targets[keep])


BUILDERS: Registry[Callable[..., CSR]] = Registry(
    "graph builder",
    {
        builder.__name__: builder
        for builder in (
            isolated,
            erdos_renyi,
            barabasi_albert,
            watts_strogatz,
            stochastic_block,
            homophilous,
            followers,
        )
    },
)
"""Name -> builder: a function of ``n`` and, by name, of ``seed`` and ``traits`` if it needs them, and of its own options.
Your own is added with ``@BUILDERS.register("name")``."""


def _most_alike(
    traits: NDArray[np.floating], members: NDArray[np.int64], candidates: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the candidate of each row whose traits are nearest to the member's; never itself while there is another."""
    distance = ((traits[candidates] - traits[members][:, None, :]) ** 2).sum(axis=2)
    distance[candidates == members[:, None]] = np.inf
    return np.take_along_axis(candidates, distance.argmin(axis=1)[:, None], axis=1)[:, 0]


def _picked(cells: int, p: float, draws: np.random.Generator) -> NDArray[np.int64]:
    """Return which of ``cells`` are picked, each with chance ``p``, ascending; the cost is that of those picked."""
    if cells <= 0 or p <= 0:
        return np.zeros(0, dtype=np.int64)
    if p >= 1:
        return np.arange(cells)
    parts, at = [], -1
    while at < cells - 1:
        left = cells - 1 - at
        steps = draws.geometric(p, size=int(left * p + 5 * (left * p) ** 0.5) + 16)
        places = at + np.cumsum(np.minimum(steps, cells + 1))  # a step leads at most past the end
        parts.append(places)
        at = int(places[-1])
    picked = np.concatenate(parts)
    return picked[picked < cells]


def _pair(places: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pair (low, high) of members that stands at each place when pairs go (0,1), (0,2), (1,2), (0,3) ..."""
    high = ((1 + np.sqrt(1 + 8 * places.astype(np.float64))) / 2).astype(np.int64)
    high -= high * (high - 1) // 2 > places  # the root may have been rounded
    high += (high + 1) * high // 2 <= places
    return places - high * (high - 1) // 2, high


def _mutual(n: int, one: NDArray[np.integer], two: NDArray[np.integer]) -> CSR:
    """Return undirected ties as rows."""
    one, two = np.asarray(one, dtype=np.int64), np.asarray(two, dtype=np.int64)
    return from_ties(n, np.concatenate([one, two]), np.concatenate([two, one]))


def _spoiled(n: int, one: NDArray[np.int64], two: NDArray[np.int64], moved: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which moved ties are to oneself, or double a tie that stayed or an earlier moved one."""
    keys = np.minimum(one, two) * n + np.maximum(one, two)
    order = np.lexsort((moved, keys))
    doubled = np.zeros(len(keys), dtype=bool)
    doubled[order[1:]] = keys[order][1:] == keys[order][:-1]
    return doubled | (one == two)


def _draws(seed: int, *place: str | int) -> np.random.Generator:
    name = "/".join(map(str, (seed, *place))).encode()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(hashlib.sha256(name).digest()[:16], "little")))


def _people(n: int) -> int:
    _require(n >= 0, f"{n} members; give 0 or more")
    return n


def _number(value: ArrayLike | None, name: str, least: float) -> float:
    number = float(np.asarray(value, dtype=np.float64))
    _require(number >= least, f"{name} is {number}; give {least} or more")
    return number


def _require(condition: bool, why: str) -> None:
    if not condition:
        raise InputError("no such graph", why=why)
