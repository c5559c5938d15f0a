"""Examples as tokens: what of a training set fits, and in which passes. Knows tokens; knows nothing of models or logs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import msgspec

from abm.llm.beginnings import common
from learning.methods import Row, RowKind, TrainingSet


class Example(msgspec.Struct, frozen=True):
    """One row as tokens; those from ``start`` on carry loss."""

    ids: list[int]
    start: int
    weight: float = 1.0
    kind: RowKind = "trajectory"

    @property
    def trajectory(self) -> bool:
        """Whether it is a message to learn."""
        return self.kind == "trajectory"

    @property
    def learnt(self) -> int:
        """Tokens that carry loss."""
        return len(self.ids) - self.start


Unit = list[Example]
"""The rows of one contest: its trajectories, then rejected messages, then thoughts; or one row that is learnt by itself. A unit is
never split over steps, so that steps count contests, or such rows."""

_ORDER: tuple[RowKind, ...] = ("trajectory", "rejected", "thought")


class Examples(msgspec.Struct, frozen=True):
    """What a trainer can learn from.

    Attributes:
        units: one per contest whose messages fit, or one per row that fits where rows are learnt by themselves.
        over_long: rows longer than the limit.
        orphaned: rows that fit, left out because a message of their contest is over-long.
    """

    units: list[Unit]
    over_long: int
    orphaned: int

    @property
    def trajectories(self) -> list[Example]:
        """The messages to learn."""
        return [row for unit in self.units for row in unit if row.trajectory]


def encode(row: Row, tokenizer: Any) -> Example:
    """Return a row's tokens: the chat template applied once, as in generation, then the completion and the end token.

    A completion that did not end by itself has no end token: where it was cut off is not to be learnt.
    """
    prompt = tokenizer.apply_chat_template(row.prompt, tokenize=False, add_generation_prompt=True)
    head = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    tail = tokenizer(row.completion, add_special_tokens=False)["input_ids"]
    end = [tokenizer.eos_token_id] if row.ended else []
    return Example([*head, *tail, *end], len(head), row.weight, row.kind)


def examples(data: TrainingSet, tokenizer: Any, max_length: int) -> Examples:
    """Return the rows of ``data`` that have at most ``max_length`` tokens, by contest; nothing is ever cut. See :func:`in_units`."""
    return in_units(data, lambda row: encode(row, tokenizer), max_length)


def in_units(data: TrainingSet, encoded: Callable[[Row], Example], max_length: int) -> Examples:
    """Return the rows of ``data`` that have at most ``max_length`` tokens, by contest.

    A contest with an over-long message, or without any trajectory, is left out whole; an over-long thought alone. Of rows
    that are learnt by themselves (``data.apart``), only over-long ones are left out.

    Args:
        encoded: returns a row as a trainer takes it.
    """
    if data.apart:
        single = [encoded(row) for row in data.rows]
        fits = [[row] for row in single if len(row.ids) <= max_length]
        return Examples(fits, len(single) - len(fits), 0)
    contests: dict[str, list[Row]] = {}
    for row in sorted(data.rows, key=lambda row: _ORDER.index(row.kind)):
        contests.setdefault(row.contest, []).append(row)
    units: list[Unit] = []
    over_long = orphaned = 0
    for rows in contests.values():
        made = [encoded(row) for row in rows]
        fitting = [row for row in made if len(row.ids) <= max_length]
        over_long += len(made) - len(fitting)
        messages = [row for row in made if row.kind != "thought"]
        if made[0].trajectory and all(len(row.ids) <= max_length for row in messages):
            units.append(fitting)
        else:
            orphaned += len(fitting)
    return Examples(units, over_long, orphaned)


Layout = Literal["padded", "packed", "shared"]
"""How rows share a pass: below one another, behind one another, or below one another behind what all of their prompts
begin with, which is computed once."""

ALIKE = 32
"""Tokens with which prompts begin alike, for their rows to share a pass and a beginning."""


def beginning(rows: Sequence[Example]) -> int:
    """Return how many tokens the prompts of several rows have in common: as many as each can spare, or none if they are few."""
    shared = min(common([row.ids for row in rows]), min(row.start for row in rows) - 1)
    return shared if len(rows) > 1 and shared >= ALIKE else 0


def passes(rows: Sequence[Example], tokens: int, layout: Layout = "padded") -> Iterator[list[Example]]:
    """Yield the rows in groups of like length, each of at most ``tokens`` (or a single row).

    Packed rows follow one another. Others are padded to the longest, and padding counts. Those that share a beginning come
    from prompts that begin alike, and it counts once.
    """
    if layout == "shared":
        alike: dict[tuple[int, ...], list[Example]] = {}
        for row in rows:
            alike.setdefault(tuple(row.ids[: min(ALIKE, row.start - 1)]), []).append(row)
        for group in alike.values():
            yield from _passes(group, tokens, beginning(group), packed=False)
    else:
        yield from _passes(rows, tokens, 0, packed=layout == "packed")


def _passes(rows: Sequence[Example], tokens: int, head: int, *, packed: bool) -> Iterator[list[Example]]:
    """Yield rows in groups; the first ``head`` tokens of each count once in a group."""
    group: list[Example] = []
    held = head
    for row in sorted(rows, key=lambda row: len(row.ids)):
        own = len(row.ids) - head
        held = held + own if packed else head + own * (len(group) + 1)
        if group and held > tokens:
            yield group
            group, held = [], head + own
        group.append(row)
    if group:
        yield group
