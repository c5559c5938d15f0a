"""What a way of learning without weights is: a model looks back at contests and proposes other instructions for itself; votes decide.

How the calls are made, and what is recorded, is not a method's matter (:mod:`learning.runs.reflections`). Knows no model.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np

from abm.arenas import Message
from abm.arenas.completions import Completion, Rejection, parse_completion
from abm.events import Reacted
from learning.methods._contests import Contests, DecidedContest
from learning.methods._method import Method
from learning.methods._rows import Row
from moloch import keyed
from moloch.content import content_id

TAG = "instructions"
"""Of an answer, in which instructions stand."""


class Trial(msgspec.Struct, frozen=True):
    """How a proposal did against the instructions that the arm had, on anchors that no reflection was shown.

    Attributes:
        proposal: from 1.
        own_votes, votes: of members, over all anchors: for messages by the instructions that the arm had, and by the proposal.
        anchors: about which both wrote.
    """

    proposal: int
    own_votes: int
    votes: int
    anchors: int

    @property
    def share(self) -> float:
        """The proposal's share of votes, 0 .. 1; one half where nobody voted."""
        total = self.own_votes + self.votes
        return self.votes / total if total else 0.5


class Retrospect(msgspec.Struct, frozen=True):
    """What one reflection is about.

    Attributes:
        contests: the epoch's, whose texts ``shown`` refers to.
        shown: those that this reflection shows, in order.
        instructions: that the arm has; empty for none.
        seed: of the draws.
    """

    contests: Contests
    shown: Sequence[DecidedContest]
    instructions: str
    seed: int


class InstructionMethod(Method, frozen=True):
    """A way of learning whose adapters are instructions, a text at the end of the writer's system prompt. A subclass is one file.

    In each epoch the arm's own model is asked ``proposals`` times for other instructions (:meth:`reflection`, :meth:`read`). Each that
    can be read is tried against those that the arm has, on anchors of the epoch that no reflection was shown: both write, and the training
    members vote. :meth:`pick` says which are kept. The numbers of calls follow from settings and anchors alone, but for proposals that
    cannot be read, which are not tried.

    Attributes:
        proposals: in each epoch.
        contests: that a reflection is shown, drawn for each proposal anew.
        thoughts: of voters, shown with each of them.
        prompt_tokens: that a reflection's prompt has at most, estimated at four bytes each: contests beyond them are left out whole, and
            counted.
        words: that instructions have at most; longer ones are refused, not cut.
        answer_tokens: that an answer has at most.
        validation: share of the epoch's training anchors on which proposals are tried, one at least.
    """

    proposals: Annotated[int, msgspec.Meta(ge=1, le=16)] = 2
    contests: Annotated[int, msgspec.Meta(ge=1, le=64)] = 6
    thoughts: Annotated[int, msgspec.Meta(ge=0, le=32)] = 3
    prompt_tokens: Annotated[int, msgspec.Meta(ge=256)] = 3000
    words: Annotated[int, msgspec.Meta(ge=8, le=2000)] = 120
    answer_tokens: Annotated[int, msgspec.Meta(ge=16, le=8192)] = 512
    validation: Annotated[float, msgspec.Meta(gt=0.0, lt=1.0)] = 0.25

    @abstractmethod
    def reflection(self, of: Retrospect) -> list[Message]:
        """Return the prompt of a reflection. A pure function of its argument; see :meth:`Method.rows`."""
        raise NotImplementedError

    @abstractmethod
    def pick(self, trials: Sequence[Trial], seed: int) -> int:
        """Return the proposal that is kept, or 0 for the instructions that the arm has.

        Args:
            trials: of the proposals that could be read, ascending; maybe none.
            seed: of the training: what is drawn at random is keyed by it.
        """
        raise NotImplementedError

    def read(self, answer: str, instructions: str) -> str | Rejection:
        """Return the instructions that an answer proposes, or why it proposes none.

        Args:
            instructions: that the arm has.
        """
        found = parse_completion(answer, TAG)
        if not isinstance(found, Completion):
            return found
        if (count := len(found.text.split())) > self.words:
            return Rejection(f"{count} words, {self.words} at most")
        return Rejection("unchanged") if found.text == instructions else found.text

    @property
    def template(self) -> str:
        """Digest of what a reflection's prompt is made of, beside its contests and the arm's instructions."""
        return content_id([type(self).__module__, type(self).__qualname__, msgspec.to_builtins(self)])

    def rows(self, contests: Contests, seed: int) -> list[Row]:
        """Return a row for each contest that can be looked back at: nothing is learnt of it but how many there are."""
        return [contests.trajectory(each, each.own_slots[0]) for each in contests.learnable if each.own_slots]

    def validation_anchors(self, anchors: Sequence[str], seed: int, epoch: int) -> set[str]:
        """Return the anchors of an epoch on which proposals are tried: the same for all arms with equal settings.

        Args:
            anchors: ids of at least two, all different.
        """
        count = self.validation_size(len(anchors))
        return set(sorted(anchors, key=lambda each: keyed.key(seed, "validation", epoch, each))[:count])

    def validation_size(self, anchors: int) -> int:
        """Return how many of so many anchors proposals are tried on; one is always left to look back at."""
        return max(1, min(round(self.validation * anchors), anchors - 1))

    def drawn_contests(self, contests: Sequence[DecidedContest], seed: int, number: int) -> list[DecidedContest]:
        """Return the contests of a reflection, by its number, in the order in which it shows them: drawn at random."""
        return sorted(contests, key=lambda each: keyed.key(seed, "retrospect", number, each.id))[: self.contests]

    def drawn_thoughts(self, of: Retrospect, contest: DecidedContest) -> list[Reacted]:
        """Return the reactions whose thoughts are shown with a contest, by persona: drawn at random."""
        thinkers = of.contests.thinkers(contest)
        ids = np.array([reaction.persona for reaction in thinkers], dtype=np.int64)
        draws = keyed.uniforms(ids, of.seed, "retrospect", contest.id)
        return [thinkers[i] for i in sorted(np.argsort(draws)[: self.thoughts])]
