"""Trials of instructions: two texts about each of some anchors, one by each of two instructions, and the members' votes; beside the run's societies.

A trial is a plain contest in every world: no feed, no neighbours, and the audience chooses for everybody, members with classes of their own too.
Nothing of it enters the state or a tally: it is :class:`abm.events.InstructionsTried`. Knows how messages are asked for, read and voted
on; knows nothing of who proposed what, nor of what is done with the votes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from abm.arenas import Arena
from abm.arenas.anchors import Anchor
from abm.arenas.completions import Completion
from abm.audience import Audience, Ballot, SourceReaders, Voters, before_source, choices, is_asked, orders
from abm.audience.asked import Ask
from abm.events import InstructionsTried, LLMReplied
from abm.journal import Journal
from abm.llm.instructions import instructions_id
from abm.llm.port import LLM, Request, Sampling
from abm.worlds import contests
from moloch import keyed


class TrialPlace(NamedTuple):
    """Where trials are held: who tries when, and the run's seed.

    Draws depend on seed, epoch and anchor: arms and proposals are compared under common ones.
    """

    arm: str
    epoch: int
    seed: int

    def site(self, number: int, anchor: Anchor) -> str:
        """Return the call site of a message: of the instructions with this number, 0 for those that the arm has."""
        return f"try/{self.epoch}/{self.arm}/{number}/{anchor.id}"


def write_trials(
    journal: Journal,
    llm: LLM,
    arena: Arena,
    sampling: Sampling,
    place: TrialPlace,
    anchors: Sequence[Anchor],
    instructions: dict[int, str],
    cause: int,
) -> dict[int, list[str]]:
    """Have messages written by each of several instructions about each anchor; what cannot be read is asked for again as the arena says.

    Args:
        instructions: number -> text.
        cause: of the answers, the ``seq`` of an event.

    Returns:
        Number -> its messages by anchor; empty texts where none could be read.
    """
    asked = {
        (number, i): Request(
            site=place.site(number, anchor),
            messages=arena.write_prompt(anchor.text, text),
            sampling=sampling,
            seed=keyed.seed32(place.seed, "try", place.epoch, anchor.id),
            template=arena.write_digest,
            refs=(anchor.id, instructions_id(text)),
            stop=arena.stop,
        )
        for number, text in instructions.items()
        for i, anchor in enumerate(anchors)
    }
    texts = {number: [""] * len(anchors) for number in instructions}
    for attempt in range(1, arena.attempts + 1):
        calls = [contests.another(request, attempt) for request in asked.values()]
        answers: list[LLMReplied] = journal.ask(llm, calls, step=-1, cause=cause) if calls else []
        for (number, i), answer in zip(list(asked), answers, strict=True):
            if isinstance(message := contests.read(answer, arena).message, Completion):
                texts[number][i] = message.text
                del asked[number, i]
    return texts


def hold_trials(
    journal: Journal,
    audience: Audience,
    voters: Voters,
    place: TrialPlace,
    anchors: Sequence[Anchor],
    texts: dict[int, list[str]],
    cause: int,
    source: tuple[SourceReaders, Arena] | None = None,
) -> list[InstructionsTried]:
    """Let members choose between each proposal's messages and those of number 0; return what came of it, proposal by proposal.

    Args:
        texts: number -> messages by anchor, as :func:`write_trials` returns them.
        source: who of the members reads the anchor, too, by the words of which arena; None for nobody.
    """
    reads = source[0].among(voters.ids, place.seed) if source else None
    events: list[InstructionsTried] = []
    for number in texts:
        if not number:
            continue
        pairs = [[had, new] for had, new in zip(texts[0], texts[number], strict=True)]
        ballots = [
            _ballot(place, number, anchor, pair, voters)._replace(source=(anchor.id, anchor.text), reads=reads)
            for anchor, pair in zip(anchors, pairs, strict=True)
        ]
        asked = [ballot for ballot in ballots if all(ballot.texts)]
        _prepare(audience, asked, partial(journal.ask, step=-1, cause=cause))
        of: dict[str, Any] = {"cause": cause, "arm": place.arm, "epoch": place.epoch, "proposal": number}
        for anchor, pair, ballot in zip(anchors, pairs, ballots, strict=True):
            told = _told(audience, anchor, pair, place.seed, source) if source else audience
            votes = _votes(told, ballot, reads=is_asked(audience))
            events.append(InstructionsTried(**of, anchor=anchor.id, texts=pair, **votes))
    return events


def _told(
    audience: Audience, anchor: Anchor, texts: Sequence[str], seed: int, source: tuple[SourceReaders, Arena]
) -> Audience:
    """Return the audience before two messages, of which some members have read the anchor."""
    readers, arena = source
    return before_source(audience, readers.source(texts, anchor, arena), readers, seed)


def _prepare(audience: Audience, ballots: Sequence[Ballot], ask: Ask) -> None:
    """Have members asked, if the audience is one of those that are."""
    if is_asked(audience) and ballots:
        audience.prepare(ballots, ask)


def _ballot(place: TrialPlace, number: int, anchor: Anchor, texts: list[str], voters: Voters) -> Ballot:
    key = (place.seed, "try", place.epoch, anchor.id)
    contest = place.site(number, anchor)
    return Ballot(
        contest=contest,
        messages=(f"{contest}/0", f"{contest}/1"),
        texts=texts,
        shown=orders(voters.ids, 2, *key, "order"),
        voters=voters,
        key=(*key, "choice"),
    )


def _votes(audience: Audience, ballot: Ballot, *, reads: bool) -> dict[str, Any]:
    """Return the fields of an event that say how members chose; of a ballot without two messages, that nobody did.

    Args:
        reads: whether members were asked, so that an answer may be invalid.
    """
    if not all(ballot.texts):
        return {"votes": [0, 0], "abstained": 0, "invalid": 0}
    invalid = 0
    if reads:
        reactions = audience.react(ballot.texts, ballot.shown, ballot.voters, ballot.key)
        chosen, invalid = reactions.choices, len(reactions.invalid)
    else:
        chosen = choices(audience, ballot.texts, ballot.shown, ballot.voters, ballot.key)
    counts = np.bincount(chosen[chosen >= 0], minlength=2).tolist()
    return {"votes": counts, "abstained": int((chosen < 0).sum()) - invalid, "invalid": invalid}
