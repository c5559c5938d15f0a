"""Training sets: pure functions of the log. Every row knows the events that it comes from.

- ``rft``: the winner's whole trajectory (thinking + message), L = -E log p(m_y | a).
- ``tfb``: the same rows, and thoughts t_i of voters, L = L_RFT - lambda * E_i log p(t_i | a, m_1..m_n).
- placebo twins of ``rft``, with the same contests and rows: ``placebo`` (a random message), ``loser``, and
  ``shuffled_votes`` (the winner of another contest's votes). What they move is not an effect of competition.

Source: El & Zou, arXiv 2510.06105, with lambda made explicit (docs/decisions/0003-lambda.md). Imports neither
torch nor a data frame library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from abm import keyed
from abm.arenas import Arena, Message
from abm.content import content_id
from abm.events import (
    AnchorsListed,
    ContestDecided,
    Event,
    MessagePublished,
    PersonasJoined,
    Reacted,
    StepEnded,
    StepStarted,
)

Kind = Literal["trajectory", "thought"]


class Row(msgspec.Struct, frozen=True):
    """One example: a chat prompt and the completion to learn.

    Attributes:
        weight: of the row's mean loss per token; 1 for trajectories, lambda / thoughts per contest for thoughts.
        events: ``seq`` of the events that it is made of.
    """

    prompt: list[Message]
    completion: str
    weight: float
    kind: Kind
    contest: str
    message: str
    events: list[int]
    persona: int = -1


class TrainingSet(msgspec.Struct, frozen=True):
    """What a trainer learns from.

    Attributes:
        digest: content id of the rows.
        data_range: first and last ``seq`` that was read.
        counts: contests seen, and why some gave no row: ``tie``, ``forfeit``, ``void``.
    """

    rows: list[Row]
    digest: str
    data_range: tuple[int, int]
    counts: dict[str, int]

    @property
    def trajectories(self) -> list[Row]:
        """The rows that say what to write."""
        return [row for row in self.rows if row.kind == "trajectory"]


class Contest(msgspec.Struct):
    """One decided contest, as the log tells it."""

    decided: ContestDecided
    messages: dict[int, MessagePublished]
    reactions: list[Reacted]


class Source(msgspec.Struct):
    """What training sets are made of: the contests of one arm and epoch, and the texts that they refer to."""

    contests: list[Contest]
    anchors: dict[str, str]
    personas: dict[int, str]
    data_range: tuple[int, int]


Pick = Callable[[Contest, list[Contest], int, int], int]
"""(contest, learnable contests, its place among them, seed) -> the slot to learn from."""


def _winner(contest: Contest, contests: list[Contest], place: int, seed: int) -> int:
    return contest.decided.winner


def _random(contest: Contest, contests: list[Contest], place: int, seed: int) -> int:
    slots = sorted(contest.messages)
    draw = keyed.generator(seed, "placebo", contest.decided.contest).integers(len(slots))
    return slots[int(draw)]


def _loser(contest: Contest, contests: list[Contest], place: int, seed: int) -> int:
    return min(sorted(contest.messages), key=lambda slot: contest.decided.votes[slot])


def _shuffled(contest: Contest, contests: list[Contest], place: int, seed: int) -> int:
    order = keyed.generator(seed, "shuffled votes").permutation(len(contests))
    winner = contests[int(order[place])].decided.winner
    return winner if winner in contest.messages else contest.decided.winner


METHODS: dict[str, Pick] = {
    "rft": _winner,
    "tfb": _winner,
    "placebo": _random,
    "loser": _loser,
    "shuffled_votes": _shuffled,
}
"""Method -> which message of a contest is learnt from."""


def training_set(
    events: Iterable[Event],
    method: str,
    *,
    source_arm: str,
    epoch: int,
    arena: Arena,
    seed: int,
    tfb_lambda: float = 1.0,
    thoughts_per_contest: int = 2,
) -> TrainingSet:
    """Return the rows that ``method`` learns from one arm's training contests of one epoch.

    Only contests that votes decided are learnt from: ties without a winner, forfeits and void contests are counted
    and left out, for every method alike, so that all methods have equally many trajectories of the same contests.

    Args:
        events: a whole log, in order.
        source_arm: whose contests: ``"shared"`` in the first epoch, else the arm's name.
        tfb_lambda: weight of all thoughts of a contest together, against its trajectory; both count their mean loss
            per token.
        thoughts_per_contest: how many voters' thoughts are drawn per contest, keyed by contest and ``seed``.

    Raises:
        KeyError: unknown method.
    """
    pick = METHODS[method]
    source = collect(events, source_arm, epoch)
    learnable = [contest for contest in source.contests if contest.decided.winner >= 0 and len(contest.messages) > 1]
    rows: list[Row] = []
    for place, contest in enumerate(learnable):
        chosen = contest.messages[pick(contest, learnable, place, seed)]
        rows.append(_trajectory(contest, chosen, source, arena))
        if method == "tfb":
            rows += _thoughts(contest, source, arena, seed, tfb_lambda, thoughts_per_contest)
    counts = {"contests": len(source.contests), "learnt": len(learnable)}
    for contest in source.contests:
        if contest not in learnable:
            outcome = contest.decided.outcome
            counts[outcome] = counts.get(outcome, 0) + 1
    return TrainingSet(rows, content_id(msgspec.to_builtins(rows)), source.data_range, counts)


def collect(events: Iterable[Event], arm: str, epoch: int) -> Source:
    """Return the decided training contests of one arm and epoch, joined by id, in the order of the log."""
    source = Source([], {}, {}, (-1, -1))
    messages: dict[str, dict[int, MessagePublished]] = {}
    reactions: dict[str, list[Reacted]] = {}
    inside, seqs = False, []
    for event in events:
        match event:
            case AnchorsListed(split="train"):
                source.anchors |= {anchor["id"]: anchor["text"] for anchor in event.anchors}
            case PersonasJoined():
                source.personas |= {event.first + i: text for i, text in enumerate(event.texts)}
            case StepStarted():
                inside = (event.phase, event.arm, event.epoch) == ("train", arm, epoch)
            case MessagePublished() if inside:
                messages.setdefault(event.contest, {})[event.slot] = event
            case Reacted() if inside and event.choice >= 0:
                reactions.setdefault(event.contest, []).append(event)
            case ContestDecided() if inside:
                contest = Contest(event, messages.get(event.contest, {}), reactions.get(event.contest, []))
                source.contests.append(contest)
            case _:
                pass
        if inside:
            seqs.append(event.seq)
            inside = not isinstance(event, StepEnded)
    if seqs:
        source.data_range = (seqs[0], seqs[-1])
    return source


def _trajectory(contest: Contest, chosen: MessagePublished, source: Source, arena: Arena) -> Row:
    return Row(
        prompt=arena.write_prompt(source.anchors[chosen.anchor]),
        completion=arena.completion(chosen.thinking, arena.tag, chosen.text),
        weight=1.0,
        kind="trajectory",
        contest=chosen.contest,
        message=chosen.message,
        events=[chosen.seq, contest.decided.seq],
    )


def _thoughts(
    contest: Contest, source: Source, arena: Arena, seed: int, tfb_lambda: float, wanted: int
) -> list[Row]:
    """Return rows that predict voters' thoughts, each from that voter's persona and own order of the options."""
    said = [reaction for reaction in contest.reactions if reaction.thought]
    draw = keyed.generator(seed, "thoughts", contest.decided.contest)
    drawn = [said[i] for i in sorted(draw.permutation(len(said))[:wanted])]
    anchor = source.anchors[next(iter(contest.messages.values())).anchor]
    return [
        Row(
            prompt=arena.feedback_prompt(
                anchor, source.personas[reaction.persona], [contest.messages[slot].text for slot in reaction.order]
            ),
            completion=f"<think>{reaction.thought}</think>",
            weight=tfb_lambda / len(drawn),
            kind="thought",
            contest=reaction.contest,
            message="",
            persona=reaction.persona,
            events=[reaction.seq, *(contest.messages[slot].seq for slot in reaction.order)],
        )
        for reaction in drawn
    ]
