"""Following a log that is being written: each look reads only what came since the last one. Takes no lock."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from abm.events import Event, RunEnded
from abm.log.codec import Torn
from abm.log.recovery import End, Head, head_after
from abm.log.segments import Block, Manifest, Segment, blocks, damaged, segments, walk


class Tail:
    """A reader's place in a log.

    Args:
        start: begin with the commit that holds this event.
    """

    def __init__(self, run: Path, manifest: Manifest, start: int = 0) -> None:
        self._run, self._manifest, self._start = run, manifest, start
        self._segment: Segment | None = None
        self._at, self._seq = 0, manifest.base
        self._prev: str | None = manifest.genesis
        self._shared = manifest.base > start

    @classmethod
    def after(cls, run: Path, manifest: Manifest, end: End) -> Tail:
        """Return the place in a log after the last commit of its last segment, which has one."""
        tail = cls(run, manifest, end.head.seq)
        tail._segment, tail._at, tail._seq, tail._prev = end.segment, end.at, end.head.seq, end.head.hash
        return tail

    def new(self) -> Iterator[Block]:
        """Yield the verified commits that were completed since the last call.

        Raises:
            CorruptLog: bytes that contradict the chain.
        """
        if self._shared:
            self._shared = False
            yield from walk(self._run, self._manifest.genesis, self._start, self._manifest.base)
        while (segment := self._segment or self._first()) is not None:
            after = self._next(segment)  # looked for first: once it is there, this segment is whole
            for block in self._of(segment, after is not None):
                if block.commit.seq + block.commit.n > self._start:
                    yield block
            if after is None:
                return
            if after.first != self._seq:
                raise damaged(str(after.path), f"event {self._seq} should begin it; a segment is missing or renamed")
            self._segment, self._at = after, 0

    def _of(self, segment: Segment, whole: bool) -> Iterator[Block]:
        """Yield a segment's new commits; an incomplete one at its end is left for later, unless the segment is whole."""
        try:
            for block in blocks(segment, self._prev, self._at, self._seq):
                self._at, self._seq, self._prev = block.end, block.commit.seq + block.commit.n, block.commit.hash
                yield block
        except Torn:
            if whole:
                raise damaged(str(segment.path), "it ends within a commit, and is not the last segment") from None

    def _first(self) -> Segment | None:
        """Return the segment that holds the first event wanted, once it is there."""
        own_segments = segments(self._run, self._manifest.base)
        if not own_segments:
            return None
        skipped = sum(after.first <= self._start for _, after in pairwise(own_segments))
        self._segment = own_segments[skipped]
        if skipped:
            self._seq, self._prev = self._segment.first, None
        return self._segment

    def _next(self, segment: Segment) -> Segment | None:
        later = [s for s in segments(self._run, self._manifest.base) if s.first > segment.first]
        return later[0] if later else None


class Ending:
    """The end of a log, as it was at the last look.

    Args:
        tail: begins with the log's last commit, or after it.
        head: where the log ends if nothing is in it.
        last: its last event, where the tail begins after it.

    Attributes:
        head: where the log ended.
        last: its last event; None for an empty log.
    """

    def __init__(self, tail: Tail, head: Head, last: Event | None = None) -> None:
        self._tail, self.head, self.last = tail, head, last

    def look(self) -> None:
        """Read what was appended since the last look.

        Raises:
            CorruptLog: bytes that contradict the chain.
            LogError: an event of a newer version.
        """
        block = None
        for block in self._tail.new():
            self.head = head_after(block)
        if block is not None:
            self.last = block.events()[-1]

    @property
    def ended(self) -> RunEnded | None:
        """The event that ended the run; None if the run had not ended."""
        return self.last if isinstance(self.last, RunEnded) else None
