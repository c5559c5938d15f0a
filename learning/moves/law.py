"""The law of a moves model: how probable each move is, about which anchor, with which adapter. Knows numbers; knows no text.

A policy is log-linear: moves are independent given the anchor, and move m is made with the probability

    p_m = sigmoid((logit(rate_m) + u_am + delta_m) / T)

where u_am ~ N(0, spread^2) is what anchor a does to it, the same for everybody who writes about the anchor; delta_m is what was learnt,
0 for the base model; and T is the temperature of sampling (0: the likelier of both).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from types import MappingProxyType

import msgspec
import numpy as np
from numpy.typing import NDArray

from abm.llm import stand_ins
from learning.moves.repertoire import MOVES, RATES, repertoire_digest
from moloch import keyed
from moloch.content import canonical, digest

Numbers = NDArray[np.float64]


class Law(msgspec.Struct, frozen=True, dict=True):
    """The law of one model.

    Attributes:
        name: of the model, as settings name it.
        spread: standard deviation of anchors' effects, in logits, 0 or more.
        rates: move -> probability at temperature 1 without an anchor's effect, between 0 and 1; by default that of the repertoire.
    """

    name: str
    spread: float = 0.0
    rates: Mapping[str, float] = msgspec.field(default_factory=dict)

    @cached_property
    def base(self) -> Numbers:
        """Logits of the moves without an adapter, shape (moves,)."""
        rates = np.array([(RATES | dict(self.rates))[move] for move in MOVES])
        return np.log(rates / (1 - rates))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything that decides what the model writes, its sentences included."""
        return digest(canonical([repertoire_digest(), self.spread, dict(sorted(self.rates.items())), self.name]))

    def anchor_effects(self, anchor: str) -> Numbers:
        """Return what an anchor does to the logits of the moves, shape (moves,).

        Args:
            anchor: its text, as prompts show it.
        """
        return self.spread * _standard_normals(self.name, anchor) if self.spread else np.zeros(len(MOVES))

    def logits(self, anchor: str, delta: Numbers | float = 0.0) -> Numbers:
        """Return the logits of the moves about an anchor, with what was learnt, shape (moves,)."""
        return self.base + self.anchor_effects(anchor) + delta


def probabilities(logits: Numbers, temperature: float = 1.0) -> Numbers:
    """Return the probabilities of moves, same shape; at temperature 0 they are 0 and 1."""
    scaled = logits / temperature if temperature else np.where(logits > 0, np.inf, -np.inf)
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-scaled))


@lru_cache(maxsize=4096)
def _standard_normals(name: str, anchor: str) -> Numbers:
    draws = keyed.generator("moves", name, "anchor", anchor).standard_normal(len(MOVES))
    draws.flags.writeable = False
    return draws


LAWS: Mapping[str, Law] = MappingProxyType(
    {name: Law(name, spread) for name, spread in zip(stand_ins.MOVES, (0.8, 0.0), strict=True)}
)
"""The models by name: ``moves``, whose habits differ from anchor to anchor, and ``moves-even``, whose do not."""
