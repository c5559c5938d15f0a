"""Models that stand in for language models: what they write is evidence about none. Names only, so that a log can be read without them."""

from __future__ import annotations

from collections.abc import Iterable

from abm.llm.folders import POCKET

MOVES = ("moves", "moves-even")
"""The models of :mod:`learning.moves`."""


def stand_ins(models: Iterable[object]) -> list[str]:
    """Return what to call those among some models that stand in for language models, without repetition."""
    known = {POCKET: "the pocket model", **dict.fromkeys(MOVES, "the moves model, which is no language model,")}
    return list(dict.fromkeys(known[model] for model in models if isinstance(model, str) and model in known))
