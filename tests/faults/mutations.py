"""Every guard that the fault suite relies on, and how to take it away.

``MOLOCH_MUTATION=<name>`` removes one guard for a whole test session, children included; the named test must then fail
(``tests/faults/test_mutations.py``). A fault test that passes without its guard shows nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from backports import zstd

from abm import digest, events, journal, keyed, snapshots
from abm.log import codec, disk, parquet, projection, recovery, segments, tail, upcast, writer


class Mutation(NamedTuple):
    """One guard less.

    Attributes:
        removes: the guard.
        test: the test that must fail without it, as pytest names it.
        apply: takes the guard away from the product's modules.
    """

    removes: str
    test: str
    apply: Callable[[], None]


def apply_from_environment() -> None:
    """Take away the guard that ``MOLOCH_MUTATION`` names, if any."""
    if name := os.environ.get("MOLOCH_MUTATION"):
        MUTATIONS[name].apply()


def _no_truncation() -> None:
    recovery.set_aside = writer.set_aside = lambda run, path, start: ("kept.bin", 0)  # type: ignore[assignment]
    disk.truncate = lambda file, size: None


def _torn_for_damaged() -> None:
    read = codec.read_header

    def lenient(data: bytes) -> codec.Header:
        try:
            return read(data)
        except ValueError:
            raise codec.Torn from None

    segments.read_header = lenient


def _no_hash() -> None:
    def split(header: codec.Header, body: bytes) -> tuple[bytes, int, codec.Commit]:
        try:
            text = zstd.decompress(body)
            end = text.rfind(b"\n", 0, -1) + 1
            return text, end, codec._commit_decoder.decode(text[end:]).commit
        except zstd.ZstdError as error:
            raise ValueError(str(error)) from error

    segments.split = split


def _no_chain() -> None:
    following = segments._next
    segments._next = lambda segment, at, start, file, prev, seq: following(segment, at, start, file, None, seq)


def _no_sync() -> None:
    def write(self: writer.Writer, data: bytes) -> None:
        disk.write_all(self._file, data)
        self._size += len(data)

    writer.Writer._write = write


def _ack_before_sync() -> None:
    def write(self: writer.Writer, data: bytes) -> None:
        disk.write_all(self._file, data)
        self._size += len(data)

    commit = writer.Writer._commit

    def early(self: writer.Writer, group: list) -> None:
        commit(self, group)
        disk.sync_data(self._file)

    writer.Writer._write, writer.Writer._commit = write, early


def _no_folder_sync() -> None:
    disk.open_appending = lambda path: os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


def _no_poison() -> None:
    def fail(self: writer.Writer, group: list, error: BaseException) -> None:
        writer._refuse(group, disk.unwritable(self._segment.path, error))

    writer.Writer._fail = fail


def _no_size_check() -> None:
    def write(self: writer.Writer, data: bytes) -> None:
        disk.write_all(self._file, data)
        disk.sync_data(self._file)
        self._size += len(data)

    writer.Writer._write = write


def _no_lock() -> None:
    disk.fcntl.flock = lambda descriptor, how: None  # type: ignore[assignment]


def _no_owner() -> None:
    pid = os.getpid()
    writer.os = type("os", (), {**vars(os), "getpid": staticmethod(lambda: pid)})  # type: ignore[assignment]


def _no_torn() -> None:
    following = segments._next

    def eager(segment, at, start, file, prev, seq):
        try:
            return following(segment, at, start, file, prev, seq)
        except codec.Torn as torn:
            raise segments.damaged(str(segment.path), "it ends within a commit") from torn

    segments._next = eager


def _time_in_digest() -> None:
    line = digest.Digest._line

    def dated(self: digest.Digest, event: events.Event) -> bytes:
        return line(self, event) + str(event.at).encode()

    digest.Digest._line = dated


def _hash_of_the_process() -> None:
    keyed.key = lambda *parts: hash(parts) & (2**128 - 1)


def _no_upcast() -> None:
    upcast.UPCASTERS.clear()


def _any_projection() -> None:
    projection.is_current = parquet.is_current = lambda run, segment, after: parquet.path_of(run, segment).exists()


def _any_snapshot() -> None:
    def read(self: snapshots.Snapshots, seq: int, log: object) -> object:
        raw = (self.folder / f"{seq:020d}.json").read_bytes()
        return snapshots.msgspec.json.decode(raw, type=snapshots._Snapshot, dec_hook=snapshots._decoded).state

    snapshots.Snapshots._read = read  # type: ignore[assignment]


def _no_pointer_check() -> None:
    def shared(run, fork, start, stop):
        parent = segments.parent_of(run, fork)
        end = fork.seq if stop is None else min(stop, fork.seq)
        yield from segments.walk(parent, segments.read_manifest(parent).genesis, start, end)

    segments._shared = shared


def _keys_forgotten() -> None:
    found = recovery.find_end
    writer.find_end = lambda run, manifest: found(run, manifest)._replace(keys={})


def _answers_forgotten() -> None:
    journal.Journal._take = lambda self, event: _take_without_answer(self, event)  # type: ignore[assignment]


def _take_without_answer(self: journal.Journal, event: events.Event) -> None:
    self._next += 1
    journal.apply(self.state, event)
    self.digest.update(event)


def _handles_leak() -> None:
    def opening(self: writer.Writer, segment: segments.Segment) -> None:
        file = disk.open_appending(segment.path)
        self._file, self._segment, self._size = file, segment, os.fstat(file).st_size

    writer.Writer._open = opening


def _one_encoder() -> None:
    shared = codec.Encoder()
    writer.Encoder = lambda: shared  # type: ignore[assignment, misc]


def _tail_starts_over() -> None:
    new = tail.Tail.new

    def again(self: tail.Tail):
        self._at, self._seq, self._prev = 0, self._manifest.base, self._manifest.genesis
        self._segment = None
        return new(self)

    tail.Tail.new = again


F = "tests/faults"
MUTATIONS: dict[str, Mutation] = {
    "no-truncation": Mutation("recovery cuts an incomplete commit off", f"{F}/test_crashes.py::TestKills", _no_truncation),
    "answers-forgotten": Mutation(
        "a resumed run knows the answers in its log", f"{F}/test_crashes.py::TestPaidAnswers", _answers_forgotten
    ),
    "keys-forgotten": Mutation("keys are read when a log is opened", f"{F}/test_crashes.py::TestRetry", _keys_forgotten),
    "torn-for-damaged": Mutation(
        "a header has a checksum of its own: damage is not taken for an end", f"{F}/test_bytes.py::TestCuts", _torn_for_damaged
    ),
    "no-hash": Mutation("a commit's checksum and hash", f"{F}/test_bytes.py::TestFlips", _no_hash),
    "no-chain": Mutation("each commit names the hash before it", f"{F}/test_bytes.py::TestSplices", _no_chain),
    "no-pointer-check": Mutation(
        "a fork's parent must lead to the pointer", f"{F}/test_bytes.py::TestForks", _no_pointer_check
    ),
    "no-sync": Mutation("a commit is synced", f"{F}/test_disk.py::TestOrder", _no_sync),
    "ack-before-sync": Mutation("a future resolves after the sync", f"{F}/test_disk.py::TestOrder", _ack_before_sync),
    "no-folder-sync": Mutation("a new segment's name is synced", f"{F}/test_disk.py::TestOrder", _no_folder_sync),
    "no-poison": Mutation("a failed write or sync ends the writer", f"{F}/test_disk.py::TestRefusals", _no_poison),
    "no-size-check": Mutation(
        "the file must have the size that we left", f"{F}/test_writers.py::TestTwoWriters", _no_size_check
    ),
    "no-lock": Mutation("the lock", f"{F}/test_writers.py::TestTwoWriters", _no_lock),
    "no-owner": Mutation("a log belongs to one process", f"{F}/test_writers.py::TestTwoWriters", _no_owner),
    "no-torn": Mutation("a reader waits for the end of a commit", f"{F}/test_writers.py::TestReaders", _no_torn),
    "tail-starts-over": Mutation("a follower keeps its place", f"{F}/test_writers.py::TestReaders", _tail_starts_over),
    "one-encoder": Mutation("each writer has its own encoder", f"{F}/test_writers.py::TestManyRuns", _one_encoder),
    "time-in-digest": Mutation("the digest leaves time out", f"{F}/test_meaning.py::TestClock", _time_in_digest),
    "hash-of-the-process": Mutation(
        "randomness depends on content, not on the process", f"{F}/test_meaning.py::TestProcesses", _hash_of_the_process
    ),
    "no-upcast": Mutation("old events are brought to today's shape", f"{F}/test_meaning.py::TestOldLogs", _no_upcast),
    "any-projection": Mutation(
        "a projection must be confirmed by the log", f"{F}/test_meaning.py::TestDisposable", _any_projection
    ),
    "any-snapshot": Mutation("a snapshot must be confirmed by the log", f"{F}/test_meaning.py::TestDisposable", _any_snapshot),
    "handles-leak": Mutation("a sealed segment is closed", f"{F}/test_soak.py", _handles_leak),
}  # fmt: skip
