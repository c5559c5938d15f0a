"""Training sets: pure functions of the log. Every row knows the events that it comes from.

- ``rft``: the winner's whole trajectory (thinking + message), L = -E log p(m_y | a).
- ``tfb``: the same rows, and thoughts t_i of voters, L = L_RFT - lambda * E_i log p(t_i | a, m_1..m_n).
- placebo twins of ``rft``, with the same contests and rows: ``placebo`` (a random message), ``loser``, and
  ``shuffled_votes`` (the winner of another contest's votes). What they move is not an effect of competition.

Everything is joined by id, never by position. Source: El & Zou, arXiv 2510.06105, with lambda made explicit
(docs/decisions/0003-lambda.md). Imports neither torch nor a data frame library.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from abm.arenas import Arena, Message
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
from moloch import keyed
from moloch.content import content_id
from moloch.registry import Registry

Kind = Literal["trajectory", "thought"]


class Row(msgspec.Struct, frozen=True):
    """One example: a chat prompt and the completion to learn.

    Attributes:
        weight: of the row's log-likelihood: 1 for trajectories, lambda / (thoughts drawn) for thoughts.
        message: id of the message that is learnt; empty for thoughts.
        events: ``seq`` of the events that it is made of.
        persona: index of the persona whose thought it is; -1 for trajectories.
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
        digest: content id of the rows without ``events``: a place in the log moves when a run is resumed, content does not.
        data_range: first and last ``seq`` of the contests that were read; (-1, -1) if there were none.
        counts: ``contests`` seen and ``learnt``; why others gave no row (``tie``, ``forfeit``, ``void``); ``characters``
            of the trajectories and ``winner_characters`` of the winners' in the same contests.
    """

    rows: list[Row]
    digest: str
    data_range: tuple[int, int]
    counts: dict[str, int]

    @property
    def trajectories(self) -> list[Row]:
        """The rows that say what to write."""
        return [row for row in self.rows if row.kind == "trajectory"]


class Contest(msgspec.Struct, frozen=True):
    """One decided contest, as the log tells it: the messages by slot, and every reaction."""

    decided: ContestDecided
    messages: dict[int, MessagePublished]
    reactions: list[Reacted]

    @property
    def learnable(self) -> bool:
        """Whether votes decided it (or, under policy ``random``, a declared coin): a forfeit is no win by votes."""
        return self.decided.outcome in ("majority", "tie") and self.decided.winner in self.messages


class Source(msgspec.Struct, frozen=True):
    """What training sets are made of: the contests of one arm and epoch, and the texts that they refer to."""

    contests: list[Contest]
    anchors: dict[str, str]
    personas: dict[int, str]
    data_range: tuple[int, int]


Pick = Callable[[Sequence[Contest], int], list[int]]
"""(learnable contests, seed) -> for each the slot to learn from."""


def _winner(contests: Sequence[Contest], seed: int) -> list[int]:
    return [contest.decided.winner for contest in contests]


def _random(contests: Sequence[Contest], seed: int) -> list[int]:
    return [_draw(sorted(contest.messages), seed, "placebo", contest) for contest in contests]


def _loser(contests: Sequence[Contest], seed: int) -> list[int]:
    picks = []
    for contest in contests:
        votes = {
            slot: contest.decided.votes[slot] for slot in sorted(contest.messages) if slot != contest.decided.winner
        }
        picks.append(_draw([slot for slot in votes if votes[slot] == min(votes.values())], seed, "loser", contest))
    return picks


def _shuffled(contests: Sequence[Contest], seed: int) -> list[int]:
    """Permute the winning slots among contests in which the same slots were published."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for place in sorted(range(len(contests)), key=lambda i: contests[i].decided.contest):
        groups.setdefault(tuple(sorted(contests[place].messages)), []).append(place)
    picks = [-1] * len(contests)
    for slots, places in groups.items():
        order = keyed.generator(seed, "shuffled votes", *slots).permutation(len(places))
        for place, other in zip(places, order, strict=True):
            picks[place] = contests[places[other]].decided.winner
    return picks


def _draw(slots: list[int], seed: int, what: str, contest: Contest) -> int:
    return slots[int(keyed.generator(seed, what, contest.decided.contest).integers(len(slots)))]


class Method(NamedTuple):
    """A way to learn: which message of each contest, and whether voters' thoughts are learnt with it."""

    pick: Pick
    thoughts: bool = False


