"""Populations: who the people are."""

from populations.errors import InputError, MolochError
from populations.personas import Persona, PersonaSplit, load_personas, make_persona, read_personas
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
    "trait_matrix",
    "traits",
]
