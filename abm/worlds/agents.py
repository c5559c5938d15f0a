"""The agents of a model: competitors, who write, and members, who read and choose.

Both are thin: a competitor is a policy (model + adapter) in a slot, a member is a view of one row of the audience's columns.
What they decide becomes state only through events. Your own class overrides :meth:`Competitor.write` or
:meth:`Member.react`. Knows nothing of models but what :class:`Host` says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from itertools import count
from typing import ClassVar, Protocol
from weakref import WeakKeyDictionary

import mesa
import msgspec
import numpy as np
from mesa.discrete_space import Cell, CellAgent, Network

from abm.arenas.completions import Completion
from abm.audience import Voters
from abm.llm.port import LLM, Request
from abm.state.platform import UNIT
from abm.state.state import State, Tally
from abm.worlds.offers import Assignment, Offer
from moloch import keyed
from moloch.content import content_id


class Host(Protocol):
    """What an agent needs of the Mesa model that it lives in."""

    @property
    def state(self) -> State: ...

    @property
    def tallies(self) -> Mapping[str, Tally]: ...

    @property
    def voters(self) -> Voters: ...

    @property
    def phase(self) -> str: ...

    @property
    def space(self) -> Network: ...

    @property
    def assignments(self) -> Sequence[Assignment]:
        """What competitors write about now.

        Raises:
            MolochError: no contest is open.
        """
        ...

    @property
    def offer(self) -> Offer:
        """What members choose among now.

        Raises:
            MolochError: no contest is open.
        """
        ...


class _Ids(WeakKeyDictionary):
    """A counter for each model; Mesa's own keep every model alive."""

    def __getitem__(self, model: mesa.Model) -> count[int]:
        return self.setdefault(model, count(1))


_IDS = _Ids()


class NamedPolicy(msgspec.Struct, frozen=True):
    """A policy under a name: the base model (``adapter`` empty) or an adapter on it.

    Attributes:
        adapter: id of the weights or the instructions that make it another policy than the base model.
        instructions: those that ``adapter`` names; None where it names weights.
        kind: name of the class of competitors that writes with it; empty for the society's.
        draw: slot with whose random numbers it writes; its own by default. What a policy wrote about an anchor with the same ones
            in another society of this phase and epoch, it does not write again.
        llm: the model that writes; None for the society's.
    """

    name: str
    adapter: str = ""
    kind: str = ""
    draw: int | None = None
    llm: LLM | None = None
    instructions: str | None = None


class Competitor(mesa.Agent):
    """Writes one message about each anchor with its policy.

    Attributes:
        slot: its slot in every contest, 0 .. n-1; where writers change slots (:attr:`abm.worlds.model.Stage.seats`), its place
            among them, and :meth:`Assignment.slot` says the slot.
        draw: the slot with whose random numbers it writes; None for its own.
        llm: the model that writes; None for the society's.
        adapter: id of its weights or instructions; empty for the base model. ``instructions``: the latter as text; None for weights.
        remembered: of its past rounds, as its prompts show it in this step; empty for nothing.
        drafts: what it wrote in this step, or asks its model for, one per assignment.
    """

    model: Host  # pyright: ignore[reportIncompatibleVariableOverride]
    _ids = _IDS  # pyright: ignore[reportAssignmentType]

    def __init__(self, model: Host, writer: NamedPolicy, slot: int) -> None:
        super().__init__(model)  # pyright: ignore[reportArgumentType]
        self.name, self.adapter, self.slot = writer.name, writer.adapter, slot
        self.draw, self.llm, self.instructions = writer.draw, writer.llm, writer.instructions
        self.remembered = ""
        self.drafts: list[Request | Completion] = []

    @property
    def tally(self) -> Tally:
        """What a competitor of this name did so far in the run, in this phase."""
        tallies = self.model.tallies
        return copy(tallies[key]) if (key := f"{self.model.phase}/{self.name}") in tallies else Tally()

    def step(self) -> None:
        """Write about every anchor of the step.

        Raises:
            MolochError: the model holds no contests now.
        """
        self.drafts = [self.write(assignment) for assignment in self.model.assignments]

    def write(self, assignment: Assignment) -> Request | Completion:
        """Return the call that makes this competitor's message; your own class may return the message itself.

        The seed depends on the slot whose draws are taken, not on the name: arms are compared under common random numbers.
        """
        occasion, epoch, anchor = assignment.occasion, assignment.epoch, assignment.anchor
        draw = assignment.slot(self.slot) if self.draw is None else self.draw
        told = self.instructions is not None
        memory = (content_id(self.remembered),) if self.remembered else ()
        return Request(
            site="/".join(("write", occasion, str(epoch), anchor.id, self.name, str(draw))),
            messages=assignment.arena.write_prompt(anchor.text, self.instructions or "", self.remembered),
            sampling=assignment.sampling,
            seed=keyed.seed32(assignment.seed, "write", occasion, epoch, anchor.id, draw),
            adapter="" if told else self.adapter,
            template=assignment.arena.write_digest,
            refs=(anchor.id, *((self.adapter,) if told else ()), *memory),
            stop=assignment.arena.stop,
        )


class Member(CellAgent):
    """One persona at one node of the audience graph: a view of its columns.

    Members of this class react as the society's audience says, all in one call, and need no agents for it. A subclass that
    overrides :meth:`react` is asked member by member. Its answers must follow from the offer, the state and
    ``self.random`` or ``self.rng`` (seeded anew for each contest): attributes of an agent are not in the log, so a
    run that resumes has lost them.

    Attributes:
        row: its place in the model's ``voters``.
        index: its persona index, the row in the state's columns.
        consults: whether :meth:`react` uses ``super().react()``, so that a language model that plays the personas must be
            asked about these members, too. A choice model always is.
    """

    consults: ClassVar[bool] = False
    model: Host  # pyright: ignore[reportIncompatibleVariableOverride]
    _ids = _IDS  # pyright: ignore[reportAssignmentType]

    def __init__(self, model: Host, row: int) -> None:
        super().__init__(model)  # pyright: ignore[reportArgumentType]
        self.row, self._placed = row, False
        self.index = int(model.voters.ids[row])

    def step(self) -> None:
        """React to the contest that is open.

        Raises:
            MolochError: none is.
        """
        offer = self.model.offer
        offer.answers[self.row] = self.react(offer)

    def react(self, offer: Offer) -> int:
        """Return what this member chooses: an index of ``offer.texts``, or -1 for nothing."""
        return offer.audience_choice(self)

    def explain(self, offer: Offer, choice: int) -> str:
        """Return why this member chose so; asked only where thoughts are kept, and only of a class with its own ``react``."""
        return ""

    @property
    def name(self) -> str:
        """The persona's name."""
        return self.model.voters.names[self.row]

    @property
    def cell(self) -> Cell | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The agent's node; the model's space is made on first access."""
        if not self._placed:
            self._placed = True
            self.cell = self.model.space[self.row]  # pyright: ignore[reportArgumentType]
        return self._mesa_cell

    @cell.setter
    def cell(self, cell: Cell | None) -> None:
        self._placed = True
        if self._mesa_cell is not None:
            self._mesa_cell.remove_agent(self)
        self._mesa_cell = cell
        if cell is not None:
            cell.add_agent(self)

    @property
    def traits(self) -> dict[str, float]:
        """Trait -> value in -1 .. 1."""
        voters = self.model.voters
        return dict(zip(voters.trait_names, voters.traits[self.row].tolist(), strict=True))

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
