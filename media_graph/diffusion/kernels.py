"""Compiled steps of diffusion: they visit the ties of those who changed, not the population. Knows arrays.

All kernels stand in one file, because numba's cache watches only the file of the function that it compiled.
"""

from __future__ import annotations

from numba import njit


@njit(cache=True, nogil=True)
def expose(indptr, indices, spreaders, pressure, listed, exposed, size):  # pragma: no cover - compiled
    """Add one to the pressure on all neighbours of new ``spreaders``; return how many exposed nodes there are then.

    Args:
        pressure: shape (n,), spreading neighbours of each node.
        listed: shape (n,), whether a node is in ``exposed``, or can no longer be caught.
        exposed: shape (n,); its first ``size`` are susceptible nodes that had a spreading neighbour.
    """
    for i in spreaders:
        for at in range(indptr[i], indptr[i + 1]):
            j = indices[at]
            pressure[j] += 1
            if not listed[j]:
                listed[j] = 1
                exposed[size] = j
                size += 1
    return size


@njit(cache=True, nogil=True)
def relieve(indptr, indices, gone, pressure):  # pragma: no cover - compiled
    """Take one from the pressure on all neighbours of those who no longer spread."""
    for i in gone:
        for at in range(indptr[i], indptr[i + 1]):
            pressure[indices[at]] -= 1


@njit(cache=True, nogil=True)
def catch(exposed, size, pressure, escape, draws, states, listed, out):  # pragma: no cover - compiled
    """Let exposed nodes be caught where their draw is below 1 - escape[pressure]; keep the others, if they still are exposed.

    Args:
        escape: chance of escaping each number of spreaders, up to the largest number of ties that lead to one node.

    Returns:
        How many were caught (written to ``out``), and how many stay exposed.
    """
    found, stay = 0, 0
    for at in range(size):
        j = exposed[at]
        if draws[at] < 1.0 - escape[pressure[j]]:
            states[j] = 1  # and stays listed: nobody is caught twice
            out[found] = j
            found += 1
        elif pressure[j]:
            exposed[stay] = j
            stay += 1
        else:
            listed[j] = 0
    return found, stay


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def pressed(indptr, indices, spreaders, share, thresholds, pressure, states, out):  # pragma: no cover - compiled
    """Add the pressure of new adopters on their neighbours; return how many adopt, that is reach their threshold."""
    found = 0
    for i in spreaders:
        for at in range(indptr[i], indptr[i + 1]):
            j = indices[at]
            if states[j] == 0:
                pressure[j] += 1
                if pressure[j] * share[j] >= thresholds[j]:
                    states[j] = 1
                    out[found] = j
                    found += 1
    return found


@njit(cache=True, nogil=True)
def met(sources, targets, picks, epsilon, mu, opinions, out):  # pragma: no cover - compiled
    """Let the two ends of each picked tie move towards each other where they are near enough; return how many did.

    Args:
        out: shape (2 * picks,): the members that moved, once for each time.
    """
    found = 0
    for pick in picks:
        i, j = sources[pick], targets[pick]
        gap = opinions[j] - opinions[i]
        if gap != 0.0 and abs(gap) < epsilon:
            opinions[i] += mu * gap
            opinions[j] -= mu * gap
            out[found] = i
            out[found + 1] = j
            found += 2
    return found


@njit(cache=True, nogil=True)
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
