"""Snapshots of the state, so that looking at one moment of a long run need not fold all of it. Disposable.

A snapshot is a file that anyone may delete: it is used only byte for byte as it was written at this place of this very
log (:mod:`abm.log.disposable`). Otherwise the state is folded from the log instead.
"""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np

from abm.log import EventLog, Head, disk, open_log
from abm.log.disposable import vouch, vouched
from abm.log.recovery import head_after
from abm.state.state import State, apply
from moloch.content import digest
from moloch.errors import MolochError

EVERY = 200_000
"""Events between snapshots."""


class _Snapshot(msgspec.Struct, frozen=True):
    seq: int
    hash: str
    state_hash: str
    state: State


class _Column(msgspec.Struct, frozen=True):
    dtype: str
    shape: Annotated[list[Annotated[int, msgspec.Meta(ge=0)]], msgspec.Meta(min_length=1, max_length=2)]
    data: bytes


class Snapshots:
    """The snapshots of one run, under ``snap/``.

    Args:
        every: events between two that :meth:`offer` writes.
    """

    def __init__(self, run: Path, every: int | None = None) -> None:
        self.folder = run / "snap"
        self._every = EVERY if every is None else every
        self._last = max(self._seqs(), default=0)

    def offer(self, state: State, head: Head) -> None:
        """Write a snapshot of ``state``, which is that at ``head``, if the last one is far enough behind.

        A disk that refuses costs nothing but the snapshot.
        """
        if head.seq - self._last >= self._every:
            self._last = head.seq
            with contextlib.suppress(OSError):
                self.write(state, head)

    def write(self, state: State, head: Head) -> None:
        """Write a snapshot; in its place at once, or not at all."""
        self.folder.mkdir(exist_ok=True)
        snapshot = _Snapshot(head.seq, head.hash, state.hash(), state)
        data = msgspec.json.encode(snapshot, enc_hook=_encoded)
        disk.write_durably(self.folder / f"{head.seq:020d}.json", data)
        vouch(_about(head), digest(data))

    def newest(self, log: EventLog, stop: int | None = None) -> tuple[int, State]:
        """Return the newest usable state at or before event ``stop``, and the ``seq`` from which to continue folding.

        Reads the commit before it to compare the chain's hash. Without a usable one: 0 and the empty state.
        """
        for seq in sorted(self._seqs(), reverse=True):
            if (stop is None or seq <= stop) and (state := self._read(seq, log)) is not None:
                return seq, state
        return 0, State()

    def _seqs(self) -> list[int]:
        return [int(path.stem) for path in self.folder.glob("*.json") if path.stem.isdecimal()]

    def _read(self, seq: int, log: EventLog) -> State | None:
        try:
            data = (self.folder / f"{seq:020d}.json").read_bytes()
        except OSError:
            return None
        head = _head_at(log, seq)
        if head is None or not vouched(_about(head), digest(data)):
            return None
        try:
            snapshot = msgspec.json.decode(data, type=_Snapshot, dec_hook=_decoded)
        except (ValueError, TypeError, MolochError):  # another version wrote it; ValueError: msgspec's errors too
            return None
        return snapshot.state if snapshot.state.hash() == snapshot.state_hash else None


def _about(head: Head) -> list[Any]:
    return ["snapshot", head.seq, head.hash]


def _head_at(log: EventLog, seq: int) -> Head | None:
    """Return the head that the log had before event ``seq``, as verified now; None if no commit ends there."""
    for block in log.blocks(seq - 1):
        head = head_after(block)
        if head.seq >= seq:
            return head if head.seq == seq else None
    return None


def state_at(run: Path | str, seq: int | None = None) -> State:
    """Return the state of a run before event ``seq`` (by default at its end), from the nearest snapshot.

    Raises:
        LogError: no run, or it cannot be read.
        CorruptLog: bytes that contradict the chain, or an event that contradicts the state.
    """
    log = open_log(run, write=False)
    start, state = Snapshots(log.path).newest(log, seq)
    for event in log.read(start, seq):
        apply(state, event)
    return state


DTYPES = {"<i8", "<i4", "<i2", "|i1", "|u1", "<u2", "|b1", "<f4"}
"""Of the columns of a state."""


def _encoded(column: Any) -> dict[str, Any]:
    if not isinstance(column, np.ndarray):
        raise TypeError(f"no column: {type(column).__name__}")
    little = np.ascontiguousarray(column, dtype=column.dtype.newbyteorder("<"))
    return {"dtype": little.dtype.str, "shape": little.shape, "data": little.tobytes()}


def _decoded(kind: Any, value: Any) -> Any:
    """Return a column; nothing but a plain number of a state's columns, as many as its shape says, reaches numpy.

    Raises:
        ValueError: it is none.
    """
    column = msgspec.convert(value, _Column)
    if column.dtype not in DTYPES or math.prod(column.shape) * int(column.dtype[2]) != len(column.data):
        raise ValueError("not a column of a state")
    return np.frombuffer(column.data, dtype=np.dtype(column.dtype)).reshape(column.shape).copy()
