"""What is put to agents: an anchor to write about, and the messages of a contest to choose among.

Knows nothing of who asks and what becomes of the answers.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from abm.arenas import Arena
from abm.arenas.anchors import Anchor
from abm.events import Phase
from abm.llm.port import Sampling
from moloch.errors import InputError, MolochError

Occasion = Literal["contest", "poll", "purchase"]
"""Why members are asked: a contest of the isolated world, or a poll or a purchase of the networked one."""


def occasion(phase: Phase, arena: Arena) -> str:
    """Return what names the draws and call sites of a phase: of several arenas, each has its own, also where anchors are the same."""
    return f"{phase}-{arena.name}" if phase == "elsewhere" else phase


class Assignment(msgspec.Struct, frozen=True):
    """An anchor to write about.

    Attributes:
        contest: id of the contest for which the message is.
        sampling: how a model draws tokens, unless the competitor decides otherwise.
        seed: of the run.
        phase, epoch: of the run's plan.
        slots: the slot of each writer in this contest, by its place; empty where it has that of its place in all of them.
    """

    anchor: Anchor
    contest: str
    arena: Arena
    sampling: Sampling
    seed: int
    phase: Phase
    epoch: int
    slots: tuple[int, ...] = ()

    @property
    def occasion(self) -> str:
        """What draws and call sites are named by: see :func:`occasion`."""
        return occasion(self.phase, self.arena)

    def slot(self, place: int) -> int:
        """Return the slot of a writer's message, by its place among the writers."""
        return self.slots[place] if self.slots else place


class Reacting(Protocol):
    """A member, as an offer sees it."""

    @property
    def row(self) -> int: ...


@dataclass(frozen=True, eq=False)
class Offer:
    """The messages of one contest before members.

    Attributes:
        contest: its id.
        texts: n messages, by option.
        occasion: why members are asked.
        rows: shape (k,), the members who are asked, ascending rows of the model's ``voters``.
        shown: shape (k, n), options in the order in which each member saw them; -1 at the end for those it did not see.
        usual: shape (k,), what the society's audience chooses for each; -1 for nothing, -2 where it was not asked.
        endorsed: shape (k, n), contacts who endorsed each message before each member; None in an isolated world.
        answers: row -> the option that the member there chose itself.
    """

    contest: str
    anchor: Anchor
    texts: Sequence[str]
    occasion: Occasion
    rows: NDArray[np.int64]
    shown: NDArray[np.integer]
    usual: NDArray[np.integer]
    endorsed: NDArray[np.integer] | None = None
    answers: dict[int, int] = field(default_factory=dict)

    def order(self, member: Reacting) -> list[int]:
        """Return the options that a member saw, in its order: indices of :attr:`texts`."""
        order = self.shown[member.row if self._rows is None else self._place(member)].tolist()
        return order if self._all_seen else [option for option in order if option >= 0]

    def audience_choice(self, member: Reacting) -> int:
        """Return the option that the society's audience chooses for a member, -1 for nothing.

        Raises:
            InputError: the audience was not asked about this member.
        """
        choice = self._usual[member.row if self._rows is None else self._place(member)]
        if choice < -1:
            raise InputError(
                f"the audience was not asked about member {member.row}",
                where=self.contest,
                why=f"{type(member).__name__} has a react() of its own, and each question to a language model is a call",
                fix="Set consults = True in the class, or decide without super().react().",
            )
        return choice

    def endorsements(self, member: Reacting, option: int) -> int:
        """Return how many of a member's contacts endorsed a message where it saw that; 0 in an isolated world."""
        return 0 if self.endorsed is None else int(self.endorsed[self._place(member), option])

    def own_answers(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the places (in :attr:`rows`) of the members who answered themselves, and their options, shape (own,) each.

        Raises:
            MolochError: an answer is no option that the member saw, nor -1.
        """
        places = np.searchsorted(self.rows, np.fromiter(self.answers, dtype=np.int64, count=len(self.answers)))
        wrong = len(self.texts)
        answers = [each if isinstance(each, int | np.integer) else wrong for each in self.answers.values()]
        options = np.array(answers, dtype=np.int64)
        valid = (options == -1) | (self.shown[places] == options[:, None]).any(axis=1)
        if not valid.all():
            self._refuse(int(places[~valid][0]))
        return places, options

    def _refuse(self, place: int) -> None:
        row = int(self.rows[place])
        seen = ", ".join(str(option) for option in self.shown[place].tolist() if option >= 0)
        raise MolochError(
            f"member {row} chose {self.answers[row]!r}",
            where=self.contest,
            why=f"the options that it saw are {seen}",
            fix="react() returns the index of one of them in offer.texts, or -1 for nothing.",
        )

    @cached_property
    def _usual(self) -> list[int]:
        return self.usual.tolist()

    @cached_property
    def _all_seen(self) -> bool:
        return bool((self.shown[:, -1] >= 0).all())

    @cached_property
    def _rows(self) -> list[int] | None:
        """The rows to search in; None where every member is asked."""
        rows = self.rows
        return None if len(rows) and rows[-1] == len(rows) - 1 and rows[0] == 0 else rows.tolist()

    def _place(self, member: Reacting) -> int:
        if self._rows is None:
            return member.row
        place = bisect_left(self._rows, member.row)
        if place == len(self._rows) or self._rows[place] != member.row:
            raise InputError(f"member {member.row} saw no message of this contest", where=self.contest)
        return place
