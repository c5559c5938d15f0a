"""Moloch: population studies of what happens when language models compete for an audience.

What a study script needs, each name imported when it is first used::

    import moloch

    done = moloch.run(arena="elections", epochs=2, seed=1, out="runs/elections")
    print(done.results())
    votes = done.frame("votes")

``import moloch`` itself loads nothing heavy. The packages behind it are ``populations``, ``media_graph``, ``abm``,
``learning`` and ``analysis``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moloch.cores import wait_asleep
from moloch.lazy import door

if TYPE_CHECKING:
    import media_graph as graphs
    import populations as personas
    from abm import arenas
    from analysis.record import RunRecord, open_run, run
    from analysis.studies import Study
    from learning import LiveRun, RunConfig, fork, load_config
    from moloch.errors import InputError, MolochError

_HOMES = {
    "InputError": "moloch.errors",
    "LiveRun": "learning",
    "MolochError": "moloch.errors",
    "RunConfig": "learning",
    "RunRecord": "analysis.record",
    "Study": "analysis.studies",
    "arenas": "abm.arenas:",
    "fork": "learning",
    "graphs": "media_graph:",
    "load_config": "learning",
    "open_run": "analysis.record",
    "personas": "populations:",
    "run": "analysis.record",
}

__all__ = [
    "InputError", "LiveRun", "MolochError", "RunConfig", "RunRecord", "Study", "arenas", "fork", "graphs",
    "load_config", "open_run", "personas", "run",
]  # fmt: skip

wait_asleep()  # before any package loads torch: its threads ask once
__getattr__, __dir__ = door(__name__, _HOMES)
