"""What prompts begin with alike: read, or learnt from, once for all of them. Knows tokens, no model."""

from __future__ import annotations

from collections.abc import Sequence


def common(prompts: Sequence[Sequence[int]]) -> int:
    """Return how many tokens all prompts begin with alike."""
    tokens = [list(prompt) for prompt in prompts]
    first, last = min(tokens), max(tokens)  # in the order of a dictionary: all others lie between the two
    pairs = zip(first, last, strict=False)
    return next((place for place, (one, other) in enumerate(pairs) if one != other), min(len(first), len(last)))
