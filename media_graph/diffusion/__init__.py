"""Documented baselines of diffusion and opinions on the same graphs; see docs/diffusion.md."""

from media_graph.diffusion.opinions import Deffuant, FriedkinJohnsen, HegselmannKrause, Opinions
from media_graph.diffusion.spreading import SI, SIR, IndependentCascade, LinearThreshold, Spreading

__all__ = [
    "SI", "SIR", "Deffuant", "FriedkinJohnsen", "HegselmannKrause", "IndependentCascade", "LinearThreshold", "Opinions",
    "Spreading",
]  # fmt: skip
