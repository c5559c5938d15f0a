"""What the widget draws, checked and packed as bytes: pure functions of arrays, without a browser or a widget.

Buffers are little-endian and in C order; the widget's docstring names each with its shape, unit and range.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moloch.errors import InputError

MOST_TIES = 50_000
"""Ties beyond which a sample is drawn."""
MOST_BYTES = 512 * 2**20
"""Of all frames together."""
NO_COMMUNITY = 0xFFFF
FRAME_KEYS = ("step", "epoch", "phase", "arm", "round", "label")


class Drawing(NamedTuple):
    """A graph as arrays: places (N, 2), ties (M, 2) or None, names or None; ``directed``: whether it matters which way a tie runs."""

    places: NDArray[np.float32]
    ties: NDArray[np.int64] | None
    names: list[str] | None
    directed: bool = False


def read_graph(source: Any, ties: Any = None) -> Drawing:
    """Return places and ties of an array of places, a networkx graph or a :class:`media_graph.CSR`.

    A networkx graph's rows are its nodes in their order; its attributes ``x`` and ``y`` are places and ``name`` names.
    Where there are no places they are laid out by :func:`media_graph.layout`.

    Raises:
        InputError: it is none of these, or places are not finite pairs.
    """
    names, directed = None, False
    if hasattr(source, "indptr") and hasattr(source, "indices"):
        from media_graph import layout

        places, pairs = layout(source), _csr_ties(source)
    elif hasattr(source, "nodes") and hasattr(source, "edges"):
        places, pairs, names = _networkx(source)
        directed = bool(source.is_directed())
    else:
        places, pairs = source, None
    if ties is not None:
        pairs = _csr_ties(ties) if hasattr(ties, "indptr") else check_ties(ties, len(places))
    return Drawing(check_places(places), pairs, names, directed)


def _csr_ties(csr: Any) -> NDArray[np.int64]:
    sources = np.repeat(np.arange(len(csr.indptr) - 1), np.diff(csr.indptr))
    return np.stack([sources, csr.indices], axis=1).astype(np.int64)


def _networkx(graph: Any) -> tuple[NDArray[np.float32], NDArray[np.int64], list[str] | None]:
    rows = {node: i for i, node in enumerate(graph.nodes)}
    data = [graph.nodes[node] for node in rows]
    ties = np.array([(rows[a], rows[b]) for a, b in graph.edges()], dtype=np.int64).reshape(-1, 2)
    if all("x" in one and "y" in one for one in data):
        places = np.array([(one["x"], one["y"]) for one in data], dtype=np.float32).reshape(-1, 2)
    else:
        from media_graph import from_ties, layout

        places = layout(from_ties(len(rows), *np.concatenate([ties, ties[:, ::-1]]).T))
    named = any("name" in one for one in data)
    return places, ties, [str(one.get("name", node)) for node, one in zip(rows, data, strict=True)] if named else None


def check_places(places: ArrayLike) -> NDArray[np.float32]:
    """Return places as float32 (N, 2) in -1 .. 1; wider ones are centred and shrunk to fit, keeping their proportions.

    Raises:
        InputError: not finite, or not of shape (N, 2).
    """
    points = np.asarray(places, dtype=np.float64)
    if points.size == 0:
        return np.zeros((0, 2), dtype=np.float32)
    if points.ndim != 2 or points.shape[1] != 2:
        raise InputError(
            "not places",
            where="places",
            why=f"their shape is {points.shape}",
            fix="Give (N, 2): x and y of each member.",
        )
    if not np.isfinite(points).all():
        row = int(np.flatnonzero(~np.isfinite(points).all(axis=1))[0])
        raise InputError("a place is not a number", where=f"places[{row}]", why=str(points[row].tolist()))
    if np.abs(points).max() > 1:
        points = points - (points.max(axis=0) + points.min(axis=0)) / 2
        points /= max(float(np.abs(points).max()), 1e-12)
    return points.astype("<f4")


def check_ties(ties: ArrayLike, n: int) -> NDArray[np.int64]:
    """Return ties as (M, 2) rows of members.

    Raises:
        InputError: not pairs of rows in 0 .. n - 1.
    """
    pairs = np.asarray(ties)
    if pairs.size == 0:
        return np.zeros((0, 2), dtype=np.int64)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not np.issubdtype(pairs.dtype, np.integer):
        why = f"they are {pairs.dtype} of shape {pairs.shape}"
        raise InputError(
            "not ties", where="ties", why=why, fix="Give whole numbers of shape (M, 2): the rows of both ends."
        )
    outside = (pairs < 0) | (pairs >= n)
    if outside.any():
        row = int(np.flatnonzero(outside.any(axis=1))[0])
        raise InputError(
            "a tie to a member that does not exist",
            where=f"ties[{row}]",
            why=f"{pairs[row].tolist()}, and members are 0 .. {n - 1}",
        )
    return pairs.astype(np.int64)


def sample_ties(ties: ArrayLike, n: int, *, limit: int = MOST_TIES, seed: int = 0) -> tuple[NDArray[np.uint32], int]:
    """Return ties to draw, shape (at most ``limit``, 2), and how many there are.

    A tie is drawn once, whichever way and however often it runs; a tie to oneself is not drawn. Which ones are kept depends on
    their ends and the seed alone, not on their order, and a smaller limit keeps a part of what a larger one keeps.

    Raises:
        InputError: see :func:`check_ties`.
    """
    pairs = check_ties(ties, n)
    pairs = np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1)
    keys = np.unique(pairs[:, 0].astype(np.uint64) * np.uint64(max(n, 1)) + pairs[:, 1].astype(np.uint64))
    total = len(keys)
    if total > limit:
        keys = np.sort(keys[np.argsort(_mixed(keys, seed), kind="stable")[:limit]])
    ends = np.stack([keys // np.uint64(max(n, 1)), keys % np.uint64(max(n, 1))], axis=1)
    return ends.astype("<u4"), total


def oriented(drawn: NDArray[np.uint32], ties: ArrayLike, n: int) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Return drawn ties, each from its source to its target where it runs one way alone, and 1 for those that do.

    Args:
        drawn: some of ``ties``, in either direction.
        ties: all of them, shape (M, 2).
    """
    if not len(drawn):
        return drawn, np.zeros(0, dtype=np.uint8)
    pairs, width = check_ties(ties, n), np.int64(n)
    forward = drawn[:, 0].astype(np.int64) * width + drawn[:, 1]
    backward = drawn[:, 1].astype(np.int64) * width + drawn[:, 0]
    wanted = np.unique(np.concatenate([forward, backward]))
    keys = pairs[:, 0] * width + pairs[:, 1]
    at = np.minimum(np.searchsorted(wanted, keys), len(wanted) - 1)
    there = np.zeros(len(wanted), dtype=bool)
    there[at[wanted[at] == keys]] = True
    onward, back = (there[np.searchsorted(wanted, ends)] for ends in (forward, backward))
    return np.where((back & ~onward)[:, None], drawn[:, ::-1], drawn), (onward != back).astype(np.uint8)


