"""Old events in today's shape: pure functions from one schema version to the next, applied when a log is read.

The log itself is never rewritten. A version changes where a reader of the version before would misread an event; a
new event type needs no upcaster, since an old reader refuses a type that it does not know by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from abm.columns import Float32s, pack
from abm.events import SCHEMA_VERSION

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]


def _traits_as_columns(event: dict[str, Any]) -> dict[str, Any]:
    """1 -> 2: a trait's values were a list of numbers."""
    return event | {"traits": {name: pack(values, Float32s) for name, values in event["traits"].items()}}


UPCASTERS: dict[int, dict[str, Upcaster]] = {1: {"personas_joined": _traits_as_columns}}
"""Version -> type -> what makes the next version's fields of it; a type that is not named did not change."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()


def changed_since(version: int) -> set[str]:
    """Return the types of that version whose fields have changed since."""
    return {kind for v in range(version, SCHEMA_VERSION) for kind in UPCASTERS.get(v, {})}


def upcast(lines: bytes, version: int) -> bytes:
    """Return event lines of schema ``version`` as lines of today's; the same object where nothing changed.

    Raises:
        msgspec.DecodeError: a line is not JSON, or not an event of that version.
    """
    kinds = changed_since(version)
    if not any(_start(kind) in lines for kind in kinds):
        return lines
    return b"".join(
        _upcast_line(line, version) if line.startswith(tuple(map(_start, kinds))) else line
        for line in lines.splitlines(keepends=True)
    )


def _upcast_line(line: bytes, version: int) -> bytes:
    event = _decoder.decode(line)
    for at in range(version, SCHEMA_VERSION):
        if (change := UPCASTERS.get(at, {}).get(event["type"])) is not None:
            try:
                event = change(event)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise msgspec.DecodeError(f"{event['type']} is not one of schema version {at}: {error!r}") from error
    return _encoder.encode(event) + b"\n"


def _start(kind: str) -> bytes:
    """Return how a line of an event type begins: the encoder writes the type first."""
    return f'{{"type":"{kind}",'.encode()
