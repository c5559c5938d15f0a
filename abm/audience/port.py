"""What an audience is: members who are shown messages and react. Knows nothing of how they decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, overload, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from moloch import keyed
from moloch.keyed import Part


class Labels(Sequence[str]):
    """Names of a crowd, made when they are read: ``Labels(ids)[3]`` is ``"P"`` and the fourth id.

    Args:
        ids: shape (k,), persona indices; not copied.
        prefix: what comes before the index.
    """

    def __init__(self, ids: NDArray[np.int64], prefix: str = "P") -> None:
        self._ids, self._prefix = ids, prefix

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Labels: ...
    def __getitem__(self, index: int | slice) -> str | Labels:
        if isinstance(index, slice):
            return Labels(self._ids[index], self._prefix)
        return f"{self._prefix}{self._ids[index]}"


@dataclass(frozen=True, eq=False)
class Voters:
    """Members as columns; row i is one member.

    Attributes:
        ids: shape (k,), each member's persona index; randomness is keyed by it, not by the row.
        names: k labels for people who read results; a crowd's need no string each, see :class:`Labels`.
        trait_names: names of the columns of ``traits``.
        traits: shape (k, len(trait_names)), each in -1 .. 1.

    Raises:
        ValueError: the columns do not fit together.
    """

    ids: NDArray[np.int64]
    names: Sequence[str]
    trait_names: tuple[str, ...]
    traits: NDArray[np.float32]

    def __post_init__(self) -> None:
        k = len(self.ids)
        if len(self.names) != k or self.traits.shape != (k, len(self.trait_names)):
            raise ValueError(
                f"{k} ids, {len(self.names)} names and traits of shape {self.traits.shape} "
                f"for {len(self.trait_names)} trait names do not fit together"
            )

    def of(self, rows: NDArray[np.integer] | slice) -> Voters:
        """Return some of them, in the given order; of a slice the columns are not copied."""
        names = self.names[rows] if isinstance(rows, slice) else _Picked(self.names, rows)
        return Voters(self.ids[rows], names, self.trait_names, self.traits[rows])


class _Picked(Sequence[str]):
    """Some of many names, looked up when they are read."""

    def __init__(self, names: Sequence[str], rows: NDArray[np.integer]) -> None:
        self._names, self._rows = names, rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return _Picked(self._names, self._rows[index])
        return self._names[int(self._rows[index])]


@dataclass(frozen=True, eq=False)
class Reactions:
    """What k members did with one contest.

    Attributes:
        choices: shape (k,), index of the chosen text; -1 for an abstention.
        thoughts: one per member, or empty if none were asked for.
        invalid: row -> the last answer of a member that names no option; its choice is -1, too.
    """

    choices: NDArray[np.int16]
    thoughts: list[str]
    invalid: Mapping[int, str] = field(default_factory=dict)


class Audience(Protocol):
    """Reacts to the messages of one contest."""

    def react(self, texts: Sequence[str], shown: NDArray[np.int8], voters: Voters, key: tuple[Part, ...]) -> Reactions:
        """Return every member's choice among ``texts``.

        Args:
            texts: n >= 2 messages, in contest order.
            shown: shape (k, n); ``shown[i, j]`` is the index of the text that member i saw at position j.
            voters: the k members.
            key: names this contest for keyed randomness.
        """
        ...


@runtime_checkable
class Chooser(Protocol):
    """An audience that can choose without saying why, which a crowd needs."""

    def choose(
        self, texts: Sequence[str], shown: NDArray[np.int8], voters: Voters, key: tuple[Part, ...]
    ) -> NDArray[np.int16]:
        """Return the ``choices`` that :meth:`Audience.react` would, shape (k,), and no thoughts."""
        ...


def choices(
    audience: Audience, texts: Sequence[str], shown: NDArray[np.int8], voters: Voters, key: tuple[Part, ...]
) -> NDArray[np.int16]:
    """Return every member's choice, shape (k,), without thoughts where the audience can do without them.

    Any audience works: one without its own ``choose`` reacts, and its thoughts are dropped.
    """
    if isinstance(audience, Chooser):
        return audience.choose(texts, shown, voters, key)
    return audience.react(texts, shown, voters, key).choices


def orders(ids: NDArray[np.int64], n: int, *key: Part) -> NDArray[np.int8]:
    """Return each member's own random order of ``n`` options, shape (k, n).

    Keyed by who and where: a member's order does not depend on who else is asked, nor on the rows' order.
    """
    shown = np.empty((len(ids), n), dtype=np.int8)
    if len(ids) >= keyed.MANY and (compiled := keyed.kernels()) is not None:
        places = np.array([keyed.words(*key, option) for option in range(n)])
        compiled.orders(keyed.counters(ids), places, shown)
        return shown
    for start in range(0, len(ids), keyed.BLOCK):
        rows = slice(start, start + keyed.BLOCK)
        draws = np.stack([keyed.uniforms(ids[rows], *key, option) for option in range(n)], axis=1)
        shown[rows] = np.argsort(draws, axis=1, kind="stable")
    return shown
