"""Examples as tokens: what of a training set fits, and in which passes. Knows tokens; knows nothing of models or logs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from learning.methods.sets import Row, TrainingSet


class Example(msgspec.Struct, frozen=True):
    """One row as tokens; those from ``start`` on carry loss."""

    ids: list[int]
    start: int
    weight: float
    trajectory: bool

    @property
    def learnt(self) -> int:
        """Tokens that carry loss."""
        return len(self.ids) - self.start


Unit = list[Example]
"""A trajectory, first, and the thoughts about its contest: never parted, so that steps count trajectories."""


class Examples(msgspec.Struct, frozen=True):
    """What a trainer can learn from.

    Attributes:
        units: one per contest whose trajectory fits.
        over_long: rows longer than the limit.
        orphaned: thoughts left out because their contest's trajectory is over-long.
    """

    units: list[Unit]
    over_long: int
    orphaned: int

    @property
    def trajectories(self) -> list[Example]:
        """The first example of each unit."""
        return [unit[0] for unit in self.units]


def encode(row: Row, tokenizer: Any) -> Example:
    """Return a row's tokens: the chat template applied once, as in generation, then the completion and the end token."""
    prompt = tokenizer.apply_chat_template(row.prompt, tokenize=False, add_generation_prompt=True)
    head = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    tail = tokenizer(row.completion, add_special_tokens=False)["input_ids"]
    return Example([*head, *tail, tokenizer.eos_token_id], len(head), row.weight, row.kind == "trajectory")


def examples(data: TrainingSet, tokenizer: Any, max_length: int) -> Examples:
    """Return the rows of ``data`` that have at most ``max_length`` tokens, by contest; nothing is ever cut."""
    units: dict[str, Unit] = {}
    over_long = orphaned = 0
    for row in sorted(data.rows, key=lambda row: row.kind == "thought"):
        example = encode(row, tokenizer)
        if len(example.ids) > max_length:
            over_long += 1
        elif example.trajectory:
            units[row.contest] = [example]
        elif row.contest in units:
            units[row.contest].append(example)
        else:
            orphaned += 1
    return Examples(list(units.values()), over_long, orphaned)


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
