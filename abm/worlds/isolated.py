"""The isolated world, the paper's: every member sees every message of every contest, and no other member.

Knows how members choose among what was published; knows nothing of how it came about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from abm.arenas.anchors import Anchor
from abm.audience import Ballot, Reactions, SourceFindings, before_source, choices, is_asked, orders
from abm.audience.vocal import Rows, vocal
from abm.events import Event, Reacted, ReactionInvalid
from abm.reactions import reacted_many
from abm.worlds import contests
from abm.worlds.causes import FIRST, emit_all
from abm.worlds.contests import Slate, Votes
from abm.worlds.model import Model
from abm.worlds.offers import Offer
from moloch.texts import whole


class _Reading(NamedTuple):
    """What the audience makes of a contest.

    Attributes:
        options: shape (k,), what each member chooses; -1 for nothing, -2 where the audience was not asked.
        single: rows of the members whose reactions are events of their own.
        crowds: rows of the rest, whose reactions are columns.
        thoughts, invalid: row -> its thought, or its answer that names no option.
    """

    options: NDArray[np.int16]
    single: NDArray[np.int64]
    crowds: list[Rows]
    thoughts: dict[int, str]
    invalid: dict[int, str]


class IsolatedModel(Model):
    """A Mesa model of contests in which every member sees every message, in its own order."""

    def hold(self, batch: Sequence[Anchor]) -> None:
        """Have messages written, and let every member choose in every contest."""
        with self.journal.transaction():
            for slate in self._read(self.write(batch)):
                emit_all(self.journal, self._contest(slate))

    def _read(self, written: Iterator[Slate]) -> Iterable[Slate]:
        """Let an audience of language models read everything that was written, all at once, before it reacts."""
        audience = self.society.audience
        if not is_asked(audience):
            return written
        slates = list(written)
        consulted = self._consulted(np.arange(len(self.voters.ids)))
        ballots = [self._ballot(slate).of(consulted) for slate in slates if slate.competes]
        audience.prepare(ballots, partial(self.journal.ask, step=self.state.step, cause=self._started_at))
        return slates

    def _consulted(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return those of some members about whom the audience is asked: a call to a language model is not wasted."""
        if not self.own_members or not is_asked(self.society.audience):
            return rows
        decide_alone = [row for row, member in self.own_members.items() if not member.consults]
        return rows[~np.isin(rows, decide_alone)]

    def _ballot(self, slate: Slate) -> Ballot:
        """Return a contest as its members see it, each in its own order."""
        return Ballot(
            contest=slate.contest,
            messages=tuple(message.message for message in slate.messages),
            texts=slate.texts,
            shown=orders(self.voters.ids, len(slate.messages), *slate.place, "order"),
            voters=self.voters,
            key=(*slate.place, "choice"),
            source=(slate.anchor.id, slate.anchor.text),
            reads=self.reads_source,
        )

    def _contest(self, slate: Slate) -> list[Event]:
        """Return the events of a contest, its opening first."""
        opened, readers = contests.opened(slate, self.state.step), self.stage.source
        source = self.source_of(slate) if slate.competes else None
        checked = [contests.source_checked(slate, source, readers, self.state.step)] if source and readers else []
        reactions, votes = self._react(slate, source) if slate.competes else ([], contests.NOBODY)
        return [opened, *checked, *reactions, self.decided(slate, votes), *self.verdicts(slate)]

    def _react(self, slate: Slate, source: SourceFindings | None) -> tuple[list[Event], Votes]:
        """Let every member read and choose; return the events of that, and the votes."""
        ballot, slots, ids = self._ballot(slate), slate.slots, self.voters.ids
        reading = self._reading(slate, ballot, source)
        options = self._choices(slate, ballot, reading)
        chosen = np.where(options < 0, np.int8(-1), slots[options])
        common = {"step": self.state.step, "cause": FIRST, "contest": slate.contest}
        events: list[Event] = []
        single = reading.single
        columns = (single, ids[single], slots[ballot.shown[single]], chosen[single])
        for row, persona, order, choice in zip(*(column.tolist() for column in columns), strict=True):
            if row in reading.invalid:
                events.append(ReactionInvalid(**common, persona=persona, order=order, raw=whole(reading.invalid[row])))
            else:
                thought = whole(reading.thoughts.get(row, ""))
                events.append(Reacted(**common, persona=persona, order=order, choice=choice, thought=thought))
        for rows in reading.crowds:
            shown = slots[ballot.shown[rows]]
            events.append(reacted_many(personas=ids[rows], orders=shown, choices=chosen[rows], **common))
        return events, Votes(chosen, len(reading.invalid))

    def _reading(self, slate: Slate, ballot: Ballot, source: SourceFindings | None) -> _Reading:
        """Ask the audience what every member chooses, and a few of a crowd why."""
        audience, k = self.society.audience, len(self.voters.ids)
        readers = self.stage.source
        told = before_source(audience, source, readers, self.society.seed) if source and readers else audience
        vocal_rows, crowds = (
            vocal(audience, self.voters.ids, *slate.place) if k >= self.society.bulk else (slice(k), [])
        )
        single = np.arange(*vocal_rows.indices(k)) if isinstance(vocal_rows, slice) else vocal_rows
        asked = self._consulted(single)
        options = np.full(k, -2, dtype=np.int16)
        reactions = Reactions(np.zeros(0, dtype=np.int16), [])
        if len(asked):
            reactions = told.react(ballot.texts, ballot.shown[asked], self.voters.of(asked), ballot.key)
        options[asked] = reactions.choices
        for rows in crowds:
            options[rows] = choices(told, ballot.texts, ballot.shown[rows], self.voters.of(rows), ballot.key)
        thoughts = dict(zip(asked.tolist(), reactions.thoughts, strict=False))
        return _Reading(options, single, crowds, thoughts, {int(asked[i]): raw for i, raw in reactions.invalid.items()})

    def _choices(self, slate: Slate, ballot: Ballot, reading: _Reading) -> NDArray[np.integer]:
        """Return what every member chooses, shape (k,), once those who decide by themselves have done so."""
        if not self.asks_singly:
            return reading.options
        rows = np.arange(len(reading.options))
        offer = Offer(slate.contest, slate.anchor, ballot.texts, "contest", rows, ballot.shown, reading.options)
        options = self.answers(offer, slate.place)
        for row in set(reading.single.tolist()) & self.own_members.keys():
            reading.invalid.pop(row, None)
            reading.thoughts[row] = self.explanation(offer, row, int(options[row]))
        return options
