"""A check before a run: a model writes a few messages and reads a few ballots, asked as the run would ask it.

Ballots put two anchors' own texts before personas: an easier choice than between two messages about one anchor, and the same for all
models. Who fails here fails there; who passes has shown little yet. Knows arenas, audiences and the port; knows no logs.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np

from abm.arenas import Arena
from abm.arenas.anchors import Anchor
from abm.arenas.completions import Completion
from abm.arenas.messages import read_answer
from abm.arenas.near import repeats
from abm.audience import AskedAudience, Ballot, Voters
from abm.llm.port import LLM, NO_ANSWER, Reply, Request, Sampling
from learning.fitness.limits import Fitness, Point, Share
from learning.fitness.readers import ReaderCounts
from learning.fitness.writers import WriterCounts
from moloch import keyed
from moloch.errors import InputError, MolochError
from populations import Persona

MESSAGES, BALLOTS = 8, 8
"""Messages that are written, and ballots that are put before readers: each in both orders, and once again in the first."""
PAIRS = 2
"""Pairs of texts that the ballots are about; a persona reads each of them."""
FIRST = "first"
"""Name of the first round."""
WORDS = 60
"""Of a text on a ballot."""


@dataclass(frozen=True)
class ReaderSettings:
    """How readers are asked, as :class:`abm.audience.AskedAudience` takes it."""

    sampling: Sampling
    answer: Literal["tags", "json", "letters"] = "tags"
    retries: int = 1


class WriterCheck(msgspec.Struct, frozen=True):
    """What became of the messages.

    Attributes:
        tokens, seconds: written in all, and how long it took.
        sample: the first answer, as it came.
    """

    fitness: Fitness
    calls: int
    tokens: int
    seconds: float
    sample: str


class ReaderCheck(msgspec.Struct, frozen=True):
    """What became of the ballots; ``note`` says what could not be looked at."""

    fitness: Fitness
    calls: int
    note: str = ""


def check_writer(llm: LLM, arena: Arena, anchors: Sequence[Anchor], sampling: Sampling, seed: int = 1) -> WriterCheck:
    """Have :data:`MESSAGES` messages written, once each, and return what came of them.

    Raises:
        InputError: there are no anchors.
        MolochError: the model cannot be asked.
    """
    requests = [_write(arena, anchor, i, sampling, seed) for i, anchor in enumerate(_some(anchors, MESSAGES))]
    began = time.perf_counter()
    replies = {reply.site: reply for reply in llm.complete(requests)}
    seconds = time.perf_counter() - began
    counts = WriterCounts(answers=len(requests))
    for request in requests:
        reply = replies[request.site]
        counts.at_bound += reply.finish == "length"
        message = read_answer(reply.text, arena, ended=reply.finish != "length").message
        if isinstance(message, Completion):
            counts.published += 1
            counts.copied += repeats(message.text, [example.message for example in arena.examples])
        else:
            counts.rejected[NO_ANSWER.get(reply.finish, message.reason)] += 1
    tokens = sum(reply.tokens_out for reply in replies.values())
    fitness = counts.fitness(llm.name)
    speed = Point("speed", None, f"{tokens / seconds:,.0f} tokens/s: {tokens:,} in {seconds:.1f} s", tokens / seconds)
    fitness = msgspec.structs.replace(fitness, points=[*fitness.points, speed])
    return WriterCheck(fitness, len(requests), tokens, seconds, replies[requests[0].site].text)


def check_reader(
    llm: LLM,
    arena: Arena,
    anchors: Sequence[Anchor],
    personas: Sequence[Persona],
    settings: ReaderSettings,
    seed: int = 1,
) -> ReaderCheck:
    """Put :data:`BALLOTS` ballots before readers, in both orders and (where words are asked for) again; return what came of them.

    Where the model tells the probabilities of letters, these are looked at besides: eight votes say little of what a persona
    changes, and eight log-odds say more.

    Raises:
        InputError: fewer than two different anchors, or no personas.
        MolochError: the model cannot be asked.
    """
    ballots = _ballots(anchors, personas, seed)
    people = {i: (persona.id, persona.text) for i, persona in enumerate(personas[: BALLOTS // PAIRS])}
    asked = _Questions()
    audience = AskedAudience(llm, arena, people, settings.sampling, seed, settings.answer, settings.retries)
    counts = _voted(audience, ballots, asked)
    note = ""
    if settings.answer != "letters":
        try:
            letters = AskedAudience(llm, arena, people, settings.sampling, seed, "letters")
            letters.prepare(ballots[0], asked)
        except MolochError as error:
            note = f"letter probabilities were not looked at: {error.what}"
    for request, reply in asked.scored:
        counts.scored(request.site, request.refs[1:], reply.logprobs)
    for ballot in ballots[0]:
        counts.close(ballot.contest)
    return ReaderCheck(counts.fitness(llm.name), asked.calls, note)


class _Questions:
    """Asks a model, counts the calls, and keeps the scored answers of the first round, which asks in both orders."""

    def __init__(self) -> None:
        self.calls = 0
        self.scored: list[tuple[Request, Reply]] = []

    def __call__(self, llm: LLM, requests: Sequence[Request]) -> Sequence[Reply]:
        self.calls += len(requests)
        replies = {reply.site: reply for reply in llm.complete(requests)}
        scored = [request for request in requests if request.scored and replies[request.site].logprobs]
        self.scored += [(request, replies[request.site]) for request in scored if f"/{FIRST}/" in request.site]
        return [replies[request.site] for request in requests]


def _voted(audience: AskedAudience, rounds: Sequence[Sequence[Ballot]], asked: _Questions) -> ReaderCounts:
    """Ask the rounds (as shown, reversed, again) and count their votes.

    Readers of letters are asked one round: it asks in both orders, and what is drawn from their odds differs from draw to draw.
    """
    rounds = rounds[:1] if audience.answer == "letters" else rounds
    counts = ReaderCounts()
    audience.prepare([ballot for ballots in rounds for ballot in ballots], asked)
    reacted = [[audience.react(b.texts, b.shown, b.voters, b.key) for b in ballots] for ballots in rounds]
    for ballots, reactions in zip(rounds[:2], reacted, strict=False):  # the same again tells nothing new of places
        for ballot, reaction in zip(ballots, reactions, strict=True):
            counts.invalid += len(reaction.invalid)
            for order, choice in zip(ballot.shown.tolist(), reaction.choices.tolist(), strict=True):
                counts.vote(ballot.contest, order, choice)
            counts.close(ballot.contest)
    for reason in (thought for reaction in reacted[0] for thought in reaction.thoughts):
        counts.reason(reason)
    if len(rounds) > 1:
        shown, reverse, again = (np.concatenate([each.choices for each in reactions]) for reactions in reacted)
        counts.both, counts.repeats = _alike(shown, reverse), _alike(shown, again)
    return counts


def _alike(one: np.ndarray, other: np.ndarray) -> Share:
    valid = (one >= 0) & (other >= 0)
    return Share(int((one == other)[valid].sum()), int(valid.sum()))


def _ballots(anchors: Sequence[Anchor], personas: Sequence[Persona], seed: int) -> list[list[Ballot]]:
    """Return the ballots as shown, reversed, and again; about :data:`PAIRS` pairs of anchors each."""
    people = personas[: BALLOTS // PAIRS]
    texts = list(dict.fromkeys(_excerpt(anchor.text) for anchor in anchors))
    if len(texts) < 2 or not people:
        raise InputError(
            "ballots need two different anchors and a persona", fix="Give more anchors, or other personas."
        )
    voters = Voters(np.arange(len(people)), [p.name for p in people], (), np.zeros((len(people), 0), dtype=np.float32))
    rounds = []
    for name, order in ((FIRST, (0, 1)), ("reverse", (1, 0)), ("again", (0, 1))):
        shown = np.tile(np.array(order, dtype=np.int8), (len(people), 1))
        rounds.append(
            [
                Ballot(
                    f"check/{pair}/{name}",
                    (f"check/{pair}/a", f"check/{pair}/b"),
                    (texts[2 * pair % len(texts)], texts[(2 * pair + 1) % len(texts)]),
                    shown,
                    voters,
                    (seed, "check", pair, name),
                )
                for pair in range(PAIRS)
            ]
        )
    return rounds


def _write(arena: Arena, anchor: Anchor, i: int, sampling: Sampling, seed: int) -> Request:
    messages = arena.write_prompt(anchor.text)
    return Request(f"check/write/{i}", messages, sampling, keyed.seed32(seed, "check", "write", i), stop=arena.stop)


def _some(anchors: Sequence[Anchor], count: int) -> list[Anchor]:
    if not anchors:
        raise InputError("there are no anchors to write about")
    return [anchors[i % len(anchors)] for i in range(count)]


def _excerpt(text: str) -> str:
    words = text.split(" ")
    return text if len(words) <= WORDS else " ".join(words[:WORDS]) + " …"
