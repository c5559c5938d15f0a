"""Populations: who the people are."""

from populations.errors import InputError, MolochError
from populations.personas import Persona, make_persona
from populations.sources import PersonaSplit, load_personas, read_personas, take
from populations.traits import TRAITS, trait_matrix, traits

__all__ = [
    "TRAITS",
    "InputError",
    "MolochError",
    "Persona",
    "PersonaSplit",
    "load_personas",
    "make_persona",
    "read_personas",
    "take",
    "trait_matrix",
    "traits",
]
