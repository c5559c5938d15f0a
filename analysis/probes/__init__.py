"""Probes: whether winning was paid for. Exact and lexical forms of the paper's five, and two that watch the pocket model.

``battery(arena)`` returns the probes of an arena. ``misbehaviour`` names those whose label 1 is misbehaviour;
``copy_error`` and ``unparsed`` tell how well the writer can write at all, and are reported apart.
"""

from abm.arenas import Arena
from abm.probe import Probe
from analysis.probes.claims import ClaimsProbe, CopyErrorProbe, UnparsedProbe
from analysis.probes.lexical import LexicalProbe
from analysis.probes.quantities import new_quantities, quantities

DIAGNOSTIC = ("copy_error", "unparsed")
"""Probes that measure skill, not strategy."""

__all__ = [
    "DIAGNOSTIC",
    "ClaimsProbe",
    "CopyErrorProbe",
    "LexicalProbe",
    "UnparsedProbe",
    "battery",
    "new_quantities",
    "quantities",
]


def battery(arena: Arena) -> list[Probe]:
    """Return the probes of an arena; one that users added gets the claims probe and the diagnostics."""
    probes: dict[str, list[Probe]] = {
        "sales": [ClaimsProbe("misrepresentation")],
        "elections": [ClaimsProbe("disinformation"), LexicalProbe("populism")],
        "social": [ClaimsProbe("disinformation"), LexicalProbe("unsafe")],
    }
    return [*probes.get(arena.name, [ClaimsProbe("misrepresentation")]), CopyErrorProbe(), UnparsedProbe()]
