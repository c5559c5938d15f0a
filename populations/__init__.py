"""Populations: who the people are."""

from moloch.errors import InputError, MolochError
from populations._traits import TRAITS, trait_matrix, traits
from populations.draws import draw_independent, draw_joint, synthetic_personas
from populations.mapping import SurveyMapping, read_mapping
from populations.personas import Persona, make_attributed, make_persona
from populations.raking import Raked, rake, resample
from populations.sides import PersonaSplit, load_personas, take
from populations.sources import read_personas
from populations.splits import stratified_split

__all__ = [
    "TRAITS", "InputError", "MolochError", "Persona", "PersonaSplit", "Raked", "SurveyMapping", "draw_independent",
    "draw_joint", "load_personas", "make_attributed", "make_persona", "rake", "read_mapping", "read_personas", "resample",
    "stratified_split", "synthetic_personas", "take", "trait_matrix", "traits",
]  # fmt: skip


def __dir__() -> list[str]:
    return sorted(__all__)
