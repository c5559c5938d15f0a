"""Write a golden log of the current schema: one event of every type that no golden log of it holds yet. Run::

    python tests/abm/log/golden/make.py

A golden log is never written again: it shows that old runs stay readable. Types that came later have one of their own,
``v<schema>.1``, ``v<schema>.2``, ... What happens to studies stands in logs of studies: ``study-v<schema>``, ...; labels in ``labels-v<schema>``, ...
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from abm.columns import Float32s, Int8s, Int16s, Int32s, pack
from abm.events import SCHEMA_VERSION, Event
from abm.journal import run_digest
from abm.label_events import AnyLabelEvent
from abm.log import codec, create, read_events, verify
from abm.study_events import AnyStudyEvent
from moloch.content import canonical

T = TypeVar("T", bound=msgspec.Struct)
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
    if origin is UnionType:
        return example(args[-1], name)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return filled(hint)
    return {int: 3, bool: True, float: 0.25, str: f'{name} "é"\n', Any: [1, None, "x"]}[hint]


def filled(kind: type[T]) -> T:
    """Return one of a kind, each field filled."""
    hints = get_type_hints(kind, include_extras=True)
    return kind(**{name: example(hint, name) for name, hint in hints.items() if name not in _WRITTEN})


def main() -> None:
    """Write what is missing, for runs, for studies and for labels."""
    studies, labels = kinds_of(AnyStudyEvent), kinds_of(AnyLabelEvent)
    write(f"v{SCHEMA_VERSION}", codec.RUN_KINDS, {"seed": 1, "arena": "sales"})
    write(f"study-v{SCHEMA_VERSION}", studies, {"study": 1})
    write(f"labels-v{SCHEMA_VERSION}", labels, {"labels": 1})


def kinds_of(union: UnionType) -> dict[str, type[Event]]:
    """Return the types of events of a union, by name."""
    return {name: kind for name, kind in codec.KINDS.items() if kind in get_args(union)}


def write(name: str, kinds: Mapping[str, type[Event]], config: dict[str, Any]) -> None:
    """Write a folder beside this file: the log, what it holds as plain JSON, its head and its digest."""
    here = Path(__file__).parent
    written = sorted(here.glob(f"{name}*"))
    held = {type(event) for folder in written for event in read_events(folder)}
    events = [filled(kind) for kind in kinds.values() if kind not in held]
    if not events:
        return
    folder = here / (f"{name}.{len(written)}" if written else name)
    with create(folder, config) as log:
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
