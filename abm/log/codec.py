"""Bytes of the log: events to commits and back. Pure; knows nothing of files.

A segment begins with an empty zstd frame (some readers look only at the first four bytes), then holds commits. A
commit is a skippable zstd frame, its header (length and checksum of the body: an incomplete last commit can be told
from a damaged one), and one zstd frame, its body: the event lines and a commit line::

    {"type":"run_started","seq":0,...}
    {"commit":{"v":2,"seq":0,"n":1,"prev":"<hex>","hash":"<hex>"}}

``hash`` is SHA-256(prev || event lines || keys, where there are any). Any zstd tool reads a segment as JSON Lines.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Collection, Sequence
from functools import cache
from typing import Union, get_args

import msgspec
from backports import zstd

from abm.events import SCHEMA_VERSION, AnyEvent, Event
from abm.label_events import AnyLabelEvent
from abm.log.beside import Beside
from abm.log.upcast import upcast
from abm.study_events import AnyStudyEvent
from moloch.errors import CorruptLog, LogError

LEVEL = -1
"""Of zstd: a tenth faster than 1, and 6 % larger; lower ones are no faster."""
PREAMBLE = bytes.fromhex("28b52ffd2000010000")
"""An empty zstd frame, the first bytes of every segment."""

_MAGIC = 0x184D2A50  # zstd: skippable frame
_HEADER = struct.Struct("<IIIII")  # magic, bytes that follow in the header, body length, CRC-32 of body, of header
HEADER_SIZE = _HEADER.size
HEADER_START = struct.pack("<II", _MAGIC, HEADER_SIZE - 8)
"""How every header begins."""

AnyLogged = AnyEvent | AnyStudyEvent | AnyLabelEvent
"""What a log can hold: what happens in a run, what happens to a study, and what people said of messages."""
KINDS: dict[str, type[Event]] = {kind.__struct_config__.tag: kind for kind in get_args(AnyLogged)}
"""The ``type`` of an event -> its class."""
RUN_KINDS = {name: kind for name, kind in KINDS.items() if kind in get_args(AnyEvent)}
"""Those of a run: of these, Parquet has columns."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(AnyLogged)
_NEWER = "Use the moloch that wrote it, or a newer one."