METHODS: Registry[Method] = Registry(
    "method",
    {
        "rft": Method(_winner),
        "tfb": Method(_winner, thoughts=True),
        "placebo": Method(_random),
        "loser": Method(_loser),
        "shuffled_votes": Method(_shuffled),
    },
)
"""Name -> way of learning."""


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
        tfb_lambda: weight of the mean log-likelihood of a contest's thoughts, against its trajectory's: at 1 a token of
            thought (averaged over voters) counts as much as a token of trajectory. The paper's sum over n voters is n times this mean.
        thoughts_per_contest: how many voters' thoughts are drawn per contest, keyed by contest, persona and ``seed``;
            the expectation of the loss does not depend on it.

    Raises:
        InputError: unknown method.
    """
    way = METHODS.get(method)
    source = collect(events, source_arm, epoch)
    learnable = [contest for contest in source.contests if contest.learnable]
    rows: list[Row] = []
    for contest, slot in zip(learnable, way.pick(learnable, seed), strict=True):
        rows.append(_trajectory(contest, slot, source, arena))
        if way.thoughts:
            rows += _thoughts(contest, source, arena, seed, tfb_lambda, thoughts_per_contest)
    return TrainingSet(rows, _digest(rows), source.data_range, _counts(source, learnable, rows, arena))


def collect(events: Iterable[Event], arm: str, epoch: int) -> Source:
    """Return the decided training contests of one arm and epoch, joined by id, in the order of the log."""
    contests: list[Contest] = []
    anchors: dict[str, str] = {}
    personas: dict[int, str] = {}
    messages: dict[str, dict[int, MessagePublished]] = {}
    reactions: dict[str, list[Reacted]] = {}
    inside, first, last = False, -1, -1
    for event in events:
        match event:
            case AnchorsListed(split="train"):
                anchors |= {anchor["id"]: anchor["text"] for anchor in event.anchors}
            case PersonasJoined():
                personas |= {event.first + i: text for i, text in enumerate(event.texts)}
            case StepStarted():
                inside = (event.phase, event.arm, event.epoch) == ("train", arm, epoch)
            case MessagePublished() if inside:
                messages.setdefault(event.contest, {})[event.slot] = event
            case Reacted() if inside:
                reactions.setdefault(event.contest, []).append(event)
            case ContestDecided() if inside:
                contests.append(Contest(event, messages.get(event.contest, {}), reactions.get(event.contest, [])))
            case _:
                pass
        if inside:
            first, last = (event.seq if first < 0 else first), event.seq
            inside = not isinstance(event, StepEnded)
    return Source(contests, anchors, personas, (first, last))


def _trajectory(contest: Contest, slot: int, source: Source, arena: Arena) -> Row:
    message = contest.messages[slot]
    return Row(
        prompt=arena.write_prompt(source.anchors[message.anchor]),
        completion=arena.completion(message.thinking, arena.tag, message.text),
        weight=1.0,
        kind="trajectory",
        contest=message.contest,
        message=message.message,
        events=[message.seq, contest.decided.seq],
    )


def _thoughts(contest: Contest, source: Source, arena: Arena, seed: int, tfb_lambda: float, wanted: int) -> list[Row]:
    """Return rows that predict voters' thoughts, each from that voter's persona and own order of the options.

    Members of a crowd, of whom only traits are known, have no persona that a prompt could show.
    """
    told = (reaction for reaction in contest.reactions if reaction.thought and reaction.persona in source.personas)
    said = sorted(told, key=lambda reaction: reaction.persona)
    draws = keyed.uniforms(
        np.array([r.persona for r in said], dtype=np.int64), seed, "thoughts", contest.decided.contest
    )
    drawn = [said[i] for i in sorted(np.argsort(draws)[:wanted])]
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


def _digest(rows: Sequence[Row]) -> str:
    return content_id([msgspec.structs.replace(row, events=[]) for row in rows])


def _counts(source: Source, learnable: Sequence[Contest], rows: Sequence[Row], arena: Arena) -> dict[str, int]:
    winners = [_trajectory(contest, contest.decided.winner, source, arena) for contest in learnable]
    return {
        "contests": len(source.contests),
        "learnt": len(learnable),
        **Counter(str(contest.decided.outcome) for contest in source.contests if not contest.learnable),
        "characters": sum(len(row.completion) for row in rows if row.kind == "trajectory"),
        "winner_characters": sum(len(row.completion) for row in winners),
    }
