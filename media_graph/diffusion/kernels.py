"""Compiled steps of diffusion: they visit the ties of those who changed, not the population. Knows arrays.

All kernels are in one file, because numba's cache watches only the file of the function that it compiled.
"""

from __future__ import annotations

import numpy as np

from moloch.kernels import compiled


@compiled(nogil=True)
def neighbors(indptr, indices, nodes):  # pragma: no cover - compiled
    """Return all neighbours of ``nodes``, one after the other.

    They are all over a large memory. Each loop here, and the loops over what it returns, do one thing to each and never
    wait for a number from there to know how to continue: the processor then fetches many of them at a time.
    """
    starts, ends = np.empty(len(nodes), dtype=np.int64), np.empty(len(nodes), dtype=np.int64)
    for at in range(len(nodes)):
        starts[at], ends[at] = indptr[nodes[at]], indptr[nodes[at] + 1]
    out = np.empty((ends - starts).sum(), dtype=indices.dtype)
    size = 0
    for at in range(len(nodes)):
        for tie in range(starts[at], ends[at]):
            out[size] = indices[tie]
            size += 1
    return out


@compiled(nogil=True)
def expose(indptr, indices, spreaders, marks, closed, exposed, size):  # pragma: no cover - compiled
    """Add one to the pressure on all neighbours of new ``spreaders``; return how many exposed nodes there are then.

    Args:
        marks: shape (n,), what is known of each node: its number of spreading neighbours, and the bit ``closed`` once it is
            in ``exposed`` or can no longer be caught. One small number, because nodes are read at random.
        exposed: shape (n + 1,); its first ``size`` are susceptible nodes that had a spreading neighbour.
    """
    for j in neighbors(indptr, indices, spreaders):
        mark = marks[j]
        marks[j] = (mark + 1) | closed
        exposed[size] = j
        size += mark < closed
    return size


@compiled(nogil=True)
def relieve(indptr, indices, gone, marks):  # pragma: no cover - compiled
    """Take one from the pressure on all neighbours of those who no longer spread."""
    for j in neighbors(indptr, indices, gone):
        marks[j] -= 1


@compiled(nogil=True)
def catch(exposed, size, marks, closed, escape, draws, states, out):  # pragma: no cover - compiled
    """Let exposed nodes be caught where their draw is below 1 - escape[pressure]; keep the others, if they still are exposed.

    Args:
        escape: chance of escaping each number of spreaders, up to the largest number of ties that lead to one node.

    Returns:
        How many were caught (written to ``out``), and how many stay exposed.
    """
    caught, stay = 0, 0
    for at in range(size):
        j = exposed[at]
        pressure = marks[j] & (closed - 1)
        if draws[at] < 1.0 - escape[pressure]:
            states[j] = 1  # and stays closed: nobody is caught twice
            out[caught] = j
            caught += 1
        elif pressure:
            exposed[stay] = j
            stay += 1
        else:
            marks[j] = 0
    return caught, stay


@compiled(nogil=True)
def recovered(spreaders, chance, draws, states, out):  # pragma: no cover - compiled
    """Let spreaders recover where their draw is below ``chance``; keep the others in front; return how many stay."""
    stay, gone = 0, 0
    for at in range(len(spreaders)):
        i = spreaders[at]
        if draws[at] < chance:
            states[i] = 2
            out[gone] = i
            gone += 1
        else:
            spreaders[stay] = i
            stay += 1
    return stay


@compiled(nogil=True)
def pressed(indptr, indices, spreaders, followed, thresholds, pressure, states, out):  # pragma: no cover - compiled
    """Add the pressure of new adopters on their neighbours; return how many adopt, that is reach their threshold.

    Args:
        followed: how many each node follows; the share is a quotient, since k times 1 / k may be below 1.
    """
    adopted = 0
    for i in spreaders:
        for at in range(indptr[i], indptr[i + 1]):
            j = indices[at]
            if states[j] == 0:
                pressure[j] += 1
                if pressure[j] / followed[j] >= thresholds[j]:
                    states[j] = 1
                    out[adopted] = j
                    adopted += 1
    return adopted


@compiled(nogil=True)
def met(sources, targets, picks, epsilon, mu, opinions, out):  # pragma: no cover - compiled
    """Let the two ends of each picked tie move towards each other where they are near enough; return how many did.

    Args:
        out: shape (2 * picks,): the members that moved, once for each time.
    """
    moved = 0
    for pick in picks:
        i, j = sources[pick], targets[pick]
        gap = opinions[j] - opinions[i]
        if mu and gap != 0.0 and abs(gap) < epsilon:
            opinions[i] += mu * gap
            opinions[j] -= mu * gap
            out[moved] = i
            out[moved + 1] = j
            moved += 2
    return moved


@compiled(nogil=True)
def averaged(indptr, indices, nodes, epsilon, own, opinions, out):  # pragma: no cover - compiled
    """Fill ``out`` with the mean opinion of those whom each of ``nodes`` follows and hears.

    Args:
        epsilon: largest distance at which somebody is heard.
        own: whether a node is among those whom it hears.
    """
    for at in range(len(nodes)):
        i = nodes[at]
        total, heard = (opinions[i], 1) if own else (0.0, 0)
        for tie in range(indptr[i], indptr[i + 1]):
            other = opinions[indices[tie]]
            if abs(other - opinions[i]) <= epsilon:
                total += other
                heard += 1
        out[at] = total / heard if heard else opinions[i]
