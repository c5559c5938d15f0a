"""A Mesa model with members: their agents, made on access, their ties, and the space in which they are placed.

Common to live models and to replays. Knows nothing of how members decide, nor of where the state comes from.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import NoReturn

import mesa
import numpy as np
from mesa.agent import Agent, AgentSet
from mesa.discrete_space import Network
from numpy.typing import NDArray

from abm.audience import Voters
from abm.state.state import State, Tally
from abm.worlds.agents import Competitor, Member
from abm.worlds.offers import Assignment, Offer
from media_graph import CSR, from_csr, from_ties
from moloch.errors import InputError, MolochError

GRID = 5_000
"""Members up to which each has an agent without being asked for."""
VIEWS = 100_000
"""Members up to which a model makes an agent and a cell for each."""


class Peopled(mesa.Model, ABC):
    """A Mesa model whose members are columns; agents are made on access.

    ``agents`` holds the competitors and the members; of more than :data:`GRID` members only those that were looked at.

    Attributes:
        competitors: those who write now, by slot.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(rng=seed)
        self.competitors: list[Competitor] = []
        self._members: dict[int, Member] = {}
        self._space: Network | None = None

    @property
    @abstractmethod
    def state(self) -> State:
        """The run's state, after every event applied so far."""

    @property
    def tallies(self) -> Mapping[str, Tally]:
        """``"<phase>/<competitor>"`` -> what it did so far, as the state counts it."""
        return self.state.tallies

    @property
    @abstractmethod
    def voters(self) -> Voters:
        """The current members, as columns."""

    @property
    @abstractmethod
    def phase(self) -> str:
        """``train`` or ``evaluate``; empty before the first step of a replay."""

    @property
    def assignments(self) -> Sequence[Assignment]:
        """What competitors write about now."""
        _none_open()

    @property
    def offer(self) -> Offer:
        """What members choose among now."""
        _none_open()

    # -- members -------------------------------------------------------------------------------------------

    @property
    def ties(self) -> CSR:
        """Who follows whom among the members, by row, as it is now."""
        state, ids = self.state, self.voters.ids
        if state.platform is not None and np.array_equal(state.platform.personas, ids):
            return state.platform.follows
        order = np.argsort(ids, kind="stable")
        ascending = ids[order]
        sources, targets = (np.searchsorted(ascending, column) for column in (state.sources, state.targets))
        inside = _are_at(ascending, sources, state.sources) & _are_at(ascending, targets, state.targets)
        return from_ties(len(ids), order[sources[inside]], order[targets[inside]])

    @property
    def space(self) -> Network:
        """The audience graph with a cell per member, made when it is first asked for, with the ties of that moment.

        Cells are connected both ways, since Mesa's view draws no directed graph; :attr:`ties` says who follows whom.
        """
        if self._space is None:
            self._space = Network(from_csr(self.ties).to_undirected(), random=self.random)
            self._populate()
            for member in self._members.values():
                _ = member.cell
        return self._space

    @property
    def members(self) -> list[Member]:
        """All members as Mesa agents, made when they are first asked for.

        Raises:
            InputError: there are more than :data:`VIEWS`.
        """
        n = len(self.voters.ids)
        if n > VIEWS:
            raise InputError(
                f"{n:,} members are too many for an agent each",
                fix="Look at single ones with member(row), or at the columns of state.",
            )
        return [self.member(row) for row in range(n)]

    def member(self, row: int) -> Member:
        """Return the agent of one member, the same one each time."""
        if row not in self._members:
            self._members[row] = self._made(row)
            if self._space is not None:
                _ = self._members[row].cell
        return self._members[row]

    def _made(self, row: int) -> Member:
        """Return a new agent; a model with its own classes makes others."""
        return Member(self, row)

    def _forget_members(self) -> None:
        """Take the agents and the space away: the society is another one."""
        for member in self._members.values():
            member.remove()
        self._members, self._space = {}, None

    # -- Mesa's sets of agents -----------------------------------------------------------------------------

    @property
    def agents(self) -> AgentSet:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Competitors and members; of more than :data:`GRID` members those that were looked at."""
        self._populate()
        return super().agents

    @property
    def agents_by_type(self) -> dict[type[Agent], AgentSet]:
        """The same by class."""
        self._populate()
        return super().agents_by_type

    @property
    def agent_types(self) -> list[type]:
        """Their classes."""
        self._populate()
        return super().agent_types

    def _populate(self) -> None:
        n = len(self.voters.ids)
        if len(self._members) < n <= GRID:
            for row in range(n):
                self.member(row)


def _are_at(ascending: NDArray[np.int64], places: NDArray[np.int64], ids: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return which ``ids`` stand at their ``places``."""
    if not len(ascending):
        return np.zeros(len(ids), dtype=np.bool_)
    return ascending[np.minimum(places, len(ascending) - 1)] == ids


def _none_open() -> NoReturn:
    raise MolochError(
        "no contest is open",
        why="competitors write and members react only while a live model's step() holds contests",
        fix="Call model.step(): it asks all of them.",
    )
