"""An audience of language models: asked all at once, read strictly, asked once more, never guessed."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest

from abm.arenas import arena
from abm.audience import AskedAudience, Ballot, Mixed, Voters, audience, is_asked, orders
from abm.llm import Request, Sampling, ScriptedLLM

TEXTS = ("It is blue and warm.", "Experts guarantee it!")
TRAITS = list(audience("neutral").traits)
PEOPLE = {3: ("p-ann", "Ann, a nurse of forty."), 4: ("p-bob", "Bob, who trusts nobody."), 5: ("p-cem", "Cem.")}


class Asked:
    """Keeps what was asked, round by round."""

    def __init__(self) -> None:
        self.rounds: list[list[Request]] = []

    def __call__(self, llm, requests: Sequence[Request]):
        self.rounds.append(list(requests))
        found = {reply.site: reply for reply in llm.complete(requests)}
        return [found[request.site] for request in requests]


def readers(says, **settings) -> AskedAudience:
    """Return an audience whose members answer ``says(request)``."""
    values = {"sampling": Sampling(0.1, 1.0, 256), "seed": 1} | settings
    return AskedAudience(ScriptedLLM(says), arena("sales"), PEOPLE, **values)


def ballot(contest: str = "c1", ids: Sequence[int] = (3, 4, 5), texts: Sequence[str] = TEXTS) -> Ballot:
    members = np.array(ids)
    traits = np.zeros((len(ids), len(TRAITS)), dtype=np.float32)
    voters = Voters(members, [PEOPLE[i][0] for i in ids], TRAITS, traits)
    shown = orders(members, len(texts), 1, contest)
    return Ballot(contest, tuple(f"{contest}/{i}" for i in range(len(texts))), texts, shown, voters, (1, contest))


def chosen(who: AskedAudience, one: Ballot, ask: Asked | None = None):
    who.prepare([one], ask or Asked())
    return who.react(one.texts, one.shown, one.voters, one.key)


def likes(word: str):
    """Return an answer that names the option which holds ``word``, wherever it stands."""

    def answer(request: Request) -> str:
        prompt = request.messages[-1]["content"]
        first = min(TEXTS, key=prompt.index)
        return f"<think>I looked for {word}.</think><choice>{'A' if word in first else 'B'}</choice>"

    return answer


class TestAsking:
    """What members are asked."""

    def test_everyone_at_once(self):
        """All members before all contests of a step are one round of calls, each at a place of its own."""
        ask, who = Asked(), readers(likes("warm"))
        who.prepare([ballot("c1"), ballot("c2", ids=(4, 5))], ask)
        assert [[r.site for r in round_] for round_ in ask.rounds] == [
            ["react/c1/3", "react/c1/4", "react/c1/5", "react/c2/4", "react/c2/5"]
        ]

    def test_as_a_persona(self):
        """The prompt holds the persona and the texts in that member's own order; the log can rebuild it."""
        ask, one = Asked(), ballot()
        chosen(readers(likes("warm")), one, ask)
        for request, order in zip(ask.rounds[0], one.shown.tolist(), strict=True):
            index = int(request.site.rsplit("/", 1)[1])
            prompt = "\n".join(message["content"] for message in request.messages)
            assert PEOPLE[index][1] in prompt
            assert sorted(TEXTS, key=prompt.index) == [TEXTS[i] for i in order]
            assert request.refs == (PEOPLE[index][0], *(one.messages[i] for i in order))
            assert request.adapter == ""

    def test_orders_differ(self):
        """Options are not shown in one order to all."""
        shown = ballot(ids=(3, 4, 5)).shown
        many = orders(np.arange(200), 2, 1, "c")
        assert shown.shape == (3, 2) and 60 < int((many[:, 0] == 0).sum()) < 140

    def test_seeds(self):
        """Each call has a seed of its own, the same in every process."""
        seeds = []
        for _ in range(2):
            ask = Asked()
            chosen(readers(likes("warm")), ballot(), ask)
            seeds.append([request.seed for request in ask.rounds[0]])
        assert seeds[0] == seeds[1] and len(set(seeds[0])) == 3

    def test_json(self):
        """Asked for JSON, they are told so and held to a schema of the letters there are."""
        ask = Asked()
        chosen(readers(lambda request: '{"thought": "x", "choice": "B"}', answer="json"), ballot(), ask)
        [request, *_] = ask.rounds[0]
        assert json.loads(request.schema)["properties"]["choice"]["enum"] == ["A", "B"]
        assert "JSON" in request.messages[-1]["content"]


class TestReading:
    """What their answers count as."""

    def test_choices(self):
        """A letter is the option that stood there in that member's order, and the thought is kept."""
        found = chosen(readers(likes("warm")), ballot())
        assert found.choices.tolist() == [0, 0, 0]
        assert found.thoughts == ["I looked for warm."] * 3 and not found.invalid

    def test_json(self):
        """So it is in JSON."""
        found = chosen(readers(lambda request: '{"thought": "Short.", "choice": "A"}', answer="json"), ballot())
        assert found.choices.tolist() == ballot().shown[:, 0].tolist() and found.thoughts == ["Short."] * 3

    def test_once_more(self):
        """An answer that names no option is asked for once more, the letter alone and held to the letters."""

        def answer(request: Request) -> str:
            return "B" if request.choices else "<think>Both are fine.</think>Hm."

        ask, one = Asked(), ballot()
        found = chosen(readers(answer), one, ask)
        assert [len(round_) for round_ in ask.rounds] == [3, 3]
        assert all(request.site.endswith("/again") and request.choices == ("A", "B") for request in ask.rounds[1])
        assert found.choices.tolist() == one.shown[:, 1].tolist()
        assert found.thoughts == ["Both are fine."] * 3, "the first answer's thought was lost"

    def test_never_guessed(self):
        """One that still names none is invalid, with what it said; the others' votes stand."""

        def answer(request: Request) -> str:
            return "I'm sorry, I cannot do that." if "/4" in request.site else "<choice>A</choice>"

        found = chosen(readers(answer), ballot())
        assert dict(found.invalid) == {1: "I'm sorry, I cannot do that."}
        assert found.choices.tolist()[1] == -1 and -1 not in found.choices.tolist()[::2]

    def test_no_retry(self):
        """Retries can be turned off."""
        ask = Asked()
        found = chosen(readers(lambda request: "", retries=0), ballot(), ask)
        assert len(ask.rounds) == 1 and sorted(found.invalid) == [0, 1, 2]

    def test_unprepared(self):
        """Nobody reacts to what nobody was asked about."""
        who, one = readers(likes("warm")), ballot()
        with pytest.raises(KeyError):
            who.react(one.texts, one.shown, one.voters, one.key)


class TestInACrowd:
    """An asked core in a crowd of a choice model."""

    def test_core_is_asked(self):
        """Only the core is asked; the rest reacts by the choice model."""
        who = Mixed(readers(likes("warm")), audience("neutral"), np.array([4]))
        ask, one = Asked(), ballot()
        who.prepare([one], ask)
        assert is_asked(who)
        assert [[request.site for request in round_] for round_ in ask.rounds] == [["react/c1/4"]]
        found = who.react(one.texts, one.shown, one.voters, one.key)
        assert found.choices.tolist()[1] == 0 and found.thoughts[1] == "I looked for warm."

    def test_choice_models_are_not(self):
        """A choice model needs no asking."""
        assert not is_asked(audience("neutral"))
