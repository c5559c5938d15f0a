"""What an engine must compute with an adapter: log-probabilities of a text, from the hands that made it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abm.llm.sync import Recorded
from learning.examples import Example

if TYPE_CHECKING:
    from peft import PeftModel

AROUND = 64
"""Tokens on either side of the place where a completion begins."""


def measure(model: PeftModel, example: Example) -> Recorded:
    """Return how likely the tokens around the beginning of a learnt completion are, with the adapter and without.

    A piece of what was learnt, since there the adapter changes most; two short forward passes.
    """
    tokens = example.ids[max(0, example.start - AROUND) : example.start + AROUND]
    model.eval()
    adapted = _logprobs(model, tokens)
    with model.disable_adapter():
        return Recorded(tokens=tokens, adapted=adapted, base=_logprobs(model, tokens))


def _logprobs(model: PeftModel, tokens: list[int]) -> list[float]:
    """Return the log-probability of each token but the first, in nats."""
    import torch

    ids = torch.tensor([tokens], device=model.device)
    with torch.inference_mode():
        logits = model.get_base_model()(input_ids=ids, use_cache=False).logits[0, :-1].float()
    found = logits.log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]
    return [round(value, 6) for value in found.tolist()]
