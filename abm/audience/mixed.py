"""A mixed audience: a core of members who are asked one by one, inside a crowd that is asked in columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from abm.audience.asked import Ask, Ballot, Prepared
from abm.audience.port import Audience, Reactions, Voters, choices
from abm.audience.source import SourceFindings, informed
from moloch.keyed import Part


@dataclass(frozen=True, eq=False)
class Mixed:
    """Two audiences as one.

    Attributes:
        core, crowd: how the members of each react.
        members: shape (c,), persona indices of the core; everybody else is crowd.
    """

    core: Audience
    crowd: Audience
    members: NDArray[np.int64]

    def is_core(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which personas are of the core, shape (k,)."""
        return np.isin(ids, self.members)

    def react(self, texts: Sequence[str], shown: NDArray[np.int8], voters: Voters, key: tuple[Part, ...]) -> Reactions:
        """Return every member's choice; thoughts are the core's, and empty for the crowd."""
        speaks = self.is_core(voters.ids)
        core, rest = np.flatnonzero(speaks), np.flatnonzero(~speaks)
        if not len(core):
            return Reactions(choices(self.crowd, texts, shown, voters, key), [])
        chosen = np.empty(len(voters.ids), dtype=np.int16)
        asked = self.core.react(texts, shown[core], voters.of(core), key)
        chosen[core] = asked.choices
        if len(rest):
            chosen[rest] = choices(self.crowd, texts, shown[rest], voters.of(rest), key)
        thoughts = [""] * len(voters.ids) if asked.thoughts else []
        for row, thought in zip(core.tolist(), asked.thoughts, strict=False):
            thoughts[row] = thought
        return Reactions(chosen, thoughts, {int(core[row]): raw for row, raw in asked.invalid.items()})

    def informed(self, source: SourceFindings) -> Mixed:
        """Return both parts once the source was read; see :class:`abm.audience.Informable`."""
        return replace(self, core=informed(self.core, source), crowd=informed(self.crowd, source))

    def prepare(self, ballots: Sequence[Ballot], ask: Ask) -> None:
        """Have the core asked, if it is one of those that are; see :class:`abm.audience.asked.Prepared`."""
        if isinstance(self.core, Prepared):
            parts = ((ballot, np.flatnonzero(self.is_core(ballot.voters.ids))) for ballot in ballots)
            self.core.prepare([ballot.of(rows) for ballot, rows in parts if len(rows)], ask)

    def choose(
        self, texts: Sequence[str], shown: NDArray[np.int8], voters: Voters, key: tuple[Part, ...]
    ) -> NDArray[np.int16]:
        """Return every member's choice, shape (k,)."""
        return self.react(texts, shown, voters, key).choices


def is_asked(audience: Audience) -> TypeGuard[Prepared]:
    """Return whether an audience, or the core of a mixed one, has to be asked before it can react."""
    return isinstance(audience.core if isinstance(audience, Mixed) else audience, Prepared)
