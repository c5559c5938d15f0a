"""Documented baselines of diffusion and opinions on the same graphs; see docs/diffusion.md."""

from media_graph.diffusion.contagion import SI, SIR, IndependentCascade, LinearThreshold, Spreading
from media_graph.diffusion.opinions import Deffuant, FriedkinJohnsen, HegselmannKrause, Opinions

__all__ = [
    "SI", "SIR", "Deffuant", "FriedkinJohnsen", "HegselmannKrause", "IndependentCascade", "LinearThreshold", "Opinions",
    "Spreading",
]  # fmt: skip


def __dir__() -> list[str]:
    return sorted(__all__)
