"""The agents of a model: competitors, who write, and members, who read and choose.

Both are thin: a competitor is a policy (model + adapter) in a slot, a member is a view of one row of the
audience's columns. What they decide becomes state only through events.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

import mesa
import msgspec
import numpy as np
from mesa.discrete_space import CellAgent

from abm.arenas.anchors import Anchor
from abm.llm.port import Request
from abm.state.platform import UNIT
from abm.state.state import Tally
from moloch import keyed

if TYPE_CHECKING:
    from abm.views.replay_model import ReplayModel
    from abm.worlds.model import Model


class Writer(msgspec.Struct, frozen=True):
    """A policy under a name: the base model (``adapter`` empty) or an adapter on it."""

    name: str
    adapter: str = ""


class Competitor(mesa.Agent):
    """Writes one message about each anchor with its policy.

    Attributes:
        slot: its place in every contest, 0 .. n-1.
    """

    model: Model  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, model: Model | ReplayModel, writer: Writer, slot: int) -> None:
        super().__init__(model)
        self.name, self.adapter, self.slot = writer.name, writer.adapter, slot

    @property
    def tally(self) -> Tally:
        """What a competitor of this name did so far in the run, in this phase."""
        tallies = self.model.state.tallies
        return copy(tallies[key]) if (key := f"{self.model.phase}/{self.name}") in tallies else Tally()

    def request(self, anchor: Anchor) -> Request:
        """Return the call that makes this competitor's message about ``anchor``; only a live model has it made.

        The seed depends on the slot, not on the name: arms are compared under common random numbers.
        """
        model = self.model
        place = (model.phase, model.epoch, anchor.id, self.slot)
        return Request(
            site="/".join(("write", model.phase, str(model.epoch), anchor.id, self.name, str(self.slot))),
            messages=model.arena.write_prompt(anchor.text),
            sampling=model.sampling,
            seed=keyed.seed32(model.seed, "write", *place),
            adapter=self.adapter,
            template=model.arena.write.digest,
            refs=(anchor.id,),
        )


class Member(CellAgent):
    """One persona at one node of the audience graph: a view, made for scripts and displays.

    Attributes:
        index: the persona's row in the audience's columns.
    """

    model: Model | ReplayModel  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, model: Model | ReplayModel, row: int) -> None:
        super().__init__(model)
        self._row = row
        self.index = int(model.voters.ids[row])
        self.name = model.voters.names[row]
        self.cell = model.space[row]  # pyright: ignore[reportArgumentType]

    @property
    def traits(self) -> dict[str, float]:
        """Trait -> value in -1 .. 1."""
        voters = self.model.voters
        return dict(zip(voters.trait_names, voters.traits[self._row].tolist(), strict=True))

    @property
    def reactions(self) -> int:
        """Contests that this member reacted to, so far in the run."""
        return int(self.model.state.reactions[self.index])

    @property
    def opinions(self) -> tuple[float, ...]:
        """What this member thinks of each competitor, by slot, -1 .. 1; empty in an isolated world."""
        platform = self.model.state.platform
        if platform is None or self.index not in platform.personas:
            return ()
        return tuple((platform.opinions[:, platform.rows(np.array([self.index]))[0]] / UNIT).tolist())
