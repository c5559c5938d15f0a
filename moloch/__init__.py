"""Moloch: population studies of what happens when language models compete for an audience.

Names are imported when they are first used: ``import moloch`` itself loads nothing heavy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moloch.lazy import door

if TYPE_CHECKING:
    from learning import LiveRun, Run, RunConfig, fork, run
    from moloch.errors import InputError, MolochError

_HOMES = {
    "InputError": "moloch.errors",
    "LiveRun": "learning",
    "MolochError": "moloch.errors",
    "Run": "learning",
    "RunConfig": "learning",
    "fork": "learning",
    "run": "learning",
}

__all__ = ["InputError", "LiveRun", "MolochError", "Run", "RunConfig", "fork", "run"]

__getattr__, __dir__ = door(__name__, _HOMES)
