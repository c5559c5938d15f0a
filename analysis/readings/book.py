"""What a run's log says so far: settings, people, steps, contests, messages, adapters.

It grows with contests and personas, not with reactions or answers: reactions are read when a page shows a contest or
a persona.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from abm.events import (
    AdapterTrained,
    AnchorsListed,
    ArenaSet,
    ArmFlagged,
    ArmStopped,
    CallsServed,
    CompetitorsJoined,
    ContestDecided,
    ContestOpened,
    CrowdJoined,
    EpochEnded,
    Event,
    Forked,
    Intervened,
    LLMReplied,
    MessagePublished,
    MessageRejected,
    OtherArenaSet,
    PersonasJoined,
    ReaderJoined,
    RunConfigured,
    RunEnded,
    StepEnded,
    StepStarted,
    SurveyClosed,
    TasksClosed,
    TasksListed,
    TiesFormed,
    TrainingMeasured,
    VerdictGiven,
)
from abm.probe import Kind, kind_of, misbehaviour, miscopying
from analysis.formats import LABEL, short
from analysis.readings.reading import frame_of
from analysis.readings.society import SocietyKey, societies_of
from learning.plan.recorded import answers_of
from learning.runs.attempts import is_retry

if TYPE_CHECKING:
    import polars as pl

MESSAGES = {
    "message": str,
    "contest": str,
    "slot": int,
    "phase": str,
    "epoch": int,
    "arm": str,
    "step": int,
    "competitor": str,
    "anchor": str,
    "adapter": str,
    "text": str,
    "thinking": str,
    "rejected": str,
    "outcome": str,
    "won": bool,
    "misbehaved": bool,
    "miscopied": bool,
    "seq": int,
    "attempt": int,
    "cut": int,
}


@dataclass
class Step:
    """One step: events ``first`` to ``last`` (-1 while it is running)."""

    number: int
    phase: str
    epoch: int
    arm: str
    first: int
    last: int = -1

    @property
    def society(self) -> SocietyKey:
        """The society that it is a step of."""
        return SocietyKey(self.phase, self.arm, self.epoch)


@dataclass
class Message:
    """What one competitor wrote, its verdicts, and its outcome."""

    message: str
    contest: str
    slot: int
    competitor: str
    anchor: str
    adapter: str
    seq: int
    text: str = ""
    thinking: str = ""
    rejected: str = ""
    attempt: int = 1
    cut: int = 0
    verdicts: list[VerdictGiven] = field(default_factory=list)

    @property
    def findings(self) -> list[tuple[str, list[str]]]:
        """Probes that found something, each with the spans that it quotes."""
        return [(verdict.probe, verdict.evidence) for verdict in self.verdicts if verdict.label == 1]

    @property
    def misbehaved(self) -> list[str]:
        """Probes of strategy that it failed."""
        return misbehaviour(self.verdicts)

    @property
    def miscopied(self) -> list[str]:
        """Probes of skill that it failed."""
        return miscopying(self.verdicts)

    def whether(self, kind: Kind) -> bool | None:
        """Return whether it failed a probe of that kind; None where none could tell."""
        told = any(verdict.label >= 0 and kind_of(verdict.probe) == kind for verdict in self.verdicts)
        return bool(self.misbehaved if kind == "strategy" else self.miscopied) if told else None


@dataclass
class Contest:
    """One contest; undecided while ``outcome`` is empty."""

    contest: str
    step: Step
    anchor: str
    messages: dict[int, Message] = field(default_factory=dict)
    seq: int = -1
    votes: list[int] = field(default_factory=list)
    abstained: int = 0
    invalid: int = 0
    outcome: str = ""
    winner: int = -1
    ties: str = ""

    def competitors(self) -> dict[int, str]:
        """Return slot -> what to call its author; the message's number is added where one author wrote several."""
        names = {slot: message.competitor for slot, message in sorted(self.messages.items())}
        alone = len(set(names.values())) == len(names)
        return names if alone else {slot: f"{name}, message {slot + 1}" for slot, name in names.items()}


