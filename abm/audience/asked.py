"""A language model as audience: each persona is role-played, thinks, and names the letter of one option.

All members before all contests of a step are asked at once (:meth:`AskedAudience.prepare`), through a function that keeps
every answer; :meth:`AskedAudience.react` then reads what was answered. An answer that names no option is asked for once more,
the letter alone; one that still names none is an invalid reaction, which is counted and never guessed. Where letters are
asked for, nothing is written and there are no thoughts: see :mod:`abm.audience.letters`.
Knows prompts and answers; knows nothing of logs, contests' outcomes or models' inner life.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import msgspec
import numpy as np
from numpy.typing import NDArray

from abm.arenas import Arena, Message
from abm.arenas.completions import Reaction, parse_reaction, parse_thought
from abm.audience.letters import averaged, drawn, relative
from abm.audience.port import Reactions, Voters
from abm.audience.source import SourceFindings
from abm.llm.port import LLM, Request, Sampling
from moloch import keyed
from moloch.content import canonical
from moloch.keyed import Part

LETTER_TOKENS = 8
"""Bound of an answer that is one letter."""
ONCE_MORE = "Your answer must be one letter and nothing else: {letters}."
LETTER = "Which option do you choose? Answer with one letter and nothing else: {letters}."
"""Ends the prompt where the probabilities of letters are asked for."""
REVERSED = "reversed"
"""Ends the site of the call about the reversed order."""
AS_JSON = 'Answer as JSON: {{"thought": your thoughts, "choice": the letter: {letters}}}.'


class Answer(Protocol):
    """What a model answered."""

    @property
    def text(self) -> str: ...
    @property
    def logprobs(self) -> Sequence[float]: ...


Ask = Callable[[LLM, Sequence[Request]], Sequence[Answer]]
"""Asks a model and returns its answers in the order of the requests."""


class Ballot(NamedTuple):
    """One contest before some members.

    Attributes:
        contest: its id, and the ids of the messages.
        texts: n messages.
        shown: shape (k, n), as for :class:`abm.audience.Audience`.
        voters: the k members.
        key: as for :class:`abm.audience.Audience`.
        source: id and text of what the messages are about, and ``reads``: shape (k,), which members read it, too; None: nobody does.
    """

    contest: str
    messages: tuple[str, ...]
    texts: Sequence[str]
    shown: NDArray[np.int8]
    voters: Voters
    key: tuple[Part, ...]
    source: tuple[str, str] = ("", "")
    reads: NDArray[np.bool_] | None = None

    def of(self, rows: NDArray[np.int64]) -> Ballot:
        """Return the same before some of the members."""
        reads = None if self.reads is None else self.reads[rows]
        return self._replace(shown=self.shown[rows], voters=self.voters.of(rows), reads=reads)


@runtime_checkable
class Prepared(Protocol):
    """An audience that has to be asked before it can react."""

    def prepare(self, ballots: Sequence[Ballot], ask: Ask) -> None:
        """Ask every member before every contest.

        Args:
            ask: what becomes of the answers is its business; it returns only those that are safe.
        """
        ...


@dataclass(frozen=True, eq=False)
class AskedAudience:
    """Personas role-played by a language model.

    Attributes:
        llm: who plays them.
        arena: whose ``react`` template asks.
        personas: persona index -> id and text, as prompts render it.
        sampling: of the answers.
        seed: the run's.
        answer: ``tags``: thoughts and choice in tags; ``json``: in one JSON object, to whose schema servers hold the model;
            ``letters``: no thoughts, the probabilities of the letters in two orders.
        retries: times that a member is asked again after an answer that names no option, 0 or 1.
    """

    llm: LLM
    arena: Arena
    personas: Mapping[int, tuple[str, str]]
    sampling: Sampling
    seed: int
    answer: Literal["tags", "json", "letters"] = "tags"
    retries: int = 1
    _found: dict[tuple[Part, ...], dict[int, Reaction | str]] = field(default_factory=dict)
    """Contest -> persona index -> its reaction, or its last answer if that names no option."""

    def prepare(self, ballots: Sequence[Ballot], ask: Ask) -> None:
        """Ask every member before every contest; see :class:`Prepared`."""
        self._found.clear()
        if self.answer == "letters":
            self._score(ballots, ask)
            return
        asked = [(ballot, row) for ballot in ballots for row in range(len(ballot.voters.ids))]
        requests = [self._request(ballot, row) for ballot, row in asked]
        answers = [answer.text for answer in ask(self.llm, requests)] if requests else []
        reactions = [self._read(ballot, text) for (ballot, _), text in zip(asked, answers, strict=True)]
        again = [i for i, each in enumerate(reactions) if isinstance(each, str)] if self.retries else []
        if again:
            letters = [self._letter_request(requests[i], len(asked[i][0].texts)) for i in again]
            for i, answer in zip(again, ask(self.llm, letters), strict=True):
                reactions[i] = self._again(asked[i][0], answers[i], answer.text)
        for (ballot, row), reaction in zip(asked, reactions, strict=True):
            self._found.setdefault(ballot.key, {})[int(ballot.voters.ids[row])] = reaction

    def react(self, texts: Sequence[str], shown: NDArray[np.int8], voters: Voters, key: tuple[Part, ...]) -> Reactions:
        """Return what the members answered; see :class:`abm.audience.Audience`.

        Raises:
            KeyError: a member was not asked before this contest (:meth:`prepare`).
        """
        answered = self._found[key]
        choices, thoughts, invalid = np.full(len(voters.ids), -1, dtype=np.int16), [], {}
        for row, persona in enumerate(voters.ids.tolist()):
            reaction = answered[persona]
            if isinstance(reaction, str):
                invalid[row] = reaction
                thoughts.append("")
            else:
                choices[row] = shown[row, reaction.position]
                thoughts.append(reaction.thought)
        return Reactions(choices, thoughts, invalid)

    def informed(self, source: SourceFindings) -> AskedAudience:
        """Return the audience itself: the source stood in the prompts of those who read it; see :class:`abm.audience.Informable`."""
        return self

    # ------------------------------------------------------------------------------------------------------

    def _score(self, ballots: Sequence[Ballot], ask: Ask) -> None:
        """Ask every member how likely each letter is, in its own order and in the reverse, and draw its vote."""
        asked = [(ballot, row) for ballot in ballots for row in range(len(ballot.voters.ids))]
        orders = [ballot.shown[row].tolist() for ballot, row in asked]
        first = [self._scored_request(*each, order) for each, order in zip(asked, orders, strict=True)]
        second = [
            msgspec.structs.replace(self._scored_request(*each, order[::-1]), site=f"{one.site}/{REVERSED}")
            for each, order, one in zip(asked, orders, first, strict=True)
        ]
        answers = ask(self.llm, [*first, *second]) if asked else []
        for (ballot, row), order, one, other in zip(asked, orders, answers, answers[len(asked) :], strict=False):
            persona = int(ballot.voters.ids[row])
            self._found.setdefault(ballot.key, {})[persona] = self._vote(ballot, persona, order, one, other)

    def _vote(self, ballot: Ballot, persona: int, order: list[int], one: Answer, other: Answer) -> Reaction | str:
        """Return the vote drawn from both orders; what came instead, where letters are not among the likeliest answers."""
        if not (one.logprobs and other.logprobs):
            return one.text or other.text
        logs = averaged(relative(one.logprobs, order), relative(other.logprobs, order[::-1]))
        draw = float(keyed.uniforms(np.array([persona]), *ballot.key, "letters")[0])
        return Reaction("", order.index(drawn(logs, draw)))

    def _scored_request(self, ballot: Ballot, row: int, order: list[int]) -> Request:
        letters = _letters(len(order))
        request = self._request(ballot, row, order)
        return msgspec.structs.replace(
            request,
            messages=_instead(request.messages, LETTER.format(letters=_listed(letters))),
            sampling=Sampling(1.0, 1.0, 1),
            choices=tuple(letters),
            scored=True,
        )

    def _request(self, ballot: Ballot, row: int, order: list[int] | None = None) -> Request:
        persona = int(ballot.voters.ids[row])
        name, text = self.personas[persona]
        order = list(ballot.shown[row].tolist()) if order is None else order
        texts, refs = [ballot.texts[option] for option in order], [ballot.messages[option] for option in order]
        if ballot.reads is not None and ballot.reads[row]:
            anchor, source = ballot.source
            messages, template, refs = (
                self.arena.react_prompt(text, texts, source),
                self.arena.source_template,
                [*refs, anchor],
            )
        else:
            messages, template = self.arena.react_prompt(text, texts), self.arena.react
        schema = ""
        if self.answer == "json":
            letters = _letters(len(order))
            messages, schema = _with(messages, AS_JSON.format(letters=_listed(letters))), _schema(letters)
        return Request(
            site=f"react/{ballot.contest}/{persona}",
            messages=messages,
            sampling=self.sampling,
            seed=keyed.seed32(self.seed, "react", *ballot.key, persona),
            template=template.digest,
            refs=(name, *refs),
            schema=schema,
        )

    def _letter_request(self, first: Request, options: int) -> Request:
        """Return the call that asks for the letter alone."""
        letters = _letters(options)
        return Request(
            site=f"{first.site}/again",
            messages=_with(first.messages, ONCE_MORE.format(letters=_listed(letters))),
            sampling=Sampling(self.sampling.temperature, self.sampling.top_p, LETTER_TOKENS),
            seed=keyed.seed32(first.seed, "again"),
            template=first.template,
            refs=first.refs,
            choices=tuple(letters),
        )

    @staticmethod
    def _read(ballot: Ballot, text: str) -> Reaction | str:
        return parse_reaction(text, len(ballot.texts)) or text

    def _again(self, ballot: Ballot, first: str, second: str) -> Reaction | str:
        """Return the second answer's choice with the first one's thought, if that has one distinct from the rest."""
        reaction = self._read(ballot, second)
        if isinstance(reaction, str):
            return second or first
        return Reaction(parse_thought(first) or reaction.thought, reaction.position)


def _letters(options: int) -> list[str]:
    return [chr(ord("A") + i) for i in range(options)]


def _listed(letters: Sequence[str]) -> str:
    return " or ".join((", ".join(letters[:-1]), letters[-1]))


def _with(messages: Sequence[Message], more: str) -> list[Message]:
    """Return a prompt with a last sentence more."""
    *before, last = messages
    return [*before, {"role": last["role"], "content": f"{last['content']}\n\n{more}"}]


def _instead(messages: Sequence[Message], last: str) -> list[Message]:
    """Return a prompt that ends otherwise: its last paragraph, which asks for thoughts and a choice in tags, is left out."""
    *before, user = messages
    head, _, tail = user["content"].rpartition("\n\n")
    return [*before, {"role": user["role"], "content": f"{head if '<choice>' in tail else user['content']}\n\n{last}"}]


def _schema(letters: Sequence[str]) -> str:
    properties = {"thought": {"type": "string"}, "choice": {"type": "string", "enum": list(letters)}}
    fields = {
        "type": "object",
        "properties": properties,
        "required": ["thought", "choice"],
        "additionalProperties": False,
    }
    return canonical(fields).decode()
