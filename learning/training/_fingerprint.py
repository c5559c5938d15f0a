"""What an engine must compute with an adapter: log-probabilities of a text, from the hands that made it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abm.llm.fingerprint import Fingerprint
from learning.training.examples import Example

if TYPE_CHECKING:
    from peft import PeftModel

AROUND = 64
"""Tokens on either side of the place where a completion begins."""


def piece(example: Example) -> list[int]:
    """Return the tokens around the beginning of a learnt completion: there the adapter changes most."""
    return example.ids[max(0, example.start - AROUND) : example.start + AROUND]


def measure(model: PeftModel, tokens: list[int], before: list[float]) -> Fingerprint:
    """Return how likely ``tokens`` are with the adapter and without, in two short forward passes.

    Args:
        before: how likely they were with the adapter's parent; empty without one.
    """
    adapted = logprobs(model, tokens)
    with model.disable_adapter():
        return Fingerprint(tokens=tokens, adapted=adapted, base=logprobs(model, tokens), before=before)


def logprobs(model: PeftModel, tokens: list[int]) -> list[float]:
    """Return the log-probability of each token but the first, in nats."""
    import torch

    model.eval()
    ids = torch.tensor([tokens], device=model.device)
    with torch.inference_mode():
        logits = model.get_base_model()(input_ids=ids, use_cache=False).logits[0, :-1].float()
    chosen = logits.log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]
    return [round(value, 6) for value in chosen.tolist()]
