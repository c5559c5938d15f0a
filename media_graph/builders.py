"""Audience graphs: networkx graphs whose node i is the persona with index i, kept in the node attribute ``persona``.

Knows graphs; knows nothing of who the personas are, of messages or of models. Every builder is a pure function of
its arguments; the random models are networkx's.
"""

from __future__ import annotations

import networkx as nx

from moloch.errors import InputError

PERSONA = "persona"
"""Node attribute that holds the persona's index."""


def isolated(n: int) -> nx.Graph:
    """Return ``n`` members who see no one else: the world of the paper.

    Raises:
        InputError: ``n`` is negative.
    """
    return _with_personas(nx.empty_graph(_people(n)))


def erdos_renyi(n: int, *, p: float, seed: int) -> nx.Graph:
    """Return a graph in which each pair is tied with probability ``p`` (0 .. 1); Gilbert 1959, Erdős & Rényi 1959.

    Raises:
        InputError: ``n`` is negative or ``p`` is no probability.
    """
    _require(0 <= p <= 1, f"p is {p}", "p is a probability, 0 to 1.")
    p = p if 1 - p < 1 else 0.0  # below 1e-16 networkx divides by log(1 - p) = 0
    return _with_personas(nx.fast_gnp_random_graph(_people(n), p, seed=seed))


def barabasi_albert(n: int, *, m: int, seed: int) -> nx.Graph:
    """Return a graph grown by preferential attachment, ``m`` ties per newcomer; Barabási & Albert 1999.

    Raises:
        InputError: not 1 <= ``m`` < ``n``.
    """
    _require(1 <= m < _people(n), f"m is {m} for {n} members", "Choose m from 1 to n - 1.")
    return _with_personas(nx.barabasi_albert_graph(n, m, seed=seed))


def watts_strogatz(n: int, *, k: int, p: float, seed: int) -> nx.Graph:
    """Return a ring of ``k`` nearest neighbours, each tie rewired with probability ``p``; Watts & Strogatz 1998.

    Args:
        k: ties per member before rewiring; networkx joins ``k // 2`` on each side, so an even number.

    Raises:
        InputError: ``k`` is odd, negative or not below ``n``; or ``p`` is no probability.
    """
    _require(0 <= p <= 1, f"p is {p}", "p is a probability, 0 to 1.")
    _require(0 <= k < _people(n) and k % 2 == 0, f"k is {k} for {n} members", "Choose an even k below n.")
    return _with_personas(nx.watts_strogatz_graph(n, k, p, seed=seed))


def _with_personas(graph: nx.Graph) -> nx.Graph:
    for node, attributes in graph.nodes(data=True):
        attributes[PERSONA] = node
    return graph


def _people(n: int) -> int:
    _require(n >= 0, f"{n} members", "Give a number of members, 0 or more.")
    return n


def _require(condition: bool, why: str, fix: str) -> None:
    if not condition:
        raise InputError("no such graph", why=why, fix=fix)
