"""One society over a planned list of contests; ``step()`` is decide -> append -> apply.

Knows how a contest goes: competitors write, what parses is published, members react, votes are counted,
probes that were handed in judge. Knows nothing of learning or of what the results mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, partial
from typing import Literal, NamedTuple

import mesa
import msgspec
import networkx as nx
import numpy as np
from mesa.discrete_space import Network
from numpy.typing import NDArray

from abm.arenas import Arena
from abm.arenas.anchors import Anchor
from abm.arenas.completions import Completion, parse_completion
from abm.audience import Audience, Ballot, Voters, choices, is_asked, orders
from abm.audience.vocal import BULK, vocal
from abm.events import (
    ContestDecided,
    ContestOpened,
    LLMReplied,
    MessagePublished,
    MessageRejected,
    Phase,
    Reacted,
    ReactionInvalid,
    StepEnded,
    StepStarted,
    VerdictGiven,
)
from abm.journal import Journal
from abm.llm.port import LLM, Sampling
from abm.probe import Probe
from abm.reactions import reacted_many
from abm.state.state import State
from abm.worlds.agents import Competitor, Member, Writer
from moloch import keyed
from moloch.errors import InputError

Ties = Literal["skip", "random"]
"""What a tie decides: no winner (counted), or a keyed fair coin."""

VIEWS = 100_000
"""Members up to which a model makes an agent and a cell for each."""


Written = tuple[Anchor, list[MessagePublished]]


class Votes(NamedTuple):
    """What members chose, as slots, shape (members,); -1: nothing. ``invalid`` of them named no option."""

    chosen: NDArray[np.int8]
    invalid: int = 0


_NOBODY = Votes(np.zeros(0, dtype=np.int8))


class Society(msgspec.Struct, frozen=True):
    """What does not change between the phases of a run.

    Attributes:
        batch: contests per step; also the planned batch of model calls.
        bulk: members from which a contest's reactions are one event with columns, but for a few with thoughts.
    """

    arena: Arena
    audience: Audience
    llm: LLM
    sampling: Sampling
    seed: int
    ties: Ties = "skip"
    batch: int = 32
    bulk: int = BULK


class Model(mesa.Model):
    """A Mesa model of contests in the isolated world: every member sees every contest.

    Args:
        society: arena, audience, language model, sampling and seed.
        journal: the run's log; it may hold steps of this model already.
        anchors: one contest each, in this order.
        writers: the policies, by slot; two or more.
        voters: the members who react.
        graph: audience graph with one node per voter, 0 .. k-1; by default without edges.
        probes: judges of every published message.
        phase, epoch, arm: the model's place in the plan.
    """

    def __init__(
        self,
        society: Society,
        journal: Journal,
        *,
        anchors: Sequence[Anchor],
        writers: Sequence[Writer],
        voters: Voters,
        phase: Phase,
        epoch: int,
        arm: str,
        graph: nx.Graph | None = None,
        probes: Sequence[Probe] = (),
    ) -> None:
        super().__init__(rng=society.seed)
        self.society, self.journal = society, journal
        self.arena, self.sampling, self.seed = society.arena, society.sampling, society.seed
        self.anchors, self.voters, self.probes = anchors, voters, probes
        self.phase: Phase = phase
        self.epoch, self.arm = epoch, arm
        self._graph = graph
        self.competitors = [Competitor(self, writer, slot) for slot, writer in enumerate(writers)]
        self._started_at = -1
        self.done = 0
        """Contests held so far."""
        self.running = bool(anchors)

    @property
    def state(self) -> State:
        """The run's state, after every event applied so far."""
        return self.journal.state

    @cached_property
    def space(self) -> Network:
        """The audience graph with a cell per member, made when it is first asked for."""
        return Network(
            self._graph if self._graph is not None else nx.empty_graph(len(self.voters.ids)), random=self.random
        )

    @cached_property
    def members(self) -> list[Member]:
        """All members as Mesa agents, made when they are first asked for: views that no step needs.

        Raises:
            InputError: there are more than :data:`VIEWS`.
        """
        if len(self.voters.ids) > VIEWS:
            raise InputError(
                f"{len(self.voters.ids):,} members are too many for an agent each",
                fix="Look at single ones with Model.member(row), or at the columns of Model.state.",
            )
        return [self.member(row) for row in range(len(self.voters.ids))]

    def member(self, row: int) -> Member:
        """Return a view of one member."""
        return Member(self, row)

    def step(self) -> None:
        """Hold the next batch of contests, unless the log holds them already."""
        batch = self.anchors[self.done : self.done + self.society.batch]
        if batch and not self.journal.skip_step(self._started(), [self._contest_id(anchor) for anchor in batch]):
            self._hold(batch)
            self._end_step()
        self.done += len(batch)
        self.running = self.done < len(self.anchors)

    def _started(self) -> StepStarted:
        return StepStarted(step=self.state.step, phase=self.phase, epoch=self.epoch, arm=self.arm)

    def _contest_id(self, anchor: Anchor) -> str:
        return "/".join((self.phase, str(self.epoch), self.arm, anchor.id))

    def _hold(self, batch: Sequence[Anchor]) -> None:
        with self.journal.transaction():
            for anchor, published in self._read(self._written(batch)):
                contest = self._contest_id(anchor)
                opened = self._open(contest, anchor, published)
                votes = self._react(contest, anchor, published, opened) if len(published) >= 2 else _NOBODY
                self._decide(contest, anchor, published, opened, votes)
                for message in published:
                    self._judge(message, anchor)

    def _written(self, batch: Sequence[Anchor]) -> Iterator[Written]:
        """Have every competitor write about every anchor; yield each anchor with what could be published about it."""
        journal = self.journal
        self._started_at = started = journal.emit(self._started())
        calls = [competitor.request(anchor) for anchor in batch for competitor in self.competitors]
        replies = iter(journal.ask(self.society.llm, calls, step=self.state.step, cause=started))
        for anchor in batch:
            contest = self._contest_id(anchor)
            messages = [self._publish(contest, anchor, competitor, next(replies)) for competitor in self.competitors]
            yield anchor, [message for message in messages if message is not None]

    def _read(self, written: Iterator[Written]) -> Iterable[Written]:
        """Let an audience of language models read everything that was written, all at once, before it reacts."""
        audience = self.society.audience
        if not is_asked(audience):
            return written
        done = list(written)
        ballots = [self._ballot(anchor, published) for anchor, published in done if len(published) >= 2]
        ask = partial(self.journal.ask, step=self.state.step, cause=self._started_at)
        audience.prepare(ballots, ask)
        return done

    def _ballot(self, anchor: Anchor, published: Sequence[MessagePublished]) -> Ballot:
        """Return a contest as its members see it, each in its own order."""
        place = (self.seed, self.phase, self.epoch, anchor.id)
        return Ballot(
            contest=self._contest_id(anchor), messages=tuple(message.message for message in published),
            texts=[message.text for message in published], voters=self.voters,
            shown=orders(self.voters.ids, len(published), *place, "order"), key=(*place, "choice"),
        )  # fmt: skip

    def _publish(
        self, contest: str, anchor: Anchor, competitor: Competitor, reply: LLMReplied
    ) -> MessagePublished | None:
        place = {
            "step": self.state.step, "cause": reply.seq, "message": f"{contest}/{competitor.slot}", "contest": contest,
            "slot": competitor.slot, "competitor": competitor.name, "anchor": anchor.id, "adapter": competitor.adapter,
        }  # fmt: skip
        parsed = parse_completion(reply.text, self.arena.tag)
        if isinstance(parsed, Completion):
            event = MessagePublished(**place, thinking=parsed.thinking, text=parsed.text)
            return msgspec.structs.replace(event, seq=self.journal.emit(event))
        self.journal.emit(MessageRejected(**place, reason=parsed.reason))
        return None

    def _open(self, contest: str, anchor: Anchor, published: list[MessagePublished]) -> int:
        return self.journal.emit(
            ContestOpened(
                step=self.state.step, cause=published[0].seq if published else -1, contest=contest, anchor=anchor.id,
                messages=[m.message for m in published],
            )
        )  # fmt: skip

    def _decide(
        self, contest: str, anchor: Anchor, published: list[MessagePublished], opened: int, votes: Votes
    ) -> None:
        """Count what members chose, and say who won."""
        chosen = votes.chosen
        counts = np.bincount(chosen[chosen >= 0], minlength=len(self.competitors)).tolist()
        outcome, winner = self._winner(contest, anchor, published, counts)
        self.journal.emit(
            ContestDecided(
                step=self.state.step, cause=opened, contest=contest, votes=counts,
                abstained=int((chosen < 0).sum()) - votes.invalid, invalid=votes.invalid, outcome=outcome, winner=winner,
                ties=self.society.ties,
            )
        )  # fmt: skip

    def _react(self, contest: str, anchor: Anchor, published: list[MessagePublished], opened: int) -> Votes:
        """Let every member read, log what they did, and return what they chose."""
        ballot = self._ballot(anchor, published)
        slots = np.array([message.slot for message in published], dtype=np.int8)
        audience, k, place = self.society.audience, len(self.voters.ids), (self.seed, self.phase, self.epoch, anchor.id)
        asked, rest = vocal(audience, self.voters.ids, *place) if k >= self.society.bulk else (slice(0, k), [])
        voters, shown = self.voters.of(asked), ballot.shown[asked]
        reactions = audience.react(ballot.texts, shown, voters, ballot.key)
        chosen = np.empty(k, dtype=np.int8)
        chosen[asked] = np.where(reactions.choices < 0, np.int8(-1), slots[reactions.choices])
        where = {"step": self.state.step, "cause": opened, "contest": contest}
        for i, (persona, order, choice) in enumerate(
            zip(voters.ids.tolist(), slots[shown].tolist(), chosen[asked].tolist(), strict=True)
        ):
            if i in reactions.invalid:
                self.journal.emit(ReactionInvalid(**where, persona=persona, order=order, raw=reactions.invalid[i]))
                continue
            thought = reactions.thoughts[i] if reactions.thoughts else ""
            self.journal.emit(Reacted(**where, persona=persona, order=order, choice=choice, thought=thought))
        for rows in rest:
            silent = self.voters.of(rows)
            picked = choices(audience, ballot.texts, ballot.shown[rows], silent, ballot.key)
            chosen[rows] = np.where(picked < 0, np.int8(-1), slots[picked])
            self.journal.emit(
                reacted_many(personas=silent.ids, orders=slots[ballot.shown[rows]], choices=chosen[rows], **where)
            )
        return Votes(chosen, len(reactions.invalid))

    def _winner(
        self, contest: str, anchor: Anchor, published: list[MessagePublished], votes: list[int]
    ) -> tuple[Literal["majority", "tie", "forfeit", "void"], int]:
        if len(published) < 2:
            return ("forfeit", published[0].slot) if published else ("void", -1)
        if not any(votes):
            return "void", -1
        best = [slot for slot, count in enumerate(votes) if count == max(votes)]
        if len(best) == 1:
            return "majority", best[0]
        if self.society.ties == "skip":
            return "tie", -1
        coin = keyed.generator(self.seed, "tie", self.phase, self.epoch, self.arm, anchor.id)
        return "tie", best[int(coin.integers(len(best)))]

    def _judge(self, message: MessagePublished, anchor: Anchor) -> None:
        for probe in self.probes:
            verdict = probe.judge(message.text, anchor, self.arena, thinking=message.thinking)
            self.journal.emit(
                VerdictGiven(
                    step=self.state.step,
                    cause=message.seq,
                    message=message.message,
                    probe=probe.name,
                    judge=probe.judge_name,
                    label=verdict.label,
                    evidence=list(verdict.evidence),
                )
            )

    def _end_step(self) -> None:
        with self.journal.transaction():
            self.journal.emit(StepEnded(step=self.state.step, state_hash=self.state.hash()))
