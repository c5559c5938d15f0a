"""A run's plan in the terminal: its parts in order, with their steps and contests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from learning.plan.parts import Evaluate, Part, Simulate


def part_lines(parts: Iterable[Part]) -> Iterator[str]:
    """Yield a line for each part; the first column has the numbers of its steps, by which a fork names them."""
    held = 0
    for part in parts:
        if not isinstance(part, Simulate | Evaluate):
            yield f"{'':>11}   {part.doing}"
            continue
        first, held = held + 1, held + part.steps
        steps = f"step {first}" if first == held else f"steps {first}-{held}"
        count = len(part.anchors)
        yield f"{steps:>11}   {part.doing}, {count:,} contest{'s' if count > 1 else ''}"
