"""Bytes of the log: events to frames and back. Pure; knows nothing of files.

One commit is a skippable zstd frame (the header: body length and checksum, so that an incomplete last commit can
be told from a damaged one) followed by one zstd frame that holds the event lines and a commit line::

    {"seq":0,"type":"run_started",...}
    {"commit":{"seq":0,"n":1,"prev":"<hex>","hash":"<hex>"}}

``hash`` is SHA-256(prev || event lines). Any zstd tool reads a segment as JSON Lines.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence

import msgspec
from backports import zstd

from abm.errors import CorruptLog, LogError
from abm.events import SCHEMA_VERSION, AnyEvent, Event

LEVEL = 1
_MAGIC = 0x184D2A50  # zstd: skippable frame
_HEADER = struct.Struct("<IIII")  # magic, bytes that follow in the header, body length, CRC-32 of the rest
HEADER_SIZE = _HEADER.size

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(AnyEvent)


class Commit(msgspec.Struct, frozen=True):
    """What the last line of a frame says: events ``seq .. seq + n - 1``, chained from ``prev`` to ``hash``."""

    seq: int
    n: int
    prev: str
    hash: str


class _CommitLine(msgspec.Struct, frozen=True):
    commit: Commit


_commit_decoder = msgspec.json.Decoder(_CommitLine)


class Torn(Exception):
    """The bytes end before the commit does."""


def encode(events: Sequence[Event], prev: str) -> tuple[bytes, Commit]:
    """Return the bytes of one commit of ``events`` (with their ``seq``) after the commit whose hash is ``prev``."""
    lines = b"".join(_encoder.encode(event) + b"\n" for event in events)
    commit = Commit(events[0].seq, len(events), prev, chain(prev, lines))
    body = zstd.compress(lines + _encoder.encode(_CommitLine(commit)) + b"\n", level=LEVEL)
    return _header(len(body)) + body, commit


def chain(prev: str, lines: bytes) -> str:
    """Return SHA-256(prev || lines) as hex; ``prev`` enters as its 32 bytes."""
    sha = hashlib.sha256(bytes.fromhex(prev))
    sha.update(lines)
    return sha.hexdigest()


def _header(body: int) -> bytes:
    return _HEADER.pack(_MAGIC, 8, body, zlib.crc32(struct.pack("<III", _MAGIC, 8, body)))


def body_size(header: bytes) -> int:
    """Return the length of the body that follows a header.

    Raises:
        Torn: fewer bytes than a header.
        ValueError: not a header.
    """
    if len(header) < HEADER_SIZE:
        raise Torn
    magic, size, body, crc = _HEADER.unpack(header[:HEADER_SIZE])
    if (magic, size) != (_MAGIC, 8) or crc != zlib.crc32(header[: HEADER_SIZE - 4]):
        raise ValueError("the header of a commit is damaged")
    return body


def split(body: bytes) -> tuple[bytes, Commit]:
    """Return the event lines of a body and its commit, the hash checked.

    Raises:
        ValueError: the body is not a commit, or its hash is wrong.
    """
    try:
        text = zstd.decompress(body)
        end = text.rindex(b"\n", 0, -1) + 1
        commit = _commit_decoder.decode(text[end:]).commit
    except (zstd.ZstdError, ValueError, msgspec.DecodeError) as error:
        raise ValueError(f"not a commit: {error}") from error
    lines = text[:end]
    if chain(commit.prev, lines) != commit.hash:
        raise ValueError("the hash of a commit does not match its events")
    return lines, commit


def decode(lines: bytes, where: str) -> list[Event]:
    """Return the events of verified lines.

    Raises:
        LogError: written by a newer version.
        CorruptLog: a line is not an event.
    """
    try:
        events: list[Event] = _decoder.decode_lines(lines)
    except msgspec.ValidationError as error:
        raise LogError(
            "an event that this version does not know", where=where, why=str(error), mend="Use the moloch that wrote it, or a newer one."
        ) from error
    except msgspec.DecodeError as error:
        raise CorruptLog("a line is not an event", where=where, why=str(error)) from error
    for event in events:
        if event.v > SCHEMA_VERSION:
            raise LogError(
                f"schema version {event.v}; this version reads up to {SCHEMA_VERSION}", where=f"{where}, event {event.seq}",
                mend="Use the moloch that wrote it, or a newer one.",
            )
    return events
