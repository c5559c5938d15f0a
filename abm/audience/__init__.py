"""Audiences: members who are shown messages and react."""

from abm.audience.choice import ChoiceModel, audience, perturbed
from abm.audience.features import Feature, feature_matrix, feature_names, features
from abm.audience.port import Audience, Reactions, Voters, orders

__all__ = [
    "Audience",
    "ChoiceModel",
    "Feature",
    "Reactions",
    "Voters",
    "audience",
    "feature_matrix",
    "feature_names",
    "features",
    "orders",
    "perturbed",
]
