"""What every part of a kind promises, as tests that the author of a part inherits.

Give the part as a fixture of the kind's name::

    import pytest
    from abm.conformance import ProbeConformance

    class TestLoud(ProbeConformance):
        @pytest.fixture
        def probe(self):
            return Loud()

Backends have theirs in ``abm.llm.conformance``, rankers and graph builders in ``media_graph.conformance``, methods in
``learning.methods.conformance``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moloch.lazy import door

if TYPE_CHECKING:
    from abm.conformance._arena import ArenaConformance
    from abm.conformance._audience import AudienceConformance
    from abm.conformance._probe import ProbeConformance
    from abm.conformance._reader import ReaderConformance

_HOMES = {
    "ArenaConformance": "abm.conformance._arena",
    "AudienceConformance": "abm.conformance._audience",
    "ProbeConformance": "abm.conformance._probe",
    "ReaderConformance": "abm.conformance._reader",
}

__all__ = ["ArenaConformance", "AudienceConformance", "ProbeConformance", "ReaderConformance"]

__getattr__, __dir__ = door(__name__, _HOMES)
