"""The members of a replayed run's current society: as columns, as a graph, and as Mesa agents when somebody asks.

Views only: what members decide is in the state, which is folded elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from mesa.discrete_space import Network

from abm.audience import Voters
from abm.events import Phase
from abm.views.voters import Joined, joined_voters
from abm.worlds.agents import Member
from abm.worlds.model import VIEWS
from media_graph import CSR, from_csr, from_ties
from moloch.errors import InputError

if TYPE_CHECKING:
    from abm.views.replay_model import ReplayModel

GRID = 5_000
"""Members up to which each has an agent in the model's space without being asked for."""


class Members:
    """Those who joined a model's run, by split; of one split at a time there are agents.

    Args:
        model: whose members they are; its ``split`` says which are the current ones.
    """

    def __init__(self, model: ReplayModel) -> None:
        self._model = model
        self._joined: dict[Phase, list[Joined]] = {"train": [], "evaluate": []}
        self._voters: dict[Phase, Voters] = {}
        self._space: Network | None = None
        self._views: dict[int, Member] = {}

    def join(self, event: Joined) -> None:
        """Let those of an event be members of their split."""
        self._joined[event.split].append(event)
        self._voters.clear()

    @property
    def voters(self) -> Voters:
        """The current ones, as columns."""
        split = self._model.split
        if split not in self._voters:
            self._voters = {split: joined_voters(self._joined[split])}
        return self._voters[split]

    @property
    def few(self) -> bool:
        """Whether each has an agent without being asked for."""
        return len(self.voters.ids) <= GRID

    @property
    def ties(self) -> CSR:
        """Who follows whom among them, by row, as it is now."""
        state, ids = self._model.state, self.voters.ids
        if state.platform is not None and np.array_equal(state.platform.personas, ids):
            return state.platform.follows
        first, n = int(ids[0]) if len(ids) else 0, len(ids)
        sources, targets = state.sources.astype(np.int64) - first, state.targets.astype(np.int64) - first
        mine = (sources >= 0) & (sources < n) & (targets >= 0) & (targets < n)
        return from_ties(n, sources[mine], targets[mine])

    @property
    def space(self) -> Network:
        """A cell for each, connected both ways; up to :data:`GRID` stand in theirs. Made once, with the ties of then."""
        if self._space is None:
            self._space = Network(from_csr(self.ties).to_undirected(), random=self._model.random)
            if self.few:
                self.all()
        return self._space

    def all(self) -> list[Member]:
        """Return the agents of all.

        Raises:
            InputError: there are more than :data:`abm.worlds.model.VIEWS`.
        """
        n = len(self.voters.ids)
        if n > VIEWS:
            raise InputError(
                f"{n:,} members are too many for an agent each",
                fix="Look at single ones with ReplayModel.member(row), or at the columns of ReplayModel.state.",
            )
        return [self[row] for row in range(n)]

    def __getitem__(self, row: int) -> Member:
        """Return the agent of one, the same one each time until they are forgotten."""
        _ = self.space
        if row not in self._views:
            self._views[row] = Member(self._model, row)
        return self._views[row]

    def forget(self) -> None:
        """Take the agents and the space away: the society is another one."""
        for member in self._views.values():
            member.remove()
        self._views, self._space = {}, None
