"""How an adapter is learnt: the settings of LoRA and of its optimiser, and their presets. Data only, no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from abm.llm.folders import POCKET
from moloch.errors import InputError

Count = Annotated[int, msgspec.Meta(ge=1)]
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Positive = Annotated[float, msgspec.Meta(gt=0.0)]


class LoraSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an adapter is learnt."""

    rank: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 16
    """Rank of the adapter's matrices."""
    alpha: Count = 32
    """Scale of the adapter: its products count ``alpha / rank``."""
    dropout: Annotated[float, msgspec.Meta(ge=0.0, lt=1.0)] = 0.05
    """Share of the adapter's inputs that are dropped in training."""
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    """Names of the layers that get an adapter."""
    lr: Positive = 2e-4
    """Learning rate. It rises over ``warmup`` of the steps, then falls on a cosine to ``final_lr * lr``."""
    final_lr: Share = 0.1
    """Learning rate at the end, as a share of ``lr``."""
    warmup: Share = 0.03
    """Share of the steps over which the learning rate rises."""
    batch: Annotated[Count, msgspec.Meta(extra_json_schema={"unit": "trajectories"})] = 16
    """Trajectories of one optimiser step."""
    repeat: Annotated[Count, msgspec.Meta(extra_json_schema={"unit": "times"})] = 3
    """How often the training set is repeated before it is shuffled; the paper repeats its winners three times."""
    max_length: Annotated[Count, msgspec.Meta(extra_json_schema={"unit": "tokens"})] = 4096
    """Longest example, prompt and completion together; longer ones are refused and counted."""
    tfb_lambda: Annotated[float, msgspec.Meta(ge=0.0)] = 1.0
    """Of ``tfb``: weight of learning the voters' thoughts, beside 1 for the winning message. Recorded with every adapter."""
    thoughts_per_contest: Annotated[Count, msgspec.Meta(extra_json_schema={"unit": "thoughts"})] = 4
    """Of ``tfb``: thoughts of a contest that are learnt from. Recorded with every adapter."""
    precision: Literal["float32", "bf16"] = "bf16"
    """Numbers of the frozen base model, and with it of all products; the adapter's weights are always float32."""
    tokens_per_pass: Annotated[Count, msgspec.Meta(extra_json_schema={"unit": "tokens"})] = 16384
    """Tokens of one forward and backward pass, padding included; bounds memory, and changes only rounding."""
    checkpointing: bool | Literal["auto"] = True
    """Recompute activations in the backward pass: less memory, about a third more time. ``auto``: on a GPU where they would not
    fit, on a CPU for all but small models."""
    attention: Literal["auto", "sdpa", "flash_attention_2", "eager"] = "auto"
    """``auto`` is FlashAttention 2 where it is installed, on a GPU in bf16, else what transformers take (nearly always
    ``sdpa``). Changes only rounding."""
    quantize: Literal["none", "4bit"] = "none"
    """``4bit`` keeps the frozen base model in NF4 (QLoRA): a quarter of the memory, and other losses."""
    processes: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=64)], msgspec.Meta(extra_json_schema={"unit": "processes"})
    ] = 1
    """Processes with a GPU each, which share the rows of a step; changes only rounding, and the draws of dropout."""
    options: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    """Settings of other methods, by name."""
    threads: Annotated[Count | msgspec.UnsetType, msgspec.Meta(extra_json_schema={"unit": "threads"})] = msgspec.UNSET
    """CPU threads. By default those of the run (``threads``). Changes only rounding."""
    shared: bool | msgspec.UnsetType = msgspec.UNSET
    """Compute what the prompts of a pass begin with once, not once per row; activations are then kept, whatever the preset says
    of ``checkpointing``. Changes only rounding, and the draws of dropout."""

    @property
    def shares(self) -> bool:
        """Whether beginnings are shared."""
        return self.shared is True

    @property
    def for_methods(self) -> dict[str, Any]:
        """What methods take; each takes its own (:meth:`learning.methods.Method.configured`)."""
        own = {"tfb_lambda": self.tfb_lambda, "thoughts_per_contest": self.thoughts_per_contest}
        return own if self.options is msgspec.UNSET else own | self.options


