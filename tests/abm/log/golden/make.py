"""Write a golden log of the current schema: one event of every type that no golden log of it holds yet. Run::

    python tests/abm/log/golden/make.py

A golden log is never written again: it shows that old runs stay readable. Types that came later have one of their own,
``v<schema>.1``, ``v<schema>.2``, ...
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from abm.columns import Float32s, Int8s, Int16s, Int32s, pack
from abm.events import SCHEMA_VERSION, Event
from abm.journal import run_digest
from abm.log import codec, create, read_events, verify
from moloch.content import canonical

_WRITTEN = {"seq", "at", "v"}  # by the log, or a default that stands for the schema


def example(hint: Any, name: str) -> Any:
    """Return a value of an annotation, different from any default."""
    if hint in (Int8s, Int16s, Int32s, Float32s):
        return pack([1, 2], hint)
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return args[-1]
    if origin is list:
        return [example(args[0], name), example(args[0], name)]
    if origin is dict:
        return {name: example(args[1], name)}
    return {int: 3, bool: True, float: 0.25, str: f'{name} "é"\n', Any: [1, None, "x"]}[hint]


def examples() -> list[Event]:
    """Return one event of every type, each field filled."""
    made = []
    for kind in codec.KINDS.values():
        hints = get_type_hints(kind, include_extras=True)
        made.append(kind(**{name: example(hint, name) for name, hint in hints.items() if name not in _WRITTEN}))
    return made


def main() -> None:
    """Write a folder beside this file: the run, what it holds as plain JSON, its head and its digest."""
    here = Path(__file__).parent
    written = sorted(here.glob(f"v{SCHEMA_VERSION}*"))
    held = {type(event) for folder in written for event in read_events(folder)}
    events = [event for event in examples() if type(event) not in held]
    if not events:
        return
    folder = here / (f"v{SCHEMA_VERSION}.{len(written)}" if written else f"v{SCHEMA_VERSION}")
    with create(folder, {"seed": 1, "arena": "sales"}) as log:
        log.append(events[:1])
        log.append(events[1:])
    (folder / "LOCK").unlink()
    found = list(read_events(folder))
    (folder / "events.jsonl").write_bytes(b"".join(canonical(event) + b"\n" for event in found))
    seq, head = verify(folder)
    (folder / "expected.json").write_bytes(
        msgspec.json.format(canonical({"seq": seq, "hash": head, "digest": run_digest(found)})) + b"\n"
    )


if __name__ == "__main__":
    main()
