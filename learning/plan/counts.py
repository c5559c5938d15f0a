"""What follows from a plan: where a step is in it, what is shared and what is to come, how much there is to do. Knows no settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import Any

from abm.events import Phase, Split, split_of
from learning.plan.parts import Evaluate, Part, Plan, Simulate


def total(parts: Iterable[Part]) -> int:
    """Return how many steps and trainings there are."""
    return sum(part.steps or 1 for part in parts)


def part_at(parts: Iterable[Part], done: int) -> Part | None:
    """Return the part that follows ``done`` steps and trainings; None at the plan's end."""
    for part in parts:
        done -= part.steps or 1
        if done < 0:
            return part
    return None


def begun(parts: Iterable[Part], steps: int) -> Plan:
    """Return the parts up to the one that holds step ``steps``, counted from 1: those that a fork after this step shares."""
    shared: list[Part] = []
    for part in parts:
        if steps <= 0:
            break
        shared.append(part)
        steps -= part.steps
    return tuple(shared)


def before_epoch(parts: Iterable[Part], epoch: int) -> Plan:
    """Return the parts before an epoch: those that a fork at this epoch shares."""
    return tuple(takewhile(lambda part: part.epoch < epoch, parts))


def to_come(parts: Iterable[Part], steps: int) -> Plan:
    """Return the parts that are not done when ``steps`` steps are, the one that is under way among them."""
    coming: list[Part] = []
    for part in parts:
        if part.steps > steps or (steps == 0 and not part.steps):
            coming.append(part)
        steps = max(0, steps - part.steps)
    return tuple(coming)


def contests(parts: Iterable[Part], split: Split, audience: str = "") -> int:
    """Return how many contests are held before the people of a side in an audience, by its name; empty: the run's own."""
    return sum(len(part.anchors) for part in held_before(parts, split, audience))


def held_before(parts: Iterable[Part], split: Split, audience: str = "") -> Iterator[Simulate | Evaluate]:
    """Yield the parts whose contests are held before the people of a side in an audience, by its name; empty: the run's own."""
    for part in parts:
        if isinstance(part, Simulate | Evaluate) and split_of(part.phase) == split and audience_of(part) == audience:
            yield part


def audience_of(part: Simulate | Evaluate) -> str:
    """Return which audience votes in a part; empty for the run's own."""
    return part.audience if isinstance(part, Evaluate) else ""


def messages(parts: Iterable[Part]) -> int:
    """Return how many messages are written. What one policy writes about one anchor in an epoch, all arms share."""
    return sum(messages_by(parts).values())


def messages_by(parts: Iterable[Part]) -> dict[str, int]:
    """Return competitor -> how many messages it writes; see :func:`messages`."""
    written: dict[tuple[Phase, str, int, str, int], int] = {}
    for part in parts:
        if isinstance(part, Simulate | Evaluate):
            drawn = zip(part.draws, part.writers, strict=True)
            place = part.phase, part.elsewhere, part.epoch
            written |= {(*place, writer.arm, draw): len(part.anchors) for draw, writer in drawn}
    by: dict[str, int] = {}
    for (*_, name, _), count in written.items():
        by[name] = by.get(name, 0) + count
    return by


def part_dicts(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """Return the parts as JSON-able mappings."""
    return [
        {
            "part": type(part).__name__.lower(),
            "epoch": part.epoch,
            "arm": part.arm,
            "steps": part.steps,
            "contests": len(part.anchors) if isinstance(part, Simulate | Evaluate) else 0,
            "doing": part.doing,
        }
        for part in parts
    ]
