"""Evaluation contests, read out of a log: who wrote, who voted for whom, what the probes said.

A contest of the evaluate phase is between the competitor named ``base`` and the one that carries its arm's name.
Votes are columns of a byte each, and contests with the same voters share the column that names them: a million voters
cost two megabytes a contest. Knows events; knows nothing of statistics.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from abm.columns import Int8s, Int16s, Int32s, unpack
from abm.events import (
    AudienceSet,
    CompetitorsJoined,
    ContestDecided,
    CrowdJoined,
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
    StepEnded,
    StepStarted,
    VerdictGiven,
)
from abm.reactions import members

BASE = "base"
"""The competitor that writes with the base model in every evaluation."""
NOBODY: NDArray[np.int32] = np.zeros(0, dtype=np.int32)


@dataclass
class Judged:
    """One side's message: its text, or why it was rejected, and its verdicts."""

    text: str = ""
    rejected: str = ""
    labels: dict[str, int] = field(default_factory=dict)
    """Probe -> 1, 0 or -1."""
    hits: dict[str, int] = field(default_factory=dict)
    """Probe -> spans that it quoted as evidence."""


@dataclass
class Contest:
    """Base against trained about one anchor."""

    contest: str
    epoch: int
    arm: str
    anchor: str
    base: Judged
    trained: Judged
    personas: NDArray[np.int32] = field(default_factory=lambda: NOBODY)
    """Who cast valid votes, ascending."""
    votes: NDArray[np.int8] | NDArray[np.float64] = field(default_factory=lambda: np.zeros(0, dtype=np.int8))
    """1 for the trained message, 0 for the base message, by persona; the mean where one chose more than once."""
    first: NDArray[np.int8] | NDArray[np.float64] = field(default_factory=lambda: np.zeros(0, dtype=np.int8))
    """1 for the option that was seen first, else 0, likewise; -1 for those who saw only one."""
    abstained: int = 0
    invalid: int = 0
    outcome: str = ""
    reached: NDArray[np.int32] | None = None
    """Who saw the one message of a forfeited contest that was in the feeds, ascending; None where everybody sees all."""

    @property
    def forfeited_by(self) -> str:
        """``base``, ``trained``, ``both``, or empty where both messages were published."""
        sides = [name for name, side in (("base", self.base), ("trained", self.trained)) if side.rejected]
        return "both" if len(sides) == 2 else "".join(sides)


@dataclass
class Evaluation:
    """All evaluation contests of a log.

    Attributes:
        panel: indices of the held-out personas, shape (n,).
        config: the run's settings; empty where the log has none.
        model: the name of the model that writes.
        reader: of the one that plays the personas; empty where none does.
        fitted_on: whose votes the choice model that reacts was fitted on; empty where none was.
    """

    contests: list[Contest] = field(default_factory=list)
    panel: NDArray[np.int32] = field(default_factory=lambda: NOBODY)
    config: dict[str, Any] = field(default_factory=dict)
    model: str = ""
    reader: str = ""
    fitted_on: str = ""

    @property
    def epochs(self) -> list[int]:
        """Epochs that were evaluated, in order."""
        return sorted({contest.epoch for contest in self.contests})

    def arms(self) -> list[str]:
        """Return the arms, in the order of the log."""
        return list(dict.fromkeys(contest.arm for contest in self.contests))

    def of(self, arm: str, epoch: int | None = None) -> list[Contest]:
        """Return an arm's contests in one epoch, by default the last one evaluated; ordered by anchor."""
        epochs = self.epochs
        epoch = epoch if epoch is not None else (epochs[-1] if epochs else 0)
        return [c for c in self.contests if c.arm == arm and c.epoch == epoch]


def read_evaluation(events: Iterable[Event] | Evaluation) -> Evaluation:
    """Return the evaluation contests of ``events``; one that is read already is returned as it is."""
    if isinstance(events, Evaluation):
        return events
    reader = EvaluationReader()
    for event in events:
        reader.take(event)
    return reader.result()


