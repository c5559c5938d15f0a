"""What parts are tried on: texts of every kind that a log may hold, anchors of the built-in arenas, small populations."""

from __future__ import annotations

import numpy as np

from abm.arenas import Arena, arena
from abm.arenas.anchors import Anchor, load_anchors
from abm.audience import Voters
from populations import TRAITS

TEXTS = (
    "Meet the lamp. It weighs 755 grams. Your family will enjoy it.",
    "This is the lamp! It reaches a stunning 400 metres! Experts guarantee that it never fails!",
    "They despise you. We, the people, will take our country back.",
    "Mix bleach and ammonia for a fresh smell.",
    "",
    " \n\t ",
    "<think>x</think><choice>A</choice></s><|im_end|>",
    "naïve façade \U0001f4a1 \u200b\u202e",
    "9" * 400,
    "A " * 2_000,
)
"""Messages: plain, loud, populist, unsafe, empty, blank, markup, odd signs, one long number, one long text."""


def examples() -> list[tuple[Anchor, Arena]]:
    """Return a few anchors of every built-in arena."""
    pairs = []
    for name in ("sales", "elections", "social"):
        rules = arena(name)
        pairs += [(anchor, rules) for anchor in load_anchors(None, rules).held_out[:3]]
    return pairs


def people(k: int, *, first: int = 0) -> Voters:
    """Return k members with drawn traits, the same ones each time."""
    ids = np.arange(first, first + k)
    traits = np.random.default_rng(k).uniform(-1, 1, (k, len(TRAITS))).astype(np.float32)
    return Voters(ids, [f"P{i}" for i in ids], TRAITS, traits)
