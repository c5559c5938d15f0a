"""Surrogate audiences: fitted on logged votes, held against others, watched where they are used."""

from analysis.surrogate.assessing import Assessment, Bin, Block, as_dict, assess, surrogate_of
from analysis.surrogate.extrapolation import Extrapolation, extrapolation, extrapolation_lines

__all__ = [
    "Assessment",
    "Bin",
    "Block",
    "Extrapolation",
    "as_dict",
    "assess",
    "extrapolation",
    "extrapolation_lines",
    "surrogate_of",
]
