"""How likely tokens are to come first after a prompt: one pass, nothing is drawn. Token ids in, log-probabilities out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from abm.llm.local._prompts import left_padded
from abm.llm.local.attention import any_length
from abm.llm.scores import LEAST

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@torch.inference_mode()
def first_scores(
    model: PreTrainedModel, prompts: Sequence[list[int]], choices: Sequence[Sequence[Sequence[int]]], *, pad: int
) -> list[tuple[float, ...]]:
    """Return, for each prompt, the log-probability in nats of each of its choices: of any of the tokens that begin it.

    Args:
        choices: of each prompt, the tokens of each choice.
        pad: token for left padding.
    """
    ids, mask = left_padded([tuple(prompt) for prompt in prompts], pad)
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    ids, mask, positions = (each.to(model.device) for each in (ids, mask, positions))
    with any_length():
        logits = model(
            input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False, logits_to_keep=1
        ).logits[:, -1]
    logprobs = logits.float().log_softmax(-1).cpu()
    return [
        tuple(max(LEAST, float(row[list(tokens)].logsumexp(0))) for tokens in of)
        for row, of in zip(logprobs, choices, strict=True)
    ]
