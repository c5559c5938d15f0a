"""The worlds in which contests are held: the isolated one of the paper, and the networked one.

A world is a Mesa model. ``Member`` and ``Competitor`` are its agents; your own classes are registered in ``MEMBERS`` and
``COMPETITORS``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moloch.lazy import door

if TYPE_CHECKING:
    from abm.worlds.agents import Competitor, Member, NamedPolicy
    from abm.worlds.baselines import record
    from abm.worlds.isolated import IsolatedModel
    from abm.worlds.model import Model, Society, Stage
    from abm.worlds.networked.readers import Reader
    from abm.worlds.networked.settings import NetworkConfig
    from abm.worlds.networked.world import NetworkedModel
    from abm.worlds.offers import Assignment, Offer
    from abm.worlds.roles import COMPETITORS, MEMBERS

_HOMES = {
    "Assignment": "abm.worlds.offers",
    "COMPETITORS": "abm.worlds.roles",
    "Competitor": "abm.worlds.agents",
    "IsolatedModel": "abm.worlds.isolated",
    "MEMBERS": "abm.worlds.roles",
    "Member": "abm.worlds.agents",
    "Model": "abm.worlds.model",
    "NetworkConfig": "abm.worlds.networked.settings",
    "NetworkedModel": "abm.worlds.networked.world",
    "Offer": "abm.worlds.offers",
    "Reader": "abm.worlds.networked.readers",
    "Society": "abm.worlds.model",
    "Stage": "abm.worlds.model",
    "NamedPolicy": "abm.worlds.agents",
    "record": "abm.worlds.baselines",
}

__all__ = [
    "COMPETITORS",
    "MEMBERS",
    "Assignment",
    "Competitor",
    "IsolatedModel",
    "Member",
    "Model",
    "NamedPolicy",
    "NetworkConfig",
    "NetworkedModel",
    "Offer",
    "Reader",
    "Society",
    "Stage",
    "record",
]

__getattr__, __dir__ = door(__name__, _HOMES)
