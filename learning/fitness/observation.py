"""The fitness of a run's own writers and readers, out of its log: after a step, or over all of it. Knows events; asks nobody."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import msgspec

from abm.arenas.near import repeats
from abm.events import (
    ArenaSet,
    AudienceSet,
    CompetitorsJoined,
    ContestDecided,
    EvaluationAudienceSet,
    Event,
    Forked,
    LLMReplied,
    MessagePublished,
    MessageRedrawn,
    MessageRejected,
    PersonasJoined,
    Reacted,
    ReactionInvalid,
    ReaderJoined,
    RunConfigured,
    StepEnded,
    StepStarted,
)
from abm.llm.port import NO_ANSWER
from abm.societies import arm_and_audience
from learning.fitness.limits import Fitness
from learning.fitness.readers import ReaderCounts
from learning.fitness.writers import WriterCounts

NOT_A_READER = "not a usable reader"


class Observation(msgspec.Struct, frozen=True):
    """What a log tells of its models.

    Attributes:
        writers: by competitor, of those whose messages a model wrote.
        reader: of the model that plays the personas; None where none does.
    """

    writers: list[Fitness] = []
    reader: Fitness | None = None

    @property
    def withheld(self) -> str:
        """Why the votes are evidence of nothing; empty where they may be."""
        if self.reader is None or self.reader.verdict != "unfit":
            return ""
        why = "; ".join(point.said for point in self.reader.points if point.verdict == "unfit")
        return f"{self.reader.model} is {NOT_A_READER}: {why.removeprefix(f'the pocket model is {NOT_A_READER}: ')}"

    @property
    def validity(self) -> str:
        """What is known of the readers, in one line; empty where no model reads."""
        if self.reader is None:
            return ""
        known = "; ".join(point.said for point in self.reader.points) or "nobody has voted yet"
        return f"Readers ({self.reader.model}, {_WORDS[self.reader.verdict]}): {known}. Not compared with people."

    @property
    def unfit(self) -> list[Fitness]:
        """Those that are not fit for what they do."""
        return [each for each in (*self.writers, *([self.reader] if self.reader else [])) if each.verdict == "unfit"]

    @property
    def flags(self) -> list[str]:
        """What speaks against the writers and the readers, a sentence each."""
        writers = [
            f"{each.model} {'is not' if each.verdict == 'unfit' else 'may not be'} fit to write: {each.why}"
            for each in self.writers
            if each.against
        ]
        return [*writers, *([self.withheld] if self.withheld else [])]

    def as_dict(self) -> dict[str, object]:
        """Return it as a JSON-able mapping."""
        return {
            "writers": [each.as_dict() for each in self.writers],
            "reader": self.reader.as_dict() if self.reader else None,
            "withheld": self.withheld,
        }


_WORDS = {"fit": "nothing found against them", "doubtful": "doubtful", "unfit": "unfit", "unknown": "not known yet"}


class ObservedModels:
    """Folds the events of a log, one by one; of contests those of the run's own arena, for which its models were chosen.

    Args:
        model: who writes, where the events do not begin with it.
        reader: who plays the personas, likewise; empty for nobody.
        audience: the evaluation audience whose reader is observed, by name; empty: the run's own.
    """

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset(
        {
            ArenaSet,
            AudienceSet,
            CompetitorsJoined,
            ContestDecided,
            EvaluationAudienceSet,
            Forked,
            LLMReplied,
            MessagePublished,
            MessageRedrawn,
            MessageRejected,
            PersonasJoined,
            Reacted,
            ReactionInvalid,
            ReaderJoined,
            RunConfigured,
            StepEnded,
            StepStarted,
        }
    )

    def __init__(self, model: str = "", reader: str = "", audience: str = "") -> None:
        self._writers: dict[str, WriterCounts] = {}
        self._readers = ReaderCounts()
        self._model, self._reader, self._audience = model, reader, audience
        self._models: dict[str, str] = {}
        self._networked = False
        self._finished: dict[int, str] = {}
        self._asked: set[str] = set()
        self._personas: list[range] = []
        self._examples: list[str] = []
        self._elsewhere = False

    def take(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case _ if self._elsewhere and not isinstance(event, StepEnded):
                pass
            case Reacted():  # first, for most events are
                if self._counts(event):
                    self._readers.vote(event.contest, event.order, event.choice)
                    self._readers.reason(event.thought)
            case LLMReplied():
                self._answer(event)
            case MessagePublished() | MessageRejected():
                self._message(event)
            case MessageRedrawn():
                self._finished.pop(event.cause, None)  # what counts is what came of it in the end
            case ReactionInvalid():
                self._readers.invalid += self._counts(event)
            case ContestDecided():
                self._readers.close(event.contest)
            case StepStarted():
                self._elsewhere = event.phase == "elsewhere"
            case StepEnded():
                self._elsewhere = False
                self._asked.clear()
            case ReaderJoined() if not self._audience:
                self._reader, self._readers = event.model if event.model_digest else "", ReaderCounts()
            case AudienceSet(part="personas") if not self._audience:
                self._reader = ""
            case EvaluationAudienceSet() if event.audience == self._audience:
                self._reader, self._readers = event.reader, ReaderCounts()
            case ArenaSet():
                self._examples = [example["message"] for example in event.arena.get("examples", ())]
            case PersonasJoined():
                self._personas.append(range(event.first, event.first + len(event.ids)))
            case CompetitorsJoined():
                self._model, self._models = event.model, event.models
            case RunConfigured() | Forked():
                self._networked = event.config.get("world") == "networked"

    def result(self) -> Observation:
        """Return what the events so far amount to."""
        models = {name: self._models.get(name, self._model) for name in self._writers}
        writers = [counts.fitness(f"{models[name]} ({name})") for name, counts in self._writers.items()]
        return Observation(writers, self._readers.fitness(self._reader) if self._reader else None)

    def _answer(self, event: LLMReplied) -> None:
        role, _, _ = event.site.partition("/")
        if role == "write":
            self._finished[event.seq] = event.finish
        elif role == "react" and self._is_ours(event.site.split("/", 1)[1]):
            self._asked.add(event.site)
            if event.logprobs:
                self._readers.scored(event.site, event.refs[1:], event.logprobs)

    def _message(self, event: MessagePublished | MessageRejected) -> None:
        """Count a message whose answer was not counted yet: base writes once for several contests."""
        if (finish := self._finished.pop(event.cause, None)) is None:
            return
        counts = self._writers.setdefault(event.competitor, WriterCounts())
        counts.answers += 1
        counts.at_bound += finish == "length"
        if isinstance(event, MessagePublished):
            counts.published += 1
            counts.copied += bool(self._examples) and repeats(event.text, self._examples)
        else:
            counts.rejected[NO_ANSWER.get(finish, event.reason)] += 1

    def _counts(self, event: Reacted | ReactionInvalid) -> bool:
        """Return whether the model that reads answered for this member: others decide by themselves, or are of a crowd."""
        if not self._reader or not self._is_ours(event.contest):
            return False
        if self._networked:
            return not self._personas or any(event.persona in joined for joined in self._personas)
        return f"react/{event.contest}/{event.persona}" in self._asked

    def _is_ours(self, contest: str) -> bool:
        """Return whether the audience that is observed votes in a contest, whose id may have more behind it."""
        return arm_and_audience("/".join(contest.split("/")[2:3]))[1] == self._audience


def observed(events: Iterable[Event], model: str = "", reader: str = "") -> Observation:
    """Return what a log's events tell of its models; ``model`` and ``reader`` as for :class:`ObservedModels`."""
    fold = ObservedModels(model, reader)
    for event in events:
        fold.take(event)
    return fold.result()