class Commit(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the last line of a body says: events ``seq .. seq + n - 1``, chained from ``prev`` to ``hash``."""

    v: int
    """Schema version of its events (each event omits its own where it is the default)."""
    seq: int
    n: int
    prev: str
    hash: str
    keys: dict[str, str] = {}
    """Idempotency key -> digest of what was appended under it: in this commit, or (in a segment's first) before it."""


class _CommitLine(msgspec.Struct, frozen=True):
    commit: Commit


class _Peek(msgspec.Struct, frozen=True):
    type: str
    v: int = 0
    seq: int = -1


_commit_decoder = msgspec.json.Decoder(_CommitLine)
_peek_decoder = msgspec.json.Decoder(_Peek)


_HASHED_BESIDE = 1 << 16
"""Bytes of event lines from which hashing in a separate thread, in parallel with compression, is faster."""


UNPACKED, RATIO = 256 * 2**20, 256
"""A commit is unpacked to so many bytes at most, or to so many for each of its own, whichever is more."""


class Torn(Exception):
    """The bytes end before the commit does."""


class Header(msgspec.Struct, frozen=True):
    """Length in bytes and CRC-32 of the body that follows."""

    size: int
    crc: int


class Encoder:
    """Encodes commits as bytes; for one thread at a time. Caches what is expensive to rebuild for each.

    Attributes:
        size: bytes of event lines in the last commit.
    """

    def __init__(self) -> None:
        self.size = 0
        self._compressor = zstd.ZstdCompressor(level=LEVEL)
        self._hashing: Beside[str] = Beside()

    def encode(self, events: Sequence[Event], prev: str, keys: dict[str, str] | None = None) -> tuple[bytes, Commit]:
        """Return the bytes of one commit of ``events`` (with their ``seq``) after the commit whose hash is ``prev``."""
        lines, keys = _encoder.encode_lines(events), keys or {}
        self.size = len(lines)
        commit = Commit(SCHEMA_VERSION, events[0].seq, len(events), prev, "0" * 64, keys)
        self._compressor.set_pledged_input_size(len(lines) + len(_commit_line(commit)))
        if len(lines) >= _HASHED_BESIDE:
            self._hashing.start(lambda: chain(prev, lines, keys))
            head = self._compressor.compress(lines)
            hashed = self._hashing.result()
        else:
            head, hashed = self._compressor.compress(lines), chain(prev, lines, keys)
        commit = msgspec.structs.replace(commit, hash=hashed)
        body = head + self._compressor.compress(_commit_line(commit), zstd.ZstdCompressor.FLUSH_FRAME)
        start = struct.pack("<IIII", _MAGIC, HEADER_SIZE - 8, len(body), zlib.crc32(body))
        return start + struct.pack("<I", zlib.crc32(start)) + body, commit

    def close(self) -> None:
        """End the thread that hashes, if there is one."""
        self._hashing.close()


def _commit_line(commit: Commit) -> bytes:
    return _encoder.encode(_CommitLine(commit)) + b"\n"


def encode(events: Sequence[Event], prev: str, keys: dict[str, str] | None = None) -> tuple[bytes, Commit]:
    """Return the bytes of one commit; see :meth:`Encoder.encode`, which serves many."""
    encoder = Encoder()
    try:
        return encoder.encode(events, prev, keys)
    finally:
        encoder.close()


def chain(prev: str, lines: bytes | memoryview, keys: dict[str, str]) -> str:
    """Return SHA-256(prev || lines || keys as JSON) as hex; ``prev`` enters as its 32 bytes, no keys as nothing."""
    sha = hashlib.sha256(bytes.fromhex(prev))
    sha.update(lines)
    if keys:
        sha.update(_encoder.encode(keys))
    return sha.hexdigest()


def content(events: Sequence[Event]) -> str:
    """Return the digest of events as submitted, independent of the ``seq`` and time they have or will get."""
    normalized = [msgspec.structs.replace(event, seq=-1, at=0.0) for event in events]
    return hashlib.sha256(_encoder.encode_lines(normalized)).hexdigest()[:32]


def read_header(data: bytes) -> Header:
    """Return the header at the start of ``data``.

    Raises:
        Torn: fewer bytes than a header.
        ValueError: not a header.
    """
    if len(data) < HEADER_SIZE:
        raise Torn
    magic, rest, size, crc, own = _HEADER.unpack_from(data)
    if (magic, rest) != (_MAGIC, HEADER_SIZE - 8) or own != zlib.crc32(data[: HEADER_SIZE - 4]):
        raise ValueError("the header of a commit is damaged")
    return Header(size, crc)


def split(header: Header, body: bytes) -> tuple[bytes, int, Commit]:
    """Return the text of a body, the length of its event lines, and its commit; checksum and hash are checked.

    That there are as many lines as the commit says is checked by :func:`decode`, or :func:`check_count`.

    Raises:
        ValueError: the body is not a commit, or contradicts itself.
    """
    if zlib.crc32(body) != header.crc:
        raise ValueError("the checksum of a commit does not match")
    try:
        text = _unpacked(body)
        end = text.rfind(b"\n", 0, -1) + 1
        commit = _commit_decoder.decode(text[end:]).commit
        hashed = chain(commit.prev, memoryview(text)[:end], commit.keys)
    except (zstd.ZstdError, ValueError, RecursionError, msgspec.DecodeError) as error:
        raise ValueError(f"not a commit: {error}") from error
    if commit.n < 1:
        raise ValueError(f"a commit of {commit.n} events")
    if hashed != commit.hash:
        raise ValueError("the hash of a commit does not match its events")
    return text, end, commit


def _unpacked(body: bytes) -> bytes:
    """Return the text of a body: one zstd frame that says its size, as the encoder writes it.

    Raises:
        ZstdError, ValueError: it is another thing, or would unpack to more than a commit can be.
    """
    size = zstd.get_frame_info(body).decompressed_size
    if size is None or zstd.get_frame_size(body) != len(body):
        raise ValueError("its body is not one frame of a stated size")
    if size > max(UNPACKED, RATIO * len(body)):
        raise ValueError(f"its {len(body):,} bytes would unpack to {size:,}")
    return zstd.decompress(body)


def check_count(text: bytes, commit: Commit, where: str) -> None:
    """Raise CorruptLog if the text of a body does not hold as many event lines as its commit says."""
    if commit.n != (count := text.count(b"\n") - 1):
        raise CorruptLog("the log is damaged", where=where, why=f"a commit of {commit.n} events holds {count} lines")


def decode(
    lines: bytes | memoryview, commit: Commit, where: str, kinds: Collection[type[Event]] | None = None
) -> list[Event]:
    """Return the events of a verified commit.

    Args:
        kinds: return only events of these types; the others are read past, and only their places are checked.

    Raises:
        LogError: written by a newer version; the message names what it does not know.
        CorruptLog: a line is not an event, or not in its place.
    """
    check_version(commit.v, where)
    try:
        current = lines if commit.v == SCHEMA_VERSION else upcast(bytes(lines), commit.v)
        events: list[Event] = (_decoder if kinds is None else _only(frozenset(kinds))).decode_lines(current)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _undecodable(bytes(lines), where, str(error)) from error
    if len(events) != commit.n or events[0].seq != commit.seq or events[-1].seq != commit.seq + commit.n - 1:
        raise _misplaced(events, commit, where)
    return events if kinds is None else [event for event in events if not isinstance(event, _Passed)]


class _Passed(Event, frozen=True):
    """An event that was not requested; its content is not decoded into objects."""


@cache
def _only(kinds: frozenset[type[Event]]) -> msgspec.json.Decoder[Event]:
    """Return what decodes these types, and of all others no more than every event carries."""
    taken = [
        kind if kind in kinds else msgspec.defstruct(f"Passed_{name}", [], bases=(_Passed,), tag=name, frozen=True)
        for name, kind in KINDS.items()
    ]
    return msgspec.json.Decoder(Union[tuple(taken)])  # noqa: UP007  # of a computed list


def _misplaced(events: list[Event], commit: Commit, where: str) -> CorruptLog:
    """Return the error for events that are not ``commit.seq .. commit.seq + commit.n - 1``."""
    for seq, event in enumerate(events, commit.seq):
        if event.seq != seq:
            return CorruptLog(
                "the log is damaged", where=where, why=f"event {event.seq} takes the place of event {seq}"
            )
    return CorruptLog("the log is damaged", where=where, why=f"a commit of {commit.n} events holds {len(events)} lines")


def check_version(version: int, where: str) -> None:
    """Raise LogError if events of schema ``version`` cannot be read or added to."""
    if version > SCHEMA_VERSION:
        raise LogError(
            "written by a newer moloch",
            where=where,
            why=f"schema version {version}; this one knows up to {SCHEMA_VERSION}",
            fix=_NEWER,
        )


def _undecodable(lines: bytes, where: str, why: str) -> LogError:
    """Return the error for lines that do not decode: newer (named), or damaged."""
    for line in lines.splitlines():
        try:
            peek = _peek_decoder.decode(line)
        except (msgspec.DecodeError, RecursionError) as error:
            return CorruptLog("a line of the log is not an event", where=where, why=str(error))
        if peek.type not in KINDS:
            return LogError(
                "written by a newer moloch",
                where=f"{where}, event {peek.seq}",
                why=f"this one does not know events of type {peek.type!r}",
                fix=_NEWER,
            )
    return CorruptLog("a line of the log is not an event", where=where, why=why)