class EvaluationReader:
    """Folds events, one at a time, into an :class:`Evaluation`; a log that grows is read on, not read again."""

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset({
        AudienceSet, CompetitorsJoined, ContestDecided, CrowdJoined, FeedOpened, FeedServed, Forked, MessagePublished,
        MessageRejected, PersonasJoined, Reacted, ReactedMany, ReactionInvalid, ReaderJoined, RunConfigured, StepEnded,
        StepStarted, VerdictGiven,
    })  # fmt: skip
    """Types of events that it looks at."""

    def __init__(self) -> None:
        self._found = Evaluation()
        self._result: Evaluation | None = None
        self._panel: list[NDArray[np.int32]] = []
        self._step: StepStarted | None = None
        self._open: dict[str, Contest] = {}
        self._slots: dict[str, dict[int, Judged]] = {}
        self._votes: defaultdict[str, _Votes] = defaultdict(_Votes)
        self._voters = NOBODY
        self._alone: dict[int, Contest] = {}

    def result(self) -> Evaluation:
        """Return the contests that were decided so far; the same object until there are more, or other verdicts."""
        if self._result is None:
            contests = [contest for contest in self._found.contests if contest.outcome]
            panel = self._panel or [np.unique(np.concatenate([NOBODY, *(c.personas for c in contests)]))]
            self._result = replace(self._found, contests=contests, panel=np.concatenate(panel))
        return self._result

    def take(self, event: Event) -> None:
        match event:
            case Reacted():  # first, for most events are
                self._react(event)
            case StepStarted():
                self._step = event if event.phase == "evaluate" else None
            case StepEnded():
                self._step = None
            case RunConfigured() | Forked():
                self._result = None
                self._found.config = event.config
            case CompetitorsJoined():
                self._found.model = event.model
            case AudienceSet(part="personas"):
                self._found.reader, self._found.fitted_on = (
                    "",
                    event.choice_model.get("surrogate", {}).get("fitted_on", ""),
                )
            case ReaderJoined():
                self._found.reader = event.model
            case PersonasJoined() if event.split == "evaluate":
                self._panel.append(np.arange(event.first, event.first + len(event.ids), dtype=np.int32))
            case CrowdJoined() if event.split == "evaluate":
                self._panel.append(np.arange(event.first, event.first + event.size, dtype=np.int32))
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
            contest = Contest(event.contest, step.epoch, step.arm, event.anchor, Judged(), Judged())
            self._open[event.contest] = contest
            self._slots[event.contest] = {}
            self._found.contests.append(contest)
        side = contest.base if event.competitor == BASE else contest.trained
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
                orders = unpack(event.orders, Int8s).reshape(len(choices), -1)
                self._votes[name].many(members(event)[valid], choices[valid], orders[valid])
            case ReactionInvalid():
                contest.invalid += 1
            case ContestDecided():
                self._result = None
                contest.outcome = event.outcome
                self._count(contest)
            case VerdictGiven():
                self._result = None
                side = self._slots[name][int(slot)]
                side.labels[event.probe] = event.label
                side.hits[event.probe] = max(len(event.evidence), int(event.label == 1)) if event.label == 1 else 0

    def _count(self, contest: Contest) -> None:
        """Put together what each persona chose."""
        personas, choices, first = self._votes.pop(contest.contest, _Votes()).columns()
        if not len(personas):
            return
        of_trained = [slot for slot, side in self._slots[contest.contest].items() if side is contest.trained]
        trained = np.isin(choices, of_trained)
        at = personas - personas.min()
        times = np.bincount(at)
        who = np.flatnonzero(times)
        contest.personas = self._same((who + personas.min()).astype(np.int32))
        if len(who) == len(at):
            contest.votes, contest.first = _placed(trained, at, who), _placed(first, at, who)
            return
        contest.votes = np.bincount(at, trained)[who] / times[who]
        contest.first = np.bincount(at, first)[who] / times[who]
        contest.first[np.bincount(at, first < 0)[who] > 0] = -1

    def _same(self, voters: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the voters of the contest before, where these are the same: one column serves them all."""
        if not np.array_equal(voters, self._voters):
            self._voters = voters
        return self._voters


def _placed(values: NDArray, at: NDArray[np.integer], who: NDArray[np.integer]) -> NDArray[np.int8]:
    """Return small whole numbers in the order of ``who``, each once among the places ``at``."""
    column = np.zeros(who[-1] + 1, dtype=np.int8)
    column[at] = values
    return column[who]


class _Votes:
    """Valid votes of one contest, until it is decided: single ones as plain numbers, a crowd's as columns."""

    def __init__(self) -> None:
        self._singles: list[tuple[int, int, int]] = []
        self._crowds: list[tuple[NDArray[np.integer], NDArray[np.int8], NDArray[np.int8]]] = []

    def one(self, persona: int, choice: int, order: Sequence[int]) -> None:
        """Add a persona's vote, with the options in the order in which it saw them."""
        self._singles.append((persona, choice, int(order[0] == choice) if len(order) > 1 else -1))

    def many(self, personas: NDArray[np.integer], choices: NDArray[np.int8], orders: NDArray[np.int8]) -> None:
        """Add a crowd's votes: shapes (k,), (k,) and (k, 2 or more), -1 among the orders for no option."""
        first = np.where(orders[:, 1] >= 0, (orders[:, 0] == choices).astype(np.int8), np.int8(-1))
        self._crowds.append((personas, choices, first))

    def columns(self) -> tuple[NDArray[np.integer], NDArray[np.int8], NDArray[np.int8]]:
        """Return personas; choices; 1 for a vote for what was seen first, 0 for another, -1 where only one was seen."""
        singles = np.array(self._singles, dtype=np.int32).reshape(-1, 3)
        singles = (singles[:, 0], singles[:, 1].astype(np.int8), singles[:, 2].astype(np.int8))
        personas, choices, first = (np.concatenate(parts) for parts in zip(singles, *self._crowds, strict=True))
        return personas, choices, first


def words(texts: Sequence[str]) -> int:
    """Return the number of words in ``texts``, split at white space."""
    return sum(len(text.split()) for text in texts)
