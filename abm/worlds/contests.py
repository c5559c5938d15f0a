"""How a contest is recorded in the log: what was written, what it opens with, how it ends, what probes say; all as events.

Pure functions of what was decided; they append nothing. Know nothing of members and of how they choose.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from abm.arenas import Arena
from abm.arenas.anchors import Anchor
from abm.arenas.completions import Completion
from abm.arenas.messages import Read, read_answer
from abm.audience.source import SourceFindings, SourceReaders
from abm.events import (
    ContestDecided,
    ContestOpened,
    Event,
    LLMReplied,
    MessagePublished,
    MessageRedrawn,
    MessageRejected,
    SourceChecked,
    VerdictGiven,
)
from abm.llm.port import Request
from abm.probe import Probe, judged, version_of
from abm.worlds.causes import FIRST
from abm.worlds.offers import Assignment
from abm.worlds.tie_rules import Ties
from moloch import keyed
from moloch.keyed import Part
from moloch.texts import whole

if TYPE_CHECKING:  # Mesa, which a plan does without
    from abm.worlds.agents import Competitor


class Slate(msgspec.Struct, frozen=True):
    """What was published for one contest.

    Attributes:
        contest: its id.
        messages: by slot; as the log holds them.
        place: key of the contest's draws.
    """

    contest: str
    anchor: Anchor
    messages: tuple[MessagePublished, ...]
    place: tuple[Part, ...]

    @property
    def competes(self) -> bool:
        """Whether there is anything to choose."""
        return len(self.messages) >= 2

    @property
    def texts(self) -> list[str]:
        """The messages' texts, by option."""
        return [message.text for message in self.messages]

    @property
    def slots(self) -> NDArray[np.int8]:
        """Option -> slot of who wrote it."""
        return np.array([message.slot for message in self.messages], dtype=np.int8)


class Votes(NamedTuple):
    """What members chose, as slots, shape (members,); -1: nothing. ``invalid`` of them named no option."""

    chosen: NDArray[np.int8]
    invalid: int = 0


NOBODY = Votes(np.zeros(0, dtype=np.int8))


def together(votes: Sequence[Votes]) -> Votes:
    """Return the votes of several occasions as those of one."""
    return Votes(np.concatenate([each.chosen for each in votes]), sum(each.invalid for each in votes))


Answer = LLMReplied | Completion
"""Of the model, or what a competitor wrote without one; it is read as strictly."""


def read(answer: Answer, arena: Arena) -> Read:
    """Return what a writer's answer comes to."""
    if isinstance(answer, LLMReplied):
        return read_answer(answer.text, arena, ended=answer.finish != "length")
    return read_answer(whole(arena.trajectory(answer.thinking, answer.text)), arena)


def is_readable(answer: Answer, arena: Arena) -> bool:
    """Tell whether a writer's answer holds a message."""
    return isinstance(read(answer, arena).message, Completion)


def another(request: Request, attempt: int) -> Request:
    """Return a call asked again because its answer could not be read: another place in the plan, with its own draws."""
    if attempt == 1:
        return request
    seed = keyed.seed32(request.seed, "attempt", attempt)
    return msgspec.structs.replace(request, site=f"{request.site}/{attempt}", seed=seed)


def written(
    competitor: Competitor, assignment: Assignment, answers: Sequence[Answer], step: int, started: int
) -> list[Event]:
    """Return what came of the answers to one call: those that were asked for again, then the message or its rejection.

    Args:
        answers: one, or one for each attempt; the last counts.
        started: ``seq`` of the step's start, which causes what no model answered.
    """
    slot = assignment.slot(competitor.slot)
    common = {
        "step": step,
        "message": f"{assignment.contest}/{slot}",
        "contest": assignment.contest,
        "slot": slot,
        "competitor": competitor.name,
        "anchor": assignment.anchor.id,
        "adapter": competitor.adapter,
    }
    events: list[Event] = []
    for attempt, answer in enumerate(answers, 1):
        cause = answer.seq if isinstance(answer, LLMReplied) else started
        result = read(answer, assignment.arena)
        about = {**common, "cause": cause, "attempt": attempt}
        if isinstance(message := result.message, Completion):
            events.append(MessagePublished(**about, thinking=message.thinking, text=message.text, cut=result.cut))
        elif attempt < len(answers):
            events.append(MessageRedrawn(**about, reason=message.reason))
        else:
            events.append(MessageRejected(**about, reason=message.reason))
    return events


def opened(slate: Slate, step: int) -> ContestOpened:
    """Return the opening of a contest."""
    messages = slate.messages
    return ContestOpened(
        step=step,
        cause=messages[0].seq if messages else -1,
        contest=slate.contest,
        anchor=slate.anchor.id,
        messages=[message.message for message in messages],
    )


def source_checked(
    slate: Slate, source: SourceFindings, readers: SourceReaders, step: int, cause: int = FIRST
) -> SourceChecked:
    """Return what those know of a contest who read its source; ``cause`` is the ``seq`` of its opening."""
    return SourceChecked(
        step=step,
        cause=cause,
        contest=slate.contest,
        share=readers.share,
        probe=readers.probe.name,
        version=version_of(readers.probe),
        claims=list(source.claims),
    )


def decided(
    slate: Slate, votes: Votes, step: int, *, competitors: int, ties: Ties, coin: tuple[Part, ...], cause: int = FIRST
) -> ContestDecided:
    """Return who won: whom the votes favour, or who alone has published.

    Args:
        competitors: how many slots there are.
        coin: key of the draw that decides a tie.
        cause: ``seq`` of the opening.
    """
    chosen = votes.chosen
    counts = np.bincount(chosen[chosen >= 0], minlength=competitors).tolist()
    outcome, winner = _winner(slate, counts, ties, coin)
    return ContestDecided(
        step=step,
        cause=cause,
        contest=slate.contest,
        votes=counts,
        abstained=int((chosen < 0).sum()) - votes.invalid,
        invalid=votes.invalid,
        outcome=outcome,
        winner=winner,
        ties=ties,
    )


def _winner(
    slate: Slate, votes: list[int], ties: Ties, coin: tuple[Part, ...]
) -> tuple[Literal["majority", "tie", "forfeit", "void"], int]:
    if not slate.competes:
        return ("forfeit", slate.messages[0].slot) if slate.messages else ("void", -1)
    if not any(votes):
        return "void", -1
    best = [slot for slot, count in enumerate(votes) if count == max(votes)]
    if len(best) == 1:
        return "majority", best[0]
    if ties == "skip":
        return "tie", -1
    return "tie", best[int(keyed.generator(*coin).integers(len(best)))]


def verdicts(slate: Slate, probes: Sequence[Probe], arena: Arena, step: int) -> Iterator[VerdictGiven]:
    """Yield what each probe says of each message."""
    for message in slate.messages:
        for probe in probes:
            verdict = judged(probe, message.text, slate.anchor, arena, message.thinking)
            yield VerdictGiven(
                step=step,
                cause=message.seq,
                message=message.message,
                probe=probe.name,
                judge=probe.judge_name,
                label=verdict.label,
                evidence=[whole(span) for span in verdict.evidence],
            )