_PAPER = LoraSettings()
# Two typical rows a pass: as fast as more, and 80 GB hold their activations, which saves computing them twice.
_ON_GPU = {"tokens_per_pass": 3072, "checkpointing": "auto"}

GENERAL = "general"

PRESETS = {
    "paper": _PAPER,
    # The paper's rates suit models of any size that were trained by others; passes are short, since a large vocabulary makes
    # logits the largest thing in memory.
    GENERAL: msgspec.structs.replace(_PAPER, **_ON_GPU),
    # Both models name their linear layers as the paper's list has them, and padding is masked or absent, so that Llama's
    # want of a padding token does not matter. Neither preset touches the chat template: thinking is part of what is learnt.
    "qwen3-8b": msgspec.structs.replace(_PAPER, **_ON_GPU),
    "llama-3.1-8b": msgspec.structs.replace(_PAPER, **_ON_GPU),
    # A tiny model wants a larger rate (docs/decisions/0006-pocket-lora.md); two passes, one thought a contest and no
    # dropout keep the default run inside three minutes on two cores.
    POCKET: LoraSettings(
        lr=3e-3,
        repeat=2,
        dropout=0.0,
        thoughts_per_contest=1,
        max_length=2048,
        precision="float32",
        tokens_per_pass=4096,
        checkpointing=False,
    ),
}
"""``paper``: El & Zou, arXiv 2510.06105, appendix; ``general``: its rates, for models of any kind; ``qwen3-8b`` and ``llama-3.1-8b``: the same for the paper's models on
GPUs, memory managed by itself; ``pocket``: for the embedded model."""


def preset_of(model: str) -> str:
    """Return the preset that a model is learnt with where none is named."""
    return POCKET if model == POCKET else GENERAL


def check_preset(preset: str | None, model: str) -> None:
    """Refuse the pocket model's rates for another model: they are fifteen times those that suit it, and ruin it.

    Raises:
        InputError: that is what is asked for.
    """
    if preset == POCKET and model != POCKET:
        raise InputError(
            "preset 'pocket' is for the pocket model",
            why=f"the model is {model!r}, and so large a learning rate ruins any other model",
            fix="Leave preset out, and it follows from the model; for another rate set lora.lr.",
        )


def lora_settings(preset: str, changes: Mapping[str, Any]) -> LoraSettings:
    """Return a preset's settings with ``changes``.

    Raises:
        InputError: an unknown preset or setting, or a value of the wrong type or out of range.
    """
    if preset not in PRESETS:
        raise InputError(f"unknown preset {preset!r}", fix=f"Choose one of {', '.join(PRESETS)}.")
    if not changes:
        return PRESETS[preset]
    names = LoraSettings.__struct_fields__
    try:
        settings = msgspec.convert(msgspec.to_builtins(PRESETS[preset]) | dict(changes), LoraSettings)
    except msgspec.ValidationError as error:
        raise InputError(
            "setting 'lora' is not valid",
            why=str(error),
            fix=f"Its settings are {', '.join(names)}; those of a learning method are lora.options.NAME.",
        ) from error
    if settings.shares and "checkpointing" in changes and settings.checkpointing is True:
        raise InputError(
            "setting 'lora.shared' is not valid",
            why="lora.shared keeps what prompts share for the backward pass, and lora.checkpointing: true would compute it again",
            fix="Leave one of them out.",
        )
    for name in () if settings.options is msgspec.UNSET else settings.options:
        if name in names:
            raise InputError(
                "setting 'lora.options' is not valid",
                why=f"{name!r} is a setting of lora itself",
                fix=f"Set lora.{name}.",
            )
    return settings
