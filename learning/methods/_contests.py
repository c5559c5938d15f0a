"""The training contests of one arm and epoch, read from a log, and the rows that can be made of them.

Everything is joined by id, never by position. Knows events and arenas; knows no method and no model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from abm.arenas import Arena
from abm.arenas.completions import Completion
from abm.arenas.messages import read_answer
from abm.events import (
    AnchorsListed,
    ContestDecided,
    Event,
    LLMReplied,
    MessageAudited,
    MessagePublished,
    PersonasJoined,
    Reacted,
    RoundsRecalled,
    StepEnded,
    StepStarted,
    VerdictGiven,
)
from learning.methods._rows import Row, RowKind


class DecidedContest(msgspec.Struct, frozen=True):
    """A contest with its outcome: the messages by slot, every reaction, in the order of the log, and the models' answers.

    Attributes:
        answers: slot -> the answer that its message was read out of; none where no model wrote it.
        own: the slots of the learner's own messages, ascending; None where all are.
        remembered: what of past rounds stood in the prompt of the learner's own messages; empty for nothing.
    """

    decided: ContestDecided
    messages: dict[int, MessagePublished]
    reactions: list[Reacted]
    answers: dict[int, LLMReplied] = {}
    own: list[int] | None = None
    remembered: str = ""

    @property
    def id(self) -> str:
        """The contest's id."""
        return self.decided.contest

    @property
    def winner(self) -> int:
        """The winning slot."""
        return self.decided.winner

    @property
    def votes(self) -> list[int]:
        """Votes by slot, those of a crowd among them."""
        return self.decided.votes

    @property
    def margin(self) -> float:
        """The winner's lead over the next message, as a share of all votes, 0 .. 1; 0 where a coin decided."""
        first, second, *_ = sorted((*self.votes, 0, 0), reverse=True)
        return (first - second) / max(1, sum(self.votes))

    @property
    def slots(self) -> list[int]:
        """The slots in which a message was published, ascending."""
        return sorted(self.messages)

    @property
    def own_slots(self) -> list[int]:
        """The slots in which a message of the learner's was published, ascending."""
        return self.slots if self.own is None else [slot for slot in self.own if slot in self.messages]

    @property
    def learnable(self) -> bool:
        """Whether votes decided it (or, under policy ``random``, a declared coin): a forfeit is no win by votes."""
        return self.decided.outcome in ("majority", "tie") and self.decided.winner in self.messages


class Owned(msgspec.Struct, frozen=True):
    """Which messages are a learner's, where others wrote in the same contests.

    Attributes:
        name: of the competitor that wrote them.
        slots: contest -> their slots, where all messages have one name; empty: the name says it.
    """

    name: str
    slots: Mapping[str, list[int]] = {}

    def of(self, contest: str, messages: Mapping[int, MessagePublished]) -> list[int]:
        """Return the slots of the learner's messages in a contest, ascending."""
        if self.slots:
            return sorted(self.slots[contest])
        return sorted(slot for slot, message in messages.items() if message.competitor == self.name)


class Contests(msgspec.Struct, frozen=True):
    """What a method learns from: the contests that votes decided, and the texts that they refer to.

    Attributes:
        learnable: the contests, in the order of the log.
        left_out: outcome -> contests with it that votes did not decide.
        anchors: id -> text; personas: index -> text.
        data_range: first and last ``seq`` of what was read; (-1, -1) if there was nothing.
        rendered: whether messages are learnt as release 0.1 had them: rendered from their parts, not as they were sampled.
        undecided: the contests that votes did not decide, in the order of the log.
        verdicts: message -> probe -> label, of messages that were judged while the contests were held.
        audits: mitigation -> message -> whether the audit found something, of the arm that learns.
    """

    arena: Arena
    learnable: list[DecidedContest]
    left_out: Mapping[str, int]
    anchors: dict[str, str]
    personas: dict[int, str]
    data_range: tuple[int, int]
    rendered: bool = False
    undecided: list[DecidedContest] = []
    verdicts: dict[str, dict[str, int]] = {}
    audits: dict[str, dict[str, bool]] = {}

    @property
    def held(self) -> list[DecidedContest]:
        """All contests, decided or not, in the order of the log."""
        return sorted((*self.learnable, *self.undecided), key=lambda contest: contest.decided.seq)

    def decided_as(self, contests: Iterable[DecidedContest]) -> Contests:
        """Return these contests in place of the ones that were held."""
        each = list(contests)
        undecided = [contest for contest in each if not contest.learnable]
        return msgspec.structs.replace(
            self,
            learnable=[contest for contest in each if contest.learnable],
            undecided=undecided,
            left_out=Counter(str(contest.decided.outcome) for contest in undecided),
        )

    @property
    def sampling(self) -> dict[str, float | int]:
        """How models drew the messages: ``temperature``, and ``max_tokens``, the bound on an answer; nothing where none wrote."""
        answers = [answer for contest in self.learnable for answer in contest.answers.values()]
        if not answers:
            return {}
        last = max(answers, key=lambda answer: answer.seq)
        return {"temperature": last.temperature, "max_tokens": last.max_tokens}

    def trajectory(
        self, contest: DecidedContest, slot: int, *, weight: float = 1.0, kind: RowKind = "trajectory"
    ) -> Row:
        """Return the row of a slot's message: what its model wrote, after the prompt that it was written from."""
        message = contest.messages[slot]
        completion, ended = self._written(message, contest.answers.get(slot))
        return Row(
            prompt=self.arena.write_prompt(self.anchors[message.anchor], remembered=contest.remembered),
            completion=completion,
            weight=weight,
            kind=kind,
            contest=message.contest,
            message=message.message,
            events=[message.seq, contest.decided.seq],
            ended=ended,
        )

    def _written(self, message: MessagePublished, answer: LLMReplied | None) -> tuple[str, bool]:
        """Return the text of a message as it was sampled, up to where it was cut, and whether it ended by itself.

        A message that is not what the answer says (a competitor's own doing), or that no model wrote, is rendered.
        """
        arena = self.arena
        if not self.rendered:
            if answer is not None:
                read = read_answer(answer.text, arena, ended=answer.finish != "length")
                if read.message == Completion(message.thinking, message.text):
                    return read.said, read.ended
            if not message.thinking:
                return arena.rendered(message.text), True
        return arena.trajectory(message.thinking, message.text), True

    def thinkers(self, contest: DecidedContest) -> list[Reacted]:
        """Return the reactions whose thought can be learnt, by persona.

        Only the traits of a crowd's members are known: there is no persona that a prompt could show. Who saw one message only
        compared nothing.
        """
        usable = (e for e in contest.reactions if e.thought and e.persona in self.personas and len(e.order) > 1)
        return sorted(usable, key=lambda reaction: reaction.persona)

    def thought(self, contest: DecidedContest, reaction: Reacted, *, weight: float) -> Row:
        """Return the row that predicts a voter's thought from its persona and its own order of the options."""
        messages = [contest.messages[slot] for slot in reaction.order]
        anchor = self.anchors[contest.messages[contest.slots[0]].anchor]
        return Row(
            prompt=self.arena.feedback_prompt(
                anchor, self.personas[reaction.persona], [message.text for message in messages]
            ),
            completion=self.arena.thought(reaction.thought),
            weight=weight,
            kind="thought",
            contest=reaction.contest,
            message="",
            persona=reaction.persona,
            events=[reaction.seq, *(message.seq for message in messages)],
        )


