"""The evaluation of a run, read out of its log: contests, who voted for whom, what the probes said.

Votes are columns of a byte each, and contests with the same voters share the column that names them: a million voters
cost two megabytes a contest. Knows events; knows nothing of statistics.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from abm.columns import Int8s, Int16s, Int32s, unpack
from abm.events import (
    AudienceSet,
    CompetitorsJoined,
    ContestDecided,
    CrowdJoined,
    EvaluationAudienceSet,
    Event,
    FeedOpened,
    FeedServed,
    Forked,
    MessagePublished,
    MessageRejected,
    PersonasJoined,
    Reacted,
    ReactedMany,
    ReactionInvalid,
    ReaderJoined,
    RunConfigured,
    RunResumed,
    RunStarted,
    StepEnded,
    StepStarted,
    VerdictGiven,
)
from abm.reactions import members
from abm.societies import arena_in, arm_and_audience, arm_in
from analysis.readings._ballots import Ballots, options, placed
from analysis.readings._contradiction import check_slot
from analysis.readings.contests import NOBODY, Evaluation, EvaluationContest, Side
from analysis.readings.reading import result_of
from learning.arms.base_models import is_base
from learning.fitness import ObservedModels
from learning.plan.parts import is_head_to_head

if TYPE_CHECKING:
    import polars as pl


def read_evaluation(events: Iterable[Event] | Evaluation) -> Evaluation:
    """Return the evaluation contests of ``events``; an evaluation that is already read is returned as it is."""
    if isinstance(events, Evaluation):
        return events
    return result_of(events, EvaluationReading())


class EvaluationReading:
    """Reads an :class:`Evaluation`; of a growing log, only new events are read. A row of its frame is a contest.

    Args:
        audience: the evaluation audience whose votes are read, by name; empty: the run's own.
    """

    TAKES: ClassVar[frozenset[type[Event]]] = ObservedModels.TAKES | frozenset({
        AudienceSet, CompetitorsJoined, ContestDecided, CrowdJoined, EvaluationAudienceSet, FeedOpened, FeedServed, Forked, MessagePublished,
        MessageRejected, PersonasJoined, Reacted, ReactedMany, ReactionInvalid, ReaderJoined, RunConfigured, RunResumed,
        RunStarted, StepEnded, StepStarted, VerdictGiven,
    })  # fmt: skip

    def __init__(self, audience: str = "") -> None:
        self._audience, self._evaluation = audience, Evaluation()
        self._observed = ObservedModels(audience=audience)
        self._result: Evaluation | None = None
        self._panel: list[NDArray[np.int32]] = []
        self._step: StepStarted | None = None
        self._open: dict[str, EvaluationContest] = {}
        self._slots: dict[str, dict[int, Side]] = {}
        self._votes: defaultdict[str, Ballots] = defaultdict(Ballots)
        self._voters = NOBODY
        self._alone: dict[int, EvaluationContest] = {}
        self._rules: dict[str, int] | None = None

    def beside(self, audience: str) -> EvaluationReading:
        """Return a reading of what another audience votes from here on, which knows who joined."""
        other = EvaluationReading(audience)
        known = self._evaluation
        other._evaluation = replace(known, contests=[], originals=deepcopy(known.originals), reader="", fitted_on="")
        other._panel = list(self._panel)
        return other

    def result(self) -> Evaluation:
        """Return the contests decided so far; the same object until contests are added or verdicts change."""
        if self._result is None:
            decided = [contest for contest in self._evaluation.contests if contest.outcome]
            contests = [contest for contest in decided if not contest.arena]
            others = dict.fromkeys(contest.arena for contest in decided if contest.arena)
            elsewhere = {arena: [contest for contest in decided if contest.arena == arena] for arena in others}
            panel = self._panel or [np.unique(np.concatenate([NOBODY, *(c.personas for c in decided)]))]
            self._result = replace(
                self._evaluation, contests=contests, elsewhere=elsewhere, panel=np.concatenate(panel)
            )
            self._result.models = self._observed.result()
        return self._result

    def frame(self) -> pl.DataFrame:
        """Return :meth:`Evaluation.frame` of the contests so far."""
        return self.result().frame()

    def take(self, event: Event) -> None:
        """Take the next event."""
        self._observed.take(event)
        match event:
            case Reacted():  # first, for most events are
                self._react(event)
            case StepStarted():
                against_base = event.phase != "train" and not is_head_to_head(event.arm)
                self._step = event if against_base and event.audience == self._audience else None
            case StepEnded():
                self._step = None
            case RunConfigured() | Forked():
                self._result = None
                self._evaluation.config = event.config
            case RunStarted() | RunResumed():
                if event.probe_versions or event.versions:  # release 0.1 named no probes: theirs are of version 1
                    self._rules = event.probe_versions
            case CompetitorsJoined():
                self._evaluation.model = event.model
            case AudienceSet(part="personas") if not self._audience:
                self._evaluation.reader = ""
                self._evaluation.fitted_on = event.choice_model.get("surrogate", {}).get("fitted_on", "")
            case ReaderJoined() if not self._audience:
                self._evaluation.reader = event.model
            case EvaluationAudienceSet() if event.audience == self._audience:
                self._evaluation.reader = event.reader
                self._evaluation.fitted_on = event.choice_model.get("surrogate", {}).get("fitted_on", "")
            case PersonasJoined() | CrowdJoined():
                self._evaluation.originals.take(event)
                size = len(event.ids) if isinstance(event, PersonasJoined) else event.size
                if event.split == "evaluate":
                    self._panel.append(np.arange(event.first, event.first + size, dtype=np.int32))
            case MessagePublished() | MessageRejected() if self._step:
                self._message(event, self._step)
            case ReactedMany() | ReactionInvalid() | ContestDecided() | VerdictGiven() if self._step:
                self._outcome(event)
            case FeedOpened() if self._step:
                self._feed(event)
            case FeedServed() if self._step and self._alone:
                self._serve(event)

    def _message(self, event: MessagePublished | MessageRejected, step: StepStarted) -> None:
        contest = self._open.get(event.contest)
        if contest is None:
            arm, _ = arm_and_audience(step.arm)
            place = step.epoch, arm_in(arm), event.anchor
            contest = EvaluationContest(event.contest, *place, Side(), Side(), arena=arena_in(arm))
            self._open[event.contest] = contest
            self._slots[event.contest] = {}
            self._evaluation.contests.append(contest)
        side = contest.base if is_base(event.competitor) else contest.trained
        self._slots[event.contest][event.slot] = side
        if isinstance(event, MessagePublished):
            side.text = event.text
        else:
            side.rejected = event.reason or "rejected"

    def _feed(self, event: FeedOpened) -> None:
        """Note which messages in the feeds stand alone in their contest, by item."""
        contests = [self._open.get(message.rpartition("/")[0]) for message in event.messages]
        self._alone = {item: contest for item, contest in enumerate(contests) if contest and contest.forfeited_by}
        for contest in self._alone.values():
            contest.reached = NOBODY

    def _serve(self, event: FeedServed) -> None:
        who, items = unpack(event.members, Int32s), unpack(event.items, Int16s)
        for item, contest in self._alone.items():
            contest.reached = np.union1d(contest.reached, who[items == item])  # pyright: ignore[reportArgumentType, reportCallIssue]

    def _react(self, event: Reacted) -> None:
        contest = self._open.get(event.contest)
        if contest is None:
            return
        if event.choice < 0:
            contest.abstained += 1
        else:
            self._votes[event.contest].one(event.persona, event.choice, event.order)

    def _outcome(self, event: ReactedMany | ReactionInvalid | ContestDecided | VerdictGiven) -> None:
        name, _, slot = event.message.rpartition("/") if isinstance(event, VerdictGiven) else (event.contest, "", "")
        contest = self._open.get(name)
        if contest is None:
            return
        match event:
            case ReactedMany():
                choices = unpack(event.choices, Int8s)
                abstained = int(np.count_nonzero(choices < 0))
                contest.abstained += abstained
                valid = choices >= 0 if abstained else slice(None)
                orders = options(unpack(event.orders, Int8s), len(choices))
                self._votes[name].many(members(event)[valid], choices[valid], orders[valid])
            case ReactionInvalid():
                contest.invalid += 1
            case ContestDecided():
                self._result = None
                contest.outcome, contest.seq = event.outcome, event.seq
                self._count(contest)
            case VerdictGiven():
                self._result = None
                side = self._slots[name][check_slot(slot, name, self._slots[name])]
                side.labels[event.probe] = event.label
                if self._rules is not None:
                    self._evaluation.probe_versions[event.probe] = self._rules.get(event.probe, 1)
                side.hits[event.probe] = max(len(event.evidence), int(event.label == 1)) if event.label == 1 else 0

    def _count(self, contest: EvaluationContest) -> None:
        """Put together what each persona chose."""
        personas, choices, first = self._votes.pop(contest.contest, Ballots()).columns()
        if not len(personas):
            return
        of_trained = [slot for slot, side in self._slots[contest.contest].items() if side is contest.trained]
        trained = np.isin(choices, of_trained)
        at = personas - personas.min()
        times = np.bincount(at)
        who = np.flatnonzero(times)
        contest.personas = self._same((who + personas.min()).astype(np.int32))
        if len(who) == len(at):
            contest.votes, contest.first = placed(trained, at, who), placed(first, at, who)
            return
        contest.votes = np.bincount(at, trained)[who] / times[who]
        contest.first = np.bincount(at, first)[who] / times[who]
        contest.first[np.bincount(at, first < 0)[who] > 0] = -1

    def _same(self, voters: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the voters of the contest before, where these are the same: one column serves them all."""
        if not np.array_equal(voters, self._voters):
            self._voters = voters
        return self._voters
