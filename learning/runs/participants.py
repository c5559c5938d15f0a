"""Who takes part in a run and what it is about: the events with which its log begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec
import numpy as np
from numpy.typing import NDArray

from abm.arenas.anchors import Anchor
from abm.columns import Float32s, Int32s, pack
from abm.events import AnchorsListed, ArenaSet, CompetitorsJoined, CrowdJoined, PersonasJoined, RunConfigured, Split
from abm.journal import Journal
from abm.llm.port import LLM
from abm.worlds.networked.graphs import joined_ties
from learning.arms.base_models import is_base
from learning.arms.markets import BASE
from learning.runs.inputs import SPLITS, Inputs
from learning.settings.config import RunConfig
from populations import Persona, trait_matrix

RESAMPLED = "personas of the split, with replacement"
"""Where a crowd's traits come from."""
CROWD_CHUNK = 20_000
"""Members who join in one event: a commit needs several times its columns' memory."""


def enter(
    config: RunConfig, inputs: Inputs, journal: Journal, llm: LLM, others: Mapping[str, LLM] = MappingProxyType({})
) -> None:
    """Emit settings, arena and anchors, then let members, competitors and ties join.

    Args:
        llm: the model that writes; ``others``: competitor -> model, for those for whom another one does.
    """
    with journal.transaction():
        journal.emit(RunConfigured(config=config.model_dump(mode="json")))
        journal.emit(ArenaSet(arena=inputs.arena.model_dump(mode="json"), digest=inputs.arena.digest))
        journal.emit(_listed("train", inputs.anchors.train, inputs.anchors.dropped))
        journal.emit(_listed("evaluate", inputs.anchors.held_out, {}))
    for split in SPLITS:
        _join(split, inputs, journal)
    with journal.transaction():
        journal.emit(
            CompetitorsJoined(
                names=[*dict.fromkeys((BASE, *filter(is_base, others), *inputs.arms, *inputs.rivals))],
                model=llm.name,
                model_digest=llm.digest,
                models={name: other.name for name, other in others.items()},
                model_digests={other.name: other.digest for other in others.values()},
                adapters={rival.name: rival.id for rival in inputs.rivals.values() if rival.id},
            )
        )
    for split, graph in inputs.graphs.items():
        for ties in joined_ties(graph, inputs.voters[split]):
            with journal.transaction():
                journal.emit(ties)


def _join(split: Split, inputs: Inputs, journal: Journal) -> None:
    """Let a split's personas join, and its crowd after them."""
    personas, voters, originals = inputs.split(split), inputs.voters[split], inputs.originals[split]
    first = int(voters.ids[0])
    _emit(_joined(split, first, personas, originals[: len(personas)]), journal)
    for start in range(len(personas), len(voters.ids), CROWD_CHUNK):
        rows = voters.traits[start : start + CROWD_CHUNK]
        crowd = CrowdJoined(
            split=split,
            first=first + start,
            size=len(rows),
            origin=RESAMPLED,
            traits=_columns(voters.trait_names, rows),
            originals=pack(originals[start : start + CROWD_CHUNK], Int32s),
        )
        _emit(crowd, journal)


def _emit(event: PersonasJoined | CrowdJoined, journal: Journal) -> None:
    """Let members join; in a run that was begun before their originals were recorded, without these."""
    if (begun := journal.recorded(type(event))) is not None and not begun.originals:
        event = msgspec.structs.replace(event, originals=b"")
    with journal.transaction():
        journal.emit(event)


def _listed(split: Split, anchors: Sequence[Anchor], dropped: dict[str, int]) -> AnchorsListed:
    return AnchorsListed(split=split, anchors=[msgspec.to_builtins(anchor) for anchor in anchors], dropped=dropped)


def _joined(split: Split, first: int, personas: Sequence[Persona], originals: NDArray[np.int64]) -> PersonasJoined:
    copies = not np.array_equal(originals, first + np.arange(len(personas)))
    return PersonasJoined(
        split=split,
        first=first,
        ids=[p.id for p in personas],
        names=[p.name for p in personas],
        texts=[p.text for p in personas],
        traits=_columns(*trait_matrix(personas)),
        originals=pack(originals, Int32s) if copies else b"",
    )


def _columns(names: Sequence[str], matrix: NDArray[np.float32]) -> dict[str, bytes]:
    return {name: pack(np.round(matrix[:, j].astype(np.float64), 6), Float32s) for j, name in enumerate(names)}
