"""Views of a log: a run as a Mesa model that is replayed, and what observers count of each step. Decide nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moloch.lazy import door

if TYPE_CHECKING:
    from abm.views.measures import Measures, last_choices, measure
    from abm.views.replay_model import ReplayModel
    from abm.views.voters import joined_voters

_HOMES = {
    "Measures": "abm.views.measures",
    "ReplayModel": "abm.views.replay_model",
    "joined_voters": "abm.views.voters",
    "last_choices": "abm.views.measures",
    "measure": "abm.views.measures",
}

__all__ = ["Measures", "ReplayModel", "joined_voters", "last_choices", "measure"]

__getattr__, __dir__ = door(__name__, _HOMES)
