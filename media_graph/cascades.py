"""Shapes of cascades: how large, deep and broad a tree of shares is, and how viral its structure. Knows parents only."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from moloch.errors import InputError


class Shape(NamedTuple):
    """One cascade.

    Attributes:
        size: nodes, its root among them.
        depth: ties from the root to the farthest node.
        breadth: most nodes at one depth.
        virality: mean distance of two nodes in the tree (structural virality; Goel, Anderson, Hofman & Watts 2016): near
            2 for a broadcast, growing with its depth for a chain; 0 for a single node.
    """

    size: int
    depth: int
    breadth: int
    virality: float


def shape(parents: ArrayLike) -> Shape:
    """Return the shape of a tree.

    Args:
        parents: shape (n,), each node's parent; the root is node 0, with parent -1, and a parent comes before its children.

    Raises:
        InputError: that is no such tree.
    """
    tree = np.asarray(parents, dtype=np.int64)
    n = len(tree)
    if not n or tree[0] != -1 or np.any(tree[1:] < 0) or np.any(tree >= np.arange(n)):
        raise InputError("not a cascade", why="node 0 must be the root, and every parent must come before its children")
    depths, below = np.zeros(n, dtype=np.int64), np.ones(n, dtype=np.int64)
    for node in range(1, n):
        depths[node] = depths[tree[node]] + 1
    for node in range(n - 1, 0, -1):
        below[tree[node]] += below[node]
    widths = np.bincount(depths)
    # every tie is on the path of each pair that it parts: the sum of all distances, in O(n)
    distances = float((below[1:] * (n - below[1:])).sum())
    return Shape(n, int(depths.max()), int(widths.max()), 2.0 * distances / (n * (n - 1)) if n > 1 else 0.0)