def _mixed(keys: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """Return the keys as pseudo-random numbers of the seed (the finisher of SplitMix64, a bijection)."""
    with np.errstate(over="ignore"):
        mixed = keys + np.uint64((seed * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) % 2**64)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))


def check_codes(codes: ArrayLike | None, n: int, entries: int, what: str) -> NDArray[np.uint8]:
    """Return codes per frame and member as uint8 (T, N); one row of N is one frame, None is no frame.

    Raises:
        InputError: not whole numbers in 0 .. entries - 1, or not of that shape, or too many to send.
    """
    if codes is None:
        return np.zeros((0, n), dtype=np.uint8)
    array = np.asarray(codes)
    array = array[None, :] if array.ndim == 1 and len(array) == n and n else array
    if array.size == 0 and array.ndim < 2:
        return np.zeros((0, n), dtype=np.uint8)
    if array.ndim != 2 or array.shape[1] != n:
        raise InputError(
            f"{what} do not fit the members",
            where=what,
            why=f"their shape is {array.shape}",
            fix=f"Give (frames, {n}).",
        )
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise InputError(
            f"{what} are not whole numbers", where=what, why=f"they are {array.dtype}", fix=f"Give 0 .. {entries - 1}."
        )
    if array.size > MOST_BYTES:
        why = f"{array.shape[0]:,} frames of {n:,} members are {array.size / 2**20:,.0f} MB"
        raise InputError(f"too many {what} to send", where=what, why=why, fix="Send every second or every tenth frame.")
    if array.size and not 0 <= array.min() <= array.max() < entries:
        t, row = (int(v[0]) for v in np.nonzero((array < 0) | (array >= entries)))
        why = f"{array[t, row]}, and codes are 0 .. {entries - 1}"
        raise InputError(f"{what}: no such code", where=f"{what}[{t}, {row}]", why=why)
    return np.ascontiguousarray(array, dtype=np.uint8)


def check_frames(frames: Iterable[Any] | None, count: int) -> list[dict[str, Any]]:
    """Return labels of ``count`` frames; each may be a mapping of :data:`FRAME_KEYS`, a text (its label) or a number (its step).

    Raises:
        InputError: another number of labels, or a key that is none of these.
    """
    labels = list(range(count)) if frames is None else list(frames)
    if len(labels) != count:
        raise InputError(f"{len(labels)} labels for {count} frames", where="frames")
    made: list[dict[str, Any]] = []
    for i, one in enumerate(labels):
        entry = one if isinstance(one, Mapping) else {"label": one} if isinstance(one, str) else {"step": int(one)}
        strange = set(entry) - set(FRAME_KEYS)
        if strange:
            raise InputError(
                f"no such key: {min(strange)!r}", where=f"frames[{i}]", fix=f"Use {', '.join(FRAME_KEYS)}."
            )
        texts = {key: str(entry[key]) for key in ("phase", "arm", "label") if entry.get(key) is not None}
        numbers = {key: int(entry[key]) for key in ("step", "epoch", "round") if entry.get(key) is not None}
        made.append(numbers | texts)
    return made


