"""Examples as tokens: what of a training set fits, and in which passes. Knows tokens; knows nothing of models or logs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

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
"""The rows of one contest: its trajectories, then rejected messages, then thoughts. A unit is never split over steps, so
that steps count contests."""

_ORDER: tuple[RowKind, ...] = ("trajectory", "rejected", "thought")


class Examples(msgspec.Struct, frozen=True):
    """What a trainer can learn from.

    Attributes:
        units: one per contest whose messages fit.
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
    """Return the rows of ``data`` that have at most ``max_length`` tokens, by contest; nothing is ever cut.

    A contest with an over-long message, or without any trajectory, is left out whole; an over-long thought alone.
    """
    contests: dict[str, list[Row]] = {}
    for row in sorted(data.rows, key=lambda row: _ORDER.index(row.kind)):
        contests.setdefault(row.contest, []).append(row)
    units: list[Unit] = []
    over_long = orphaned = 0
    for rows in contests.values():
        encoded = [encode(row, tokenizer) for row in rows]
        fitting = [row for row in encoded if len(row.ids) <= max_length]
        over_long += len(encoded) - len(fitting)
        messages = [row for row in encoded if row.kind != "thought"]
        if encoded[0].trajectory and all(len(row.ids) <= max_length for row in messages):
            units.append(fitting)
        else:
            orphaned += len(fitting)
    return Examples(units, over_long, orphaned)


def passes(rows: Sequence[Example], tokens: int, *, packed: bool = False) -> Iterator[list[Example]]:
    """Yield the rows in groups of like length, each of at most ``tokens`` (or a single row).

    Args:
        packed: rows of a group follow one another; otherwise all are padded to the longest, and padding counts.
    """
    group: list[Example] = []
    held = 0
    for row in sorted(rows, key=lambda row: len(row.ids)):
        held = held + len(row.ids) if packed else len(row.ids) * (len(group) + 1)
        if group and held > tokens:
            yield group
            group, held = [], len(row.ids)
        group.append(row)
    if group:
        yield group
