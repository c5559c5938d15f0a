"""How an adapter is learnt: the settings of the LoRA trainer and their presets. Imports nothing heavy."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from abm.errors import InputError


class LoraSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an adapter is learnt.

    Attributes:
        repeat: passes over the training set (the paper repeats its winners three times).
        batch: trajectories per optimiser step.
        warmup: share of the steps; then a cosine down to ``final_lr`` times ``lr``.
        max_length: tokens of prompt and completion together; longer examples are refused and counted.
        tfb_lambda, thoughts_per_contest: see :func:`learning.training_set`.
        precision: ``bf16`` computes in bfloat16 and keeps weights in float32.
    """

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.05
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    lr: float = 2e-4
    final_lr: float = 0.1
    warmup: float = 0.03
    batch: int = 16
    repeat: int = 3
    max_length: int = 4096
    tfb_lambda: float = 1.0
    thoughts_per_contest: int = 4
    precision: Literal["float32", "bf16"] = "bf16"


PRESETS = {
    "paper": LoraSettings(),
    # A tiny model wants a larger rate; one thought a contest keeps the default run inside three minutes.
    "pocket": LoraSettings(lr=3e-3, max_length=2048, thoughts_per_contest=1),
}
"""``paper``: El & Zou, arXiv 2510.06105, appendix; ``pocket``: for the embedded model."""


def lora_settings(preset: str, changes: dict[str, Any]) -> LoraSettings:
    """Return a preset's settings with ``changes``.

    Raises:
        InputError: an unknown setting, or a value of the wrong type.
    """
    values = msgspec.to_builtins(PRESETS[preset]) | changes
    try:
        return msgspec.convert(values, LoraSettings)
    except msgspec.ValidationError as error:
        names = ", ".join(LoraSettings.__struct_fields__)
        raise InputError("setting 'lora' is not valid", why=str(error), mend=f"Its settings are {names}.") from error