def check_marks(marks: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return marks over the time slider: ``t`` (a frame), ``kind``, ``label``. Those past the last frame wait for theirs.

    Raises:
        InputError: a mark without a frame, or before the first.
    """
    made = []
    for i, mark in enumerate(marks):
        t = mark.get("t")
        if not isinstance(t, int | np.integer) or t < 0:
            raise InputError(
                "a mark at no frame", where=f"marks[{i}]", why=f"t is {t!r}", fix="Give the frame's index, 0 or more."
            )
        made.append({"t": int(t), "kind": str(mark.get("kind", "mark")), "label": str(mark.get("label", ""))})
    return made


def check_communities(communities: ArrayLike | None, n: int) -> NDArray[np.uint16]:
    """Return community ids as uint16 (N,), where 65,535 is none; an empty array for None.

    Raises:
        InputError: not N whole numbers in 0 .. 65,535.
    """
    if communities is None:
        return np.zeros(0, dtype="<u2")
    numbers = np.asarray(communities)
    if numbers.shape != (n,) or (n and not np.issubdtype(numbers.dtype, np.integer)):
        why = f"they are {numbers.dtype} of shape {numbers.shape}"
        raise InputError(
            "communities do not fit the members", where="communities", why=why, fix=f"Give {n} whole numbers."
        )
    if n and not 0 <= numbers.min() <= numbers.max() <= NO_COMMUNITY:
        raise InputError(
            "no such community", where="communities", why=f"ids are 0 .. {NO_COMMUNITY - 1}, {NO_COMMUNITY} is none"
        )
    return numbers.astype("<u2")


def size_steps(sizes: ArrayLike | None, n: int) -> NDArray[np.uint8]:
    """Return how wide each member is drawn, as steps 0 .. 7, shape (N,); an empty array for None.

    A member of median size is at step 2; area grows in proportion to the size, within 0.5 to 6.4 times the median's.

    Raises:
        InputError: not N finite numbers of 0 or more.
    """
    if sizes is None:
        return np.zeros(0, dtype=np.uint8)
    given = np.asarray(sizes, dtype=np.float64)
    if given.shape != (n,) or not np.isfinite(given).all() or (given < 0).any():
        raise InputError("sizes do not fit the members", where="sizes", fix=f"Give {n} numbers of 0 or more.")
    middle = float(np.median(given)) or 1.0
    steps = 2 + 0.5 * np.log(np.maximum(given, 1e-9) / middle) / np.log(1.2)
    return np.clip(np.round(steps), 0, 7).astype(np.uint8)


def check_arrows(arrows: ArrayLike | None, n: int) -> NDArray[np.uint32]:
    """Return arrows as (K, 3): rows of both ends, and a frame.

    Raises:
        InputError: not triples of whole numbers, or an end is not a member.
    """
    given = np.zeros((0, 3), dtype=np.uint32) if arrows is None else np.asarray(arrows)
    if given.ndim != 2 or given.shape[1] != 3 or not np.issubdtype(given.dtype, np.integer):
        why = f"they are {given.dtype} of shape {given.shape}"
        raise InputError(
            "not arrows", where="arrows", why=why, fix="Give whole numbers of shape (K, 3): from, to, frame."
        )
    if len(given) and (given.min() < 0 or given[:, :2].max() >= n):
        raise InputError(
            "an arrow to a member that does not exist",
            where="arrows",
            why=f"members are 0 .. {n - 1}, and frames begin at 0",
        )
    return given.astype("<u4")


def check_names(names: Sequence[str] | None, n: int) -> list[str]:
    """Return the members' names, or none.

    Raises:
        InputError: there are not N.
    """
    labels = [] if names is None else [str(name) for name in names]
    if labels and len(labels) != n:
        raise InputError(f"{len(labels)} names for {n} members", where="names")
    return labels


def opinion_bins(opinions: ArrayLike, bins: int = 21, low: float = -1.0, high: float = 1.0) -> NDArray[np.uint8]:
    """Return which colour of :func:`analysis.ui.graph.opinions` each opinion has, same shape; values beyond the ends count as the ends.

    Raises:
        InputError: an opinion is not a number.
    """
    values = np.asarray(opinions, dtype=np.float64)
    if not np.isfinite(values).all():
        raise InputError("an opinion is not a number", where="opinions")
    return np.clip(np.floor((values - low) / (high - low) * bins), 0, bins - 1).astype(np.uint8)
