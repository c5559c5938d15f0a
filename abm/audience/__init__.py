"""Audiences: members who are shown messages and react."""

from abm.audience.asked import AskedAudience, Ballot, Prepared
from abm.audience.choice import ChoiceModel, perturbed
from abm.audience.features import Feature, feature_matrix, feature_names, features
from abm.audience.mixed import Mixed, is_asked
from abm.audience.port import Audience, Chooser, Labels, Reactions, Voters, choices, orders
from abm.audience.sensitivity import Sensitivity, sensitivity
from abm.audience.support import Outside, Range, Support
from abm.audience.weights import audience

__all__ = [
    "AskedAudience",
    "Audience",
    "Ballot",
    "ChoiceModel",
    "Chooser",
    "Feature",
    "Labels",
    "Mixed",
    "Outside",
    "Prepared",
    "Range",
    "Reactions",
    "Sensitivity",
    "Support",
    "Voters",
    "audience",
    "choices",
    "feature_matrix",
    "feature_names",
    "features",
    "is_asked",
    "orders",
    "perturbed",
    "sensitivity",
]
