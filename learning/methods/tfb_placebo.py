"""The twin of TFB: a random message of each contest is learnt, and thoughts that were about other messages."""

from __future__ import annotations

import msgspec
import numpy as np

from abm.events import Reacted
from learning.methods._contests import Contests, DecidedContest
from learning.methods._rows import Row
from learning.methods.placebo import draw_slot
from learning.methods.tfb import TFB
from moloch import keyed


class TFBPlacebo(TFB, frozen=True):
    """As many messages and thoughts as TFB learns, and the very same thoughts, each after the prompt of another.

    Thoughts move on by one place in the order of their voters, a voter's own in random order: most stay with who thought them, none with
    what it was thought of. Messages are those of :class:`learning.methods.placebo.Placebo`.
    """

    def rows(self, contests: Contests, seed: int) -> list[Row]:
        drawn = {contest.id: self.drawn(contests, contest, seed) for contest in contests.learnable}
        thoughts = _moved_on([reaction for each in drawn.values() for reaction in each], seed)
        rows: list[Row] = []
        for contest in contests.learnable:
            rows.append(contests.trajectory(contest, draw_slot(contest.slots, seed, "placebo", contest)))
            rows += [self._shuffled(contests, contest, each, thoughts, drawn) for each in drawn[contest.id]]
        return rows

    def _shuffled(
        self,
        contests: Contests,
        contest: DecidedContest,
        reaction: Reacted,
        thoughts: dict[tuple[str, int], Reacted],
        drawn: dict[str, list[Reacted]],
    ) -> Row:
        row = contests.thought(contest, reaction, weight=self.tfb_lambda / len(drawn[contest.id]))
        other = thoughts[reaction.contest, reaction.persona]
        return msgspec.structs.replace(
            row, completion=contests.arena.thought(other.thought), events=[*row.events, other.seq]
        )


def _moved_on(reactions: list[Reacted], seed: int) -> dict[tuple[str, int], Reacted]:
    """Return (contest, persona) of each reaction -> the reaction whose thought is learnt in its place."""
    personas = np.array([reaction.persona for reaction in reactions], dtype=np.int64)
    draws = [
        float(keyed.uniforms(personas[i : i + 1], seed, "shuffled thoughts", reaction.contest)[0])
        for i, reaction in enumerate(reactions)
    ]
    order = sorted(range(len(reactions)), key=lambda i: (reactions[i].persona, draws[i]))
    following = zip(order, order[1:] + order[:1], strict=True)
    return {(reactions[i].contest, reactions[i].persona): reactions[other] for i, other in following}
