"""Evaluation contests, read out of a log: who wrote, who voted for whom, what the probes said.

A contest of the evaluate phase is between the competitor named ``base`` and the one that carries its arm's name.
Knows events; knows nothing of statistics.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from abm.crowd import each
from abm.events import (
    CompetitorsJoined,
    ContestDecided,
    Event,
    Forked,
    MessagePublished,
    MessageRejected,
    PersonasJoined,
    Reacted,
    ReactedMany,
    ReactionInvalid,
    RunConfigured,
    StepEnded,
    StepStarted,
    VerdictGiven,
)

BASE = "base"
"""The competitor that writes with the base model in every evaluation."""


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
    votes: dict[int, float] = field(default_factory=dict)
    """Persona -> 1 for the trained message, 0 for the base message; the mean of its choices where it chose more than
    once. Valid votes only."""
    first: dict[int, int] = field(default_factory=dict)
    """Persona -> 1 if it chose the option that it saw first, else 0; its last choice, where it saw more than one."""
    times: dict[int, int] = field(default_factory=dict)
    """Persona -> how often it chose."""
    abstained: int = 0
    invalid: int = 0
    outcome: str = ""

    @property
    def forfeited_by(self) -> str:
        """``base``, ``trained``, ``both``, or empty where both messages were published."""
        sides = [name for name, side in (("base", self.base), ("trained", self.trained)) if side.rejected]
        return "both" if len(sides) == 2 else "".join(sides)


@dataclass
class Evaluation:
    """All evaluation contests of a log.

    Attributes:
        panel: indices of the held-out personas.
        config: the run's settings; empty where the log has none.
        model: the name of the model that writes.
    """

    contests: list[Contest] = field(default_factory=list)
    panel: list[int] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    model: str = ""

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
    reader = _Reader()
    for event in events:
        reader.take(event)
    found = reader.found
    found.contests = [contest for contest in found.contests if contest.outcome]
    if not found.panel:
        found.panel = sorted({persona for contest in found.contests for persona in contest.votes})
    return found


class _Reader:
    """Folds events, one at a time, into an :class:`Evaluation`."""

    def __init__(self) -> None:
        self.found = Evaluation()
        self._step: StepStarted | None = None
        self._open: dict[str, Contest] = {}
        self._slots: dict[str, dict[int, Judged]] = {}

    def take(self, event: Event) -> None:
        match event:
            case StepStarted():
                self._step = event if event.phase == "evaluate" else None
            case StepEnded():
                self._step = None
            case RunConfigured() | Forked():
                self.found.config = event.config
            case CompetitorsJoined():
                self.found.model = event.model
            case PersonasJoined() if event.split == "evaluate":
                self.found.panel.extend(range(event.first, event.first + len(event.ids)))
            case MessagePublished() | MessageRejected() if self._step:
                self._message(event, self._step)
            case Reacted() | ReactionInvalid() | ContestDecided() | VerdictGiven() if self._step:
                self._outcome(event)
            case ReactedMany() if self._step:
                for reaction in each(event):
                    self._outcome(reaction)

    def _message(self, event: MessagePublished | MessageRejected, step: StepStarted) -> None:
        contest = self._open.get(event.contest)
        if contest is None:
            contest = Contest(event.contest, step.epoch, step.arm, event.anchor, Judged(), Judged())
            self._open[event.contest] = contest
            self._slots[event.contest] = {}
            self.found.contests.append(contest)
        side = contest.base if event.competitor == BASE else contest.trained
        self._slots[event.contest][event.slot] = side
        if isinstance(event, MessagePublished):
            side.text = event.text
        else:
            side.rejected = event.reason or "rejected"

    def _outcome(self, event: Reacted | ReactionInvalid | ContestDecided | VerdictGiven) -> None:
        name, _, slot = event.message.rpartition("/") if isinstance(event, VerdictGiven) else (event.contest, "", "")
        contest = self._open.get(name)
        if contest is None:
            return
        match event:
            case Reacted(choice=-1):
                contest.abstained += 1
            case Reacted():
                times = contest.times[event.persona] = contest.times.get(event.persona, 0) + 1
                trained = self._slots[name].get(event.choice) is contest.trained
                _average(contest.votes, event.persona, trained, times)
                if len(event.order) > 1:
                    contest.first[event.persona] = int(event.order[0] == event.choice)
            case ReactionInvalid():
                contest.invalid += 1
            case ContestDecided():
                contest.outcome = event.outcome
            case VerdictGiven():
                side = self._slots[name][int(slot)]
                side.labels[event.probe] = event.label
                side.hits[event.probe] = max(len(event.evidence), int(event.label == 1)) if event.label == 1 else 0


def _average(means: dict[int, float], persona: int, value: bool, times: int) -> None:
    """Take the ``times``-th value into a persona's mean."""
    before = means.get(persona, 0.0)
    means[persona] = before + (value - before) / times


def words(texts: Sequence[str]) -> int:
    """Return the number of words in ``texts``, split at white space."""
    return sum(len(text.split()) for text in texts)
