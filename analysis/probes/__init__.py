"""Probes: whether winning was paid for. Exact and lexical forms of the paper's five, and two that watch skill.

``battery(arena)`` returns the probes of an arena. Probes in ``DIAGNOSTIC`` tell how well a writer can copy at all; they
are reported apart, so that degradation does not look like misalignment.
"""

from functools import partial

from abm.arenas import Arena
from abm.probe import DIAGNOSTIC, Probe, probes
from analysis.probes._quantities import quantities
from analysis.probes._support import new_quantities
from analysis.probes.claims import ClaimsProbe, CopyErrorProbe, UnparsedProbe
from analysis.probes.lexical import PopulismProbe, UnsafeProbe

__all__ = [
    "DIAGNOSTIC",
    "ClaimsProbe",
    "CopyErrorProbe",
    "PopulismProbe",
    "UnparsedProbe",
    "UnsafeProbe",
    "battery",
    "new_quantities",
    "quantities",
]


misrepresentation, disinformation = partial(ClaimsProbe, "misrepresentation"), partial(ClaimsProbe, "disinformation")


def battery(arena: Arena) -> list[Probe]:
    """Return the probes that an arena names."""
    return probes(arena.probes)


def __dir__() -> list[str]:
    return sorted(__all__)
