"""Baselines in the log: a diffusion or opinion model of :mod:`media_graph.diffusion` as a run that can be replayed.

The graph's ties, every change of every step and each step's state hash are events like a study's own. Calling the same again
resumes a run that was cut: what the log holds is compared, the rest is added.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from abm.audience import Labels, Voters
from abm.columns import Float32s, Int8s, Int32s, pack
from abm.events import CrowdJoined, Event, RunConfigured, StatesShifted, StepEnded, StepStarted, ValuesShifted
from abm.journal import LiveJournal
from abm.log import Head, create, open_log
from abm.worlds.networked.graphs import joined_ties
from media_graph.diffusion import Opinions, Spreading
from moloch.errors import InputError


def record(model: Spreading | Opinions, out: Path | str, steps: int, settings: dict[str, Any] | None = None) -> Head:
    """Run ``model`` from its start, every change durable in the log at ``out``; return the log's head.

    Args:
        steps: of the model; one whose frontier dies out ends earlier.
        settings: what to keep in the log about how the model was made.

    Raises:
        InputError: the model has already taken steps, or ``out`` holds another run.
        NondeterminismError: the log at ``out`` is of another graph or other settings of the model.
    """
    if model.t:
        raise InputError("the model has already taken steps", fix="Give a new one.")
    folder = Path(out)
    config = {"baseline": model.name, "steps": steps, **(settings or {})}
    begun = (folder / "run.json").exists()
    with closing(open_log(folder, write=True) if begun else create(folder, config)) as log:
        if log.config != config:
            raise InputError("the folder holds another run", where=str(folder), fix="Give another one.")
        journal = LiveJournal(log)
        _set_up(journal, model, config)
        _step(journal, _first(model))
        for _ in range(steps):
            if isinstance(model, Spreading) and model.done:
                break
            _step(journal, _shifted(model, model.step()))
        return log.head()


def _set_up(journal: LiveJournal, model: Spreading | Opinions, config: dict[str, Any]) -> None:
    graph = model.follows if isinstance(model, Opinions) else model.reach.transposed()
    ids = np.arange(graph.n)
    voters = Voters(ids, Labels(ids, "node "), (), np.zeros((graph.n, 0), dtype=np.float32))
    with journal.transaction():
        journal.emit(RunConfigured(config=config))
        journal.emit(CrowdJoined(split="evaluate", first=0, size=graph.n, origin="nodes of a graph", traits={}))
        for ties in joined_ties(graph, voters):
            journal.emit(ties)


def _first(model: Spreading | Opinions) -> Event:
    nodes = np.flatnonzero(model.states) if isinstance(model, Spreading) else np.arange(model.follows.n)
    return _shifted(model, nodes.astype(np.int32))


def _shifted(model: Spreading | Opinions, nodes: Any) -> Event:
    place = {"step": model.t, "model": model.name, "t": model.t, "members": pack(nodes, Int32s)}
    if isinstance(model, Spreading):
        return StatesShifted(**place, states=pack(model.states[nodes], Int8s))
    return ValuesShifted(**place, values=pack(model.opinions[nodes], Float32s))


def _step(journal: LiveJournal, shifted: Event) -> None:
    step = journal.state.step
    with journal.transaction():
        journal.emit(StepStarted(step=step, phase="evaluate", epoch=0, arm="baseline"))
        journal.emit(shifted)
    with journal.transaction():
        journal.emit(StepEnded(step=step, state_hash=journal.state.hash()))