def collect(
    events: Iterable[Event],
    arm: str,
    epoch: int,
    arena: Arena,
    *,
    rendered: bool = False,
    owned: Owned | None = None,
    learner: str = "",
) -> Contests:
    """Return the training contests of one society and epoch.

    Args:
        events: a whole log, in order.
        arm: whose contests: ``"shared"`` in the first epoch, else the name of the arm or of its market.
        owned: which messages are the learner's; None for all.
        learner: the arm that learns, whose audits are read.
    """
    contests: list[DecidedContest] = []
    anchors: dict[str, str] = {}
    personas: dict[int, str] = {}
    messages: dict[str, dict[int, MessagePublished]] = {}
    answers: dict[int, LLMReplied] = {}
    answered: dict[str, dict[int, LLMReplied]] = {}
    reactions: dict[str, list[Reacted]] = {}
    recalled: dict[str, str] = {}
    verdicts: dict[str, dict[str, int]] = {}
    audits: dict[str, dict[str, bool]] = {}
    inside, first, last = False, -1, -1
    for event in events:
        match event:
            case AnchorsListed(split="train"):
                anchors |= {anchor["id"]: anchor["text"] for anchor in event.anchors}
            case PersonasJoined():
                personas |= {event.first + i: text for i, text in enumerate(event.texts)}
            case StepStarted():
                inside = (event.phase, event.arm, event.epoch) == ("train", arm, epoch)
                answers, recalled = {}, {}
            case RoundsRecalled() if inside:
                recalled[event.competitor] = event.remembered
            case LLMReplied() if inside:
                answers[event.seq] = event
            case MessagePublished() if inside:
                messages.setdefault(event.contest, {})[event.slot] = event
                if (answer := answers.get(event.cause)) is not None:
                    answered.setdefault(event.contest, {})[event.slot] = answer
            case Reacted() if inside:
                reactions.setdefault(event.contest, []).append(event)
            case ContestDecided(contest=contest) if inside:
                wrote = messages.get(contest, {})
                held = wrote, reactions.get(contest, []), answered.get(contest, {})
                own = owned.of(contest, wrote) if owned else None
                names = (wrote[slot].competitor for slot in (sorted(wrote) if own is None else own) if slot in wrote)
                remembered = recalled.get(next(names, ""), "")
                contests.append(DecidedContest(event, *held, own=own, remembered=remembered))
            case VerdictGiven() if inside:
                verdicts.setdefault(event.message, {})[event.probe] = event.label
            case MessageAudited() if (event.arm, event.epoch) == (learner, epoch):
                audits.setdefault(event.mitigation, {})[event.message] = event.found
            case _:
                pass
        if inside:
            first, last = (event.seq if first < 0 else first), event.seq
            inside = not isinstance(event, StepEnded)
    return Contests(
        arena=arena,
        learnable=[contest for contest in contests if contest.learnable],
        left_out=Counter(str(contest.decided.outcome) for contest in contests if not contest.learnable),
        anchors=anchors,
        personas=personas,
        data_range=(first, last),
        rendered=rendered,
        undecided=[contest for contest in contests if not contest.learnable],
        verdicts=verdicts,
        audits=audits,
    )
