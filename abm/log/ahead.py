"""Working ahead: the next items of an iterator are made in a thread while this one uses the last."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import Empty, Full, Queue
from typing import TypeVar

from abm.log.segments import Block

T = TypeVar("T")

_DEPTH = 4
_BATCH = 1 << 18
"""Bytes of event lines per handover: small commits are handed over together."""


def ahead(blocks: Iterator[Block]) -> Iterator[Block]:
    """Yield ``blocks``, verified in a thread of their own: decompressing and hashing leave the interpreter free."""
    queue: Queue[tuple[list[Block], BaseException | None] | None] = Queue(_DEPTH)
    given_up = threading.Event()

    def put(item: tuple[list[Block], BaseException | None] | None) -> bool:
        while not given_up.is_set():
            try:
                queue.put(item, timeout=0.1)
                return True
            except Full:
                continue
        return False

    def work() -> None:
        batch: list[Block] = []
        size = 0
        try:
            for block in blocks:
                batch.append(block)
                size += len(block.lines)
                if size >= _BATCH:
                    if not put((batch, None)):
                        return
                    batch, size = [], 0
        except BaseException as error:
            put((batch, error))
            return
        put((batch, None))
        put(None)

    thread = threading.Thread(target=work, name="reading ahead", daemon=True)
    thread.start()
    try:
        while (item := queue.get()) is not None:
            yield from item[0]
            if item[1] is not None:
                raise item[1]
    finally:
        given_up.set()
        while True:
            try:
                queue.get_nowait()
            except Empty:
                break
        thread.join()
