"""Audiences: members who are shown messages and react."""

from abm.audience._features import Feature, feature_matrix, feature_names, features, features_digest
from abm.audience._sensitivity import Sensitivity, sensitivity
from abm.audience.asked import AskedAudience, Ballot, Prepared
from abm.audience.choice import ChoiceModel, perturbed
from abm.audience.mixed import Mixed, is_asked
from abm.audience.port import Audience, Chooser, Labels, Reactions, Voters, choices, orders
from abm.audience.source import Informable, PartlyInformed, SourceFindings, SourceReaders, before_source, informed
from abm.audience.support import Range, Support
from abm.audience.weights import AUDIENCES, as_mapping, audience, audience_file, from_mapping, save_audience

__all__ = [
    "AUDIENCES",
    "AskedAudience",
    "Audience",
    "Ballot",
    "ChoiceModel",
    "Chooser",
    "Feature",
    "Informable",
    "Labels",
    "Mixed",
    "PartlyInformed",
    "Prepared",
    "Range",
    "Reactions",
    "Sensitivity",
    "SourceFindings",
    "SourceReaders",
    "Support",
    "Voters",
    "as_mapping",
    "audience",
    "audience_file",
    "before_source",
    "choices",
    "feature_matrix",
    "feature_names",
    "features",
    "features_digest",
    "from_mapping",
    "informed",
    "is_asked",
    "orders",
    "perturbed",
    "save_audience",
    "sensitivity",
]


def __dir__() -> list[str]:
    return sorted(__all__)
