"""One society over a planned list of contests; ``step()`` is decide -> append -> apply.

What is common to the worlds: competitors write, what parses is published, a world lets members read and choose, votes are
counted, probes that were handed in judge. Knows nothing of who sees what, of learning, or of what the results mean.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray

from abm.arenas import Arena
from abm.arenas.anchors import Anchor
from abm.arenas.completions import Completion
from abm.audience import Audience, SourceFindings, SourceReaders, Voters
from abm.audience.vocal import BULK
from abm.events import Event, MessagePublished, Phase, RoundsRecalled, StepEnded, StepStarted
from abm.journal import Journal
from abm.llm.port import LLM, Request, Sampling
from abm.probe import Probe
from abm.societies import arm_and_audience
from abm.state.state import State
from abm.worlds import contests
from abm.worlds.agents import Competitor, Member, NamedPolicy
from abm.worlds.causes import emit_all
from abm.worlds.contests import Slate, Votes
from abm.worlds.offers import Assignment, Offer, occasion
from abm.worlds.peopled import Peopled
from abm.worlds.roles import competitor_class, failed, member_class, roles
from abm.worlds.tie_rules import Ties
from moloch import keyed
from moloch.errors import MolochError
from moloch.keyed import Part


class Society(msgspec.Struct, frozen=True):
    """What does not change between the stages of a run.

    Attributes:
        batch: contests per step; also the planned batch of model calls.
        bulk: members from which a contest's reactions are one event with columns, but for a few with thoughts.
        members: name of a class of members -> the share of all members that are of it; see :mod:`abm.worlds.roles`.
        competitor: name of the class of competitors, where a writer names none.
    """

    arena: Arena
    audience: Audience
    llm: LLM
    sampling: Sampling
    seed: int
    ties: Ties = "skip"
    batch: int = 32
    bulk: int = BULK
    members: Mapping[str, float] = {}
    competitor: str = "policy"


class Stage(msgspec.Struct, frozen=True):
    """One stage of a run's plan: who competes about what before whom.

    Attributes:
        anchors: one contest each, in this order.
        writers: the policies, by slot; two or more.
        voters: the members who react.
        phase, epoch, arm: its place in the plan.
        probes: judges of every published message.
        remembered: persona index -> what it remembers from before; a world without memory knows nothing of it.
        seats: by contest, the place among ``writers`` of the one who has each slot, as :mod:`abm.worlds.seats` draws them; empty where
            slots are places. A networked world has none: a slot is an account there.
        recall: name of a competitor and number of the step -> what it remembers of rounds before that step; None where nobody does.
        source: who of the members reads the anchor, too; None for nobody.
    """

    anchors: Sequence[Anchor]
    writers: Sequence[NamedPolicy]
    voters: Voters
    phase: Phase
    epoch: int
    arm: str
    probes: Sequence[Probe] = ()
    remembered: Mapping[int, str] = {}
    seats: Sequence[Sequence[int]] = ()
    recall: Callable[[str, int], RoundsRecalled | None] | None = None
    source: SourceReaders | None = None

    def contest(self, anchor: Anchor) -> str:
        """Return the id of the contest about an anchor."""
        return "/".join((self.phase, str(self.epoch), self.arm, anchor.id))


class Model(Peopled):
    """A Mesa model of contests. A world says in :meth:`hold` how a batch of them goes.

    Args:
        society: arena, audience, language model, sampling and seed.
        journal: the run's log; it may hold steps of this model already.
        stage: who competes about what before whom.

    Attributes:
        done: contests held so far.

    Raises:
        InputError: a class of members or competitors that is not registered.
    """

    def __init__(self, society: Society, journal: Journal, stage: Stage) -> None:
        super().__init__(society.seed)
        self.society, self.journal, self.stage = society, journal, stage
        self.competitors = [
            competitor_class(writer.kind or society.competitor)(self, writer, slot)
            for slot, writer in enumerate(stage.writers)
        ]
        self._kinds = [member_class(name) for name in society.members]
        self._roles = roles(stage.voters.ids, society.members, society.seed)
        self._assignments: list[Assignment] = []
        self._offer: Offer | None = None
        self._started_at = -1
        self.done = 0
        self.running = bool(stage.anchors)

    @property
    def state(self) -> State:
        """The run's state, after every event applied so far."""
        return self.journal.state

    @property
    def voters(self) -> Voters:
        """The members who react, as columns."""
        return self.stage.voters

    @property
    def phase(self) -> Phase:
        """``train``, ``evaluate`` or ``elsewhere``."""
        return self.stage.phase

    @property
    def epoch(self) -> int:
        """The stage's epoch, from 1."""
        return self.stage.epoch

    @property
    def arm(self) -> str:
        """Whose society it is."""
        return self.stage.arm

    def step(self) -> None:
        """Hold the next batch of contests, unless the log holds them already."""
        batch = self.stage.anchors[self.done : self.done + self.society.batch]
        if batch and not self.journal.skip_step(self._started(), [self.stage.contest(anchor) for anchor in batch]):
            self.hold(batch)
            self.append([StepEnded(step=self.state.step, state_hash=self.state.hash())])
        self.done += len(batch)
        self.running = self.done < len(self.stage.anchors)

    @abstractmethod
    def hold(self, batch: Sequence[Anchor]) -> None:
        """Hold a batch of contests: decide, append, and let what is committed be applied."""

    # -- what every world does -----------------------------------------------------------------------------

    def append(self, events: Iterable[Event]) -> list[int]:
        """Commit what was decided together, durably and whole; return the ``seq`` of each event."""
        decided = list(events)  # all of it, before the first is applied
        with self.journal.transaction():
            return emit_all(self.journal, decided)

    def write(self, batch: Sequence[Anchor]) -> Iterator[Slate]:
        """Have every competitor write about every anchor; yield what could be published about each.

        Emits the step's start, the model's answers and the messages; the caller commits.
        """
        step = self.state.step
        self._started_at = started = self.journal.emit(self._started())
        self._recall(step, started)
        assignments = [self._assignment(anchor, self.done + i) for i, anchor in enumerate(batch)]
        models = [each.llm or self.society.llm for one in assignments for each in self._by_slot(one)]
        answers = iter(self._answers(self._drafts(assignments), models, step, started))
        for assignment in assignments:
            events = [
                event
                for each in self._by_slot(assignment)
                for event in contests.written(each, assignment, next(answers), step, started)
            ]
            seqs = emit_all(self.journal, events)
            messages = [
                msgspec.structs.replace(event, seq=seq)
                for event, seq in zip(events, seqs, strict=True)
                if isinstance(event, MessagePublished)
            ]
            yield Slate(assignment.contest, assignment.anchor, tuple(messages), self._place(assignment.anchor))

    def _recall(self, step: int, started: int) -> None:
        """Put before each competitor what it remembers, and record it."""
        if (recall := self.stage.recall) is None:
            return
        for name in dict.fromkeys(each.name for each in self.competitors):
            recalled = recall(name, step)
            for competitor in self.competitors:
                if competitor.name == name:
                    competitor.remembered = recalled.remembered if recalled else ""
            if recalled is not None:
                self.journal.emit(msgspec.structs.replace(recalled, step=step, cause=started))

    def _answers(
        self, drafts: Sequence[Request | Completion], models: Sequence[LLM], step: int, started: int
    ) -> list[list[contests.Answer]]:
        """Return what came of each draft: itself, or the answers to it, the last of which counts.

        What cannot be read is asked for again, all of it together, as often as the arena says. Each model is asked for all of its own
        together, one model after the other.

        Args:
            models: who writes each draft.
        """
        arena = self.society.arena
        came: list[list[contests.Answer]] = [[] if isinstance(draft, Request) else [draft] for draft in drafts]
        asked = {i: draft for i, draft in enumerate(drafts) if isinstance(draft, Request)}
        for attempt in range(1, arena.attempts + 1):
            for llm in {id(models[i]): models[i] for i in asked}.values():
                own = [i for i in asked if models[i] is llm]
                calls = [contests.another(asked[i], attempt) for i in own]
                for i, reply in zip(own, self.journal.ask(llm, calls, step=step, cause=started), strict=True):
                    came[i].append(reply)
            asked = {i: each for i, each in asked.items() if not contests.is_readable(came[i][-1], arena)}
            if not asked:
                break
        return came

    def decided(self, slate: Slate, votes: Votes, cause: int = contests.FIRST) -> Event:
        """Return who won a contest; ``cause`` is the ``seq`` of its opening."""
        stage, society = self.stage, self.society
        coin = (society.seed, "tie", stage.phase, stage.epoch, stage.arm, slate.anchor.id)
        return contests.decided(
            slate,
            votes,
            self.state.step,
            competitors=len(self.competitors),
            ties=society.ties,
            coin=coin,
            cause=cause,
        )

    def source_of(self, slate: Slate) -> SourceFindings | None:
        """Return what members know of a contest who read its source; None where nobody does."""
        readers = self.stage.source
        return readers.source(slate.texts, slate.anchor, self.society.arena) if readers else None

    @cached_property
    def reads_source(self) -> NDArray[np.bool_] | None:
        """Which members read the source of messages, shape (members,); None where nobody does."""
        readers = self.stage.source
        return readers.among(self.voters.ids, self.society.seed) if readers else None

    def verdicts(self, slate: Slate) -> Iterator[Event]:
        """Yield what the stage's probes say of a contest's messages."""
        return contests.verdicts(slate, self.stage.probes, self.society.arena, self.state.step)

    def _started(self) -> StepStarted:
        _, audience = arm_and_audience(self.arm)
        return StepStarted(step=self.state.step, phase=self.phase, epoch=self.epoch, arm=self.arm, audience=audience)

    def _place(self, anchor: Anchor) -> tuple[Part, ...]:
        """Return the key of a contest's draws: common to the arms, so that they can be compared in pairs."""
        return (self.society.seed, occasion(self.phase, self.society.arena), self.epoch, anchor.id)

    def _assignment(self, anchor: Anchor, number: int) -> Assignment:
        """Return what competitors write about in a contest of the stage, which has this ``number``."""
        society, stage = self.society, self.stage
        slots = tuple(np.argsort(stage.seats[number]).tolist()) if stage.seats else ()
        return Assignment(
            anchor,
            stage.contest(anchor),
            society.arena,
            society.sampling,
            society.seed,
            stage.phase,
            stage.epoch,
            slots,
        )

    def _by_slot(self, assignment: Assignment) -> list[Competitor]:
        """Return the competitors by their slot in a contest."""
        return sorted(self.competitors, key=lambda each: assignment.slot(each.slot))

    def _drafts(self, assignments: list[Assignment]) -> list[Request | Completion]:
        """Return what each competitor wrote or asks for, assignment by assignment, by slot."""
        self._assignments = assignments
        try:
            for competitor in self.competitors:
                _write_all(competitor)
        finally:
            self._assignments = []
        return [each.drafts[i] for i, assignment in enumerate(assignments) for each in self._by_slot(assignment)]

    # -- members with their own class ----------------------------------------------------------------------

    @property
    def assignments(self) -> Sequence[Assignment]:
        """What competitors write about now."""
        return self._assignments or super().assignments

    @property
    def offer(self) -> Offer:
        """What members choose among now."""
        return self._offer or super().offer

    @cached_property
    def own_members(self) -> dict[int, Member]:
        """Row -> agent of those whose class decides by itself, ascending."""
        own = [number for number, kind in enumerate(self._kinds) if kind.react is not Member.react]
        return {row: self.member(row) for row in np.flatnonzero(np.isin(self._roles, own)).tolist()}

    def _made(self, row: int) -> Member:
        role = int(self._roles[row])
        return (self._kinds[role] if role >= 0 else Member)(self, row)

    @property
    def asks_singly(self) -> bool:
        """Whether any member reacts by its agent, not in the audience's one call."""
        return bool(self.own_members) or type(self).ask is not Model.ask

    def ask(self, offer: Offer) -> None:
        """Let the members who decide by themselves react, one by one, to what is before them.

        Raises:
            MolochError: a member's own class failed.
        """
        own, member = self.own_members, None
        asked = own if len(offer.rows) == len(self.voters.ids) else own.keys() & set(offer.rows.tolist())
        try:
            for row in asked if asked is own else sorted(asked):
                member = own[row]
                member.step()
        except MolochError:
            raise
        except Exception as error:
            raise failed(f"{type(member).__name__}.react", error) from error

    def explanation(self, offer: Offer, row: int, option: int) -> str:
        """Return why a member who decides by itself chose an option.

        Raises:
            MolochError: its class failed.
        """
        member = self.own_members[row]
        try:
            return member.explain(offer, option)
        except Exception as error:
            raise failed(f"{type(member).__name__}.explain", error) from error

    def answers(self, offer: Offer, key: tuple[Part, ...]) -> NDArray[np.int64]:
        """Return what the members before an offer choose, shape (k,): as the audience says, or as they decide themselves.

        Args:
            key: of the draws of ``model.random`` and ``model.rng``.

        Raises:
            MolochError: a member's own class failed, or chose what is no option.
        """
        with self._opened(offer, key):
            self.ask(offer)
        options = offer.usual.astype(np.int64)
        places, answers = offer.own_answers()
        options[places] = answers
        return options

    @contextmanager
    def _opened(self, offer: Offer, key: tuple[Part, ...]) -> Iterator[None]:
        seed = keyed.seed32(*key, "members")
        self.random.seed(seed)  # the draws of a contest do not depend on what was drawn before
        self.rng = np.random.default_rng(seed)
        self._offer = offer
        try:
            yield
        finally:
            self._offer = None


def _write_all(competitor: Competitor) -> None:
    try:
        competitor.step()
    except MolochError:
        raise
    except Exception as error:
        raise failed(f"{type(competitor).__name__}.write", error) from error
