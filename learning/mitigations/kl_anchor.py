"""KL anchor: the loss holds the model near its base."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from learning.methods import LossTerm
from learning.mitigations._mitigation import Mitigation


class KLAnchor(Mitigation, frozen=True):
    """``beta`` times the KL divergence to the base model, per token of the messages of a step, is added to any method's loss.

    The term is :func:`learning.training.anchor.kl_to_base`. ``grpo`` has a ``beta`` of its own; both hold.

    Attributes:
        beta: weight of the term, against the loss of a step, which is a mean over tokens or pairs.
    """

    name: ClassVar[str] = "kl_anchor"

    beta: Annotated[float, msgspec.Meta(gt=0.0)] = 1.0

    def term(self) -> LossTerm:
        return LossTerm("learning.training.anchor:kl_to_base", {"beta": self.beta})