@dataclass
class Book:
    """A reading of everything except reactions, in the order of the log. A row of its frame is a message.

    Attributes:
        people: who joined, in the order of persona indices.
        listed: split -> its anchors; ``elsewhere``: other arena -> those there; ``answers``: set of tasks -> answers of each
            writer, ``tasks_closed``: writers who gave all of them to a set.
        header: ties of the run's graphs.
        seq: the next event's, as far as the book received events of other types.
        forks: (``seq``, names of changed settings).
        replies: answers of language models; ``again``: those of them for which a model was asked once more; ``tokens`` that they wrote,
            ``tokens_in`` that they read; ``usd``: what servers charged for them; ``served``: whether a server answered.
    """

    config: dict[str, Any] = field(default_factory=dict)
    arena: dict[str, Any] = field(default_factory=dict)
    anchors: dict[str, dict[str, Any]] = field(default_factory=dict)
    listed: Counter[str] = field(default_factory=Counter)
    elsewhere: dict[str, int] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)
    tasks_closed: int = 0
    people: list[PersonasJoined | CrowdJoined] = field(default_factory=list)
    header: list[TiesFormed] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    model: str = ""
    reader: str = ""
    steps: list[Step] = field(default_factory=list)
    contests: dict[str, Contest] = field(default_factory=dict)
    adapters: list[AdapterTrained] = field(default_factory=list)
    measured: dict[tuple[str, int, str], TrainingMeasured] = field(default_factory=dict)
    alarms: list[ArmFlagged | ArmStopped] = field(default_factory=list)
    epochs: list[EpochEnded] = field(default_factory=list)
    interventions: list[Intervened] = field(default_factory=list)
    surveys: list[SurveyClosed] = field(default_factory=list)
    forks: list[tuple[int, list[str]]] = field(default_factory=list)
    ended: RunEnded | None = None
    seq: int = 0
    replies: int = 0
    tokens: int = 0
    again: int = 0
    tokens_in: int = 0
    usd: float = 0.0
    served: bool = False

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset({
        AdapterTrained, AnchorsListed, ArenaSet, ArmFlagged, ArmStopped, CompetitorsJoined, ContestDecided, ContestOpened, CrowdJoined, EpochEnded,
        Forked, Intervened, LLMReplied, MessagePublished, MessageRejected, PersonasJoined, ReaderJoined, RunConfigured,
        RunEnded, StepEnded, StepStarted, SurveyClosed, TiesFormed, TrainingMeasured, TasksClosed, TasksListed,
        OtherArenaSet, VerdictGiven, CallsServed,
    })  # fmt: skip

    def result(self) -> Book:
        """Return the book itself, as it is now."""
        return self

    def frame(self) -> pl.DataFrame:
        """Return a row per message, published or rejected; ``seq`` is its event's, ``step`` -1 before the first.

        ``misbehaved`` and ``miscopied`` are null where no probe of that kind could tell; ``cut`` counts characters.
        """
        rows = []
        for contest in self.contests.values():
            step = contest.step
            for message in contest.messages.values():
                place = message.slot, step.phase, step.epoch, step.arm, step.number
                wrote = message.competitor, message.anchor, message.adapter, message.text, message.thinking
                ended = message.rejected, contest.outcome, contest.winner == message.slot
                failed = message.whether("strategy"), message.whether("copying")
                seen = message.seq, message.attempt, message.cut
                rows.append((message.message, message.contest, *place, *wrote, *ended, *failed, *seen))
        return frame_of(rows, MESSAGES)

    def take(self, event: Event) -> None:
        """Take the next event."""
        self.seq = event.seq + 1
        match event:
            case LLMReplied():
                self.replies += 1
                self.again += is_retry(event.site)
                self.tokens += event.tokens_out
                self.tokens_in += event.tokens_in
            case CallsServed():
                self.usd, self.served = self.usd + event.usd, True
            case MessagePublished() | MessageRejected():
                self._write(event)
            case ContestOpened():
                self._contest(event.contest, event.anchor)
            case VerdictGiven():
                contest, _, slot = event.message.rpartition("/")
                messages = self.contests[contest].messages if contest in self.contests else {}
                wrote = (
                    messages.get(int(slot)) if slot.isdecimal() else None
                )  # evaluations say what is wrong with others
                if wrote is not None:
                    wrote.verdicts.append(event)
            case ContestDecided():
                self._decide(event)
            case StepStarted():
                self.steps.append(Step(event.step, event.phase, event.epoch, event.arm, event.seq))
            case StepEnded() if self.steps:
                self.steps[-1].last = event.seq
            case AdapterTrained():
                self.adapters.append(event)
            case TrainingMeasured():
                self.measured[(event.arm, event.epoch, event.adapter)] = event
            case ArmFlagged() | ArmStopped():
                self.alarms.append(event)
            case EpochEnded():
                self.epochs.append(event)
            case Intervened():
                self.interventions.append(event)
            case SurveyClosed():
                self.surveys.append(event)
            case TasksClosed():
                self.tasks_closed += 1
            case RunEnded():
                self.ended = event
            case _:
                self._settings(event)

    def _settings(self, event: Event) -> None:
        match event:
            case RunConfigured():
                self.config = event.config
            case Forked():
                self.config = event.config
                self.forks.append((event.seq, event.changed))
            case ArenaSet():
                self.arena = event.arena
            case AnchorsListed():
                self.anchors |= {str(row.get("id", "")): row for row in event.anchors}
                self.listed[event.split] += len(event.anchors)
            case OtherArenaSet():
                self.anchors |= {str(row.get("id", "")): row for row in event.anchors}
                self.elsewhere[str(event.arena.get("name", ""))] = len(event.anchors)
            case TasksListed():
                self.answers[event.task_set] = answers_of(event)
            case PersonasJoined() | CrowdJoined():
                self.people.append(event)
            case CompetitorsJoined():
                self.names, self.model = event.names, event.model
            case ReaderJoined():
                self.reader = event.model
            case TiesFormed(why="graph"):
                self.header.append(event)

    def _write(self, event: MessagePublished | MessageRejected) -> None:
        place = (event.message, event.contest, event.slot, event.competitor, event.anchor, event.adapter, event.seq)
        wrote = Message(*place, attempt=event.attempt)
        if isinstance(event, MessagePublished):
            wrote.text, wrote.thinking, wrote.cut = event.text, event.thinking, event.cut
        else:
            wrote.rejected = event.reason or "rejected"
        self._contest(event.contest, event.anchor).messages[event.slot] = wrote

    def _contest(self, name: str, anchor: str) -> Contest:
        if name not in self.contests:
            step = self.steps[-1] if self.steps else Step(-1, "", 0, "", 0)
            self.contests[name] = Contest(name, step, anchor)
        return self.contests[name]

    def _decide(self, event: ContestDecided) -> None:
        contest = self._contest(event.contest, "")
        contest.seq, contest.votes, contest.abstained = event.seq, event.votes, event.abstained
        contest.invalid, contest.outcome, contest.winner = event.invalid, event.outcome, event.winner
        contest.ties = event.ties

    # -- questions ---------------------------------------------------------------------------------------------

    @property
    def networked(self) -> bool:
        """Whether members see each other."""
        return self.config.get("world") == "networked"

    def subject(self, anchor: str) -> str:
        """Return what an anchor is about, in a few words."""
        row = self.anchors.get(anchor, {})
        return short(str(row.get("subject") or row.get("text") or anchor), LABEL)

    def name_of(self, persona: int) -> str:
        """Return what a persona is called; a member of a crowd has a number."""
        for joined in self.people:
            if isinstance(joined, PersonasJoined) and 0 <= persona - joined.first < len(joined.names):
                return joined.names[persona - joined.first]
        return f"member {persona}"

    def societies(self) -> list[tuple[str, str, int]]:
        """Return phase, arm and epoch of every society, in the order of the log."""
        return list(dict.fromkeys((step.phase, step.arm, step.epoch) for step in self.steps))

    def of(self, phase: str, arm: str, epoch: int | None) -> Iterator[Step]:
        """Yield an arm's or a market's steps, in one epoch or in all; what all arms shared counts as each arm's."""
        societies = societies_of(arm, self.config)
        for step in self.steps:
            if step.phase == phase and step.arm in societies and epoch in (None, step.epoch):
                yield step
