"""What happens: anchors and arenas, events and their log, state, worlds, audiences and language models.

The names that scripts use most, imported when they are first used; each room's own door has the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moloch.lazy import door

if TYPE_CHECKING:
    from abm.arenas import ARENAS, Arena, arena
    from abm.audience import AUDIENCES, Audience, ChoiceModel
    from abm.llm import LLM
    from abm.log import EventLog, create, open_log, read_events, verify
    from abm.probe import PROBES, Probe, Verdict
    from abm.state import State, fold
    from abm.views import ReplayModel
    from abm.worlds import COMPETITORS, MEMBERS, Competitor, IsolatedModel, Member, Model, NetworkedModel

_HOMES = {
    "ARENAS": "abm.arenas",
    "AUDIENCES": "abm.audience",
    "Arena": "abm.arenas",
    "Audience": "abm.audience",
    "COMPETITORS": "abm.worlds",
    "ChoiceModel": "abm.audience",
    "Competitor": "abm.worlds",
    "EventLog": "abm.log",
    "IsolatedModel": "abm.worlds",
    "LLM": "abm.llm",
    "MEMBERS": "abm.worlds",
    "Member": "abm.worlds",
    "Model": "abm.worlds",
    "NetworkedModel": "abm.worlds",
    "PROBES": "abm.probe",
    "Probe": "abm.probe",
    "ReplayModel": "abm.views",
    "State": "abm.state",
    "Verdict": "abm.probe",
    "arena": "abm.arenas",
    "create": "abm.log",
    "fold": "abm.state",
    "open_log": "abm.log",
    "read_events": "abm.log",
    "verify": "abm.log",
}

__all__ = [
    "ARENAS",
    "AUDIENCES",
    "COMPETITORS",
    "LLM",
    "MEMBERS",
    "PROBES",
    "Arena",
    "Audience",
    "ChoiceModel",
    "Competitor",
    "EventLog",
    "IsolatedModel",
    "Member",
    "Model",
    "NetworkedModel",
    "Probe",
    "ReplayModel",
    "State",
    "Verdict",
    "arena",
    "create",
    "fold",
    "open_log",
    "read_events",
    "verify",
]

__getattr__, __dir__ = door(__name__, _HOMES)
