"""A baseline of diffusion, alone on a graph."""

from __future__ import annotations

from abm.columns import Float32s, Int8s, Int32s
from abm.events._event import Event


class StatesShifted(Event, frozen=True, kw_only=True, tag="states_shifted"):
    """Nodes changed their state under a diffusion model."""

    model: str
    t: int
    """Step of the model."""
    members: Int32s
    """Persona indices."""
    states: Int8s
    """The new ones, as the model numbers them."""


class ValuesShifted(Event, frozen=True, kw_only=True, tag="values_shifted"):
    """Nodes changed their opinion under an opinion model."""

    model: str
    t: int
    members: Int32s
    values: Float32s
    """The new ones."""
