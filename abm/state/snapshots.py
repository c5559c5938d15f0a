"""Snapshots of the state, so that looking at one moment of a long run need not fold all of it. Disposable.

A snapshot is a file that anyone may delete: it is used only where it names the chain's hash at its place. If
anything else is wrong with it, the state is folded from the log instead.
"""

from __future__ import annotations

import base64
import contextlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from abm.log import EventLog, Head, disk, open_log
from abm.state.state import State, apply

EVERY = 200_000
"""Events between snapshots."""


class _Snapshot(msgspec.Struct, frozen=True):
    seq: int
    hash: str
    state_hash: str
    state: State


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
        disk.write_durably(self.folder / f"{head.seq:020d}.json", msgspec.json.encode(snapshot, enc_hook=_encoded))

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
            raw = (self.folder / f"{seq:020d}.json").read_bytes()
            snapshot = msgspec.json.decode(raw, type=_Snapshot, dec_hook=_decoded)
        except (OSError, ValueError, TypeError, KeyError):  # ValueError: msgspec's errors too
            return None
        if snapshot.seq != seq or snapshot.state.hash() != snapshot.state_hash:
            return None
        for block in log.blocks(seq - 1):
            if block.commit.seq + block.commit.n >= seq:
                at_commit_end = block.commit.seq + block.commit.n == seq
                return snapshot.state if at_commit_end and block.commit.hash == snapshot.hash else None
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


def _encoded(column: Any) -> dict[str, Any]:
    if not isinstance(column, np.ndarray):
        raise TypeError(f"no column: {type(column).__name__}")
    little = np.ascontiguousarray(column, dtype=column.dtype.newbyteorder("<"))
    return {"dtype": little.dtype.str, "shape": little.shape, "data": little.tobytes()}


def _decoded(kind: Any, value: Any) -> Any:
    column = np.frombuffer(base64.b64decode(value["data"]), dtype=np.dtype(value["dtype"]))
    return column.reshape(value["shape"]).copy()
