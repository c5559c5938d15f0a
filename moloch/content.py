"""Content ids: the same content has the same id on every machine."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

_canonical = msgspec.json.Encoder(order="deterministic")


def canonical(value: object) -> bytes:
    """Return ``value`` as JSON bytes that do not depend on the order of mappings."""
    return _canonical.encode(value)


def digest(data: bytes) -> str:
    """Return the SHA-256 of ``data``, 64 hex characters."""
    return hashlib.sha256(data).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, 64 hex characters; it is never whole in memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_id(value: object) -> str:
    """Return a 16-hex-character id (64 bits of SHA-256) of a JSON-able value."""
    return digest(canonical(value))[:16]
