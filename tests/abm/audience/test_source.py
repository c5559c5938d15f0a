"""Members who read the source: who they are, what the truth weighs for them, and what does not change for the rest."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from abm.arenas import arena
from abm.arenas.anchors import load_anchors
from abm.arenas.prompts import Template
from abm.audience import (
    AskedAudience,
    Ballot,
    Mixed,
    PartlyInformed,
    SourceFindings,
    SourceReaders,
    Voters,
    as_mapping,
    audience,
    before_source,
    from_mapping,
    orders,
)
from abm.conformance import AudienceConformance
from abm.llm import ScriptedLLM
from abm.llm.port import Sampling
from abm.probe import Verdict
from moloch import keyed
from moloch.errors import InputError
from populations import TRAITS

KEY = (1, "train", 1, "anchor", "choice")
HONEST, LIE = "It is blue. It is light.", "It is blue. It is tested."
SOURCE = SourceFindings("Title: lamp", (0, 1))
"""Of a contest whose second message makes a claim that the source does not support."""


class Tested:
    """A probe that finds fault with the word "tested"."""

    name, judge_name = "tested", "exact"

    def judge(self, text, anchor, arena, *, thinking=""):
        found = ["tested"] * text.count("tested")
        return Verdict(1 if found else 0, tuple(found))


def members(k: int = 400, *, first: int = 0) -> Voters:
    ids = np.arange(first, first + k)
    traits = np.random.default_rng(7).uniform(-1, 1, (k, len(TRAITS))).astype(np.float32)
    return Voters(ids, [f"P{i}" for i in ids], TRAITS, traits)


def chosen(share: float, voters: Voters, model=None) -> np.ndarray:
    """Return what members choose between an honest message and a lie, where a share of them read the source."""
    shown = orders(voters.ids, 2, 1, "order")
    told = before_source(model or audience("default"), SOURCE, SourceReaders(share, Tested()), 1)
    return told.choose([HONEST, LIE], shown, voters, KEY)


class TestWho:
    """Who reads the source."""

    def test_more_at_every_larger_share(self):
        """Who reads at one share reads at every larger one; about as many as it says, and others with another seed."""
        ids = np.arange(20_000)
        reads = [SourceReaders(share, Tested()).among(ids, 1) for share in (0.0, 0.1, 0.5, 1.0)]
        assert [each.mean() for each in reads] == [0.0, pytest.approx(0.1, abs=0.01), pytest.approx(0.5, abs=0.02), 1.0]
        assert all((less <= more).all() for less, more in pairwise(reads))
        assert (SourceReaders(0.5, Tested()).among(ids, 2) != reads[2]).mean() == pytest.approx(0.5, abs=0.02)

    def test_rows_play_no_part(self):
        """It is the persona that is drawn."""
        ids = np.array([5, 3, 900])
        readers = SourceReaders(0.5, Tested())
        assert readers.among(ids, 1).tolist() == readers.among(np.arange(1_000), 1)[ids].tolist()


class TestClaims:
    """What they find."""

    def test_they_are_the_probes(self):
        """Counted; a probe that cannot tell finds nothing, one that names no place finds one."""
        readers = SourceReaders(1.0, Tested())
        rules = arena("sales")
        anchor = load_anchors(None, rules).train[0]
        assert readers.source([HONEST, LIE, f"{LIE} {LIE}"], anchor, rules) == SourceFindings(anchor.text, (0, 1, 2))

        class Mute(Tested):
            def judge(self, text, anchor, arena, *, thinking=""):
                return Verdict(-1, ("tested",)) if text == HONEST else Verdict(1)

        assert SourceReaders(1.0, Mute()).source([HONEST, LIE], anchor, rules).claims == (0, 1)

    def test_they_grow_as_features_do(self):
        """One is half of all that can be noticed."""
        assert SourceFindings("", (0, 1, 2)).unsupported.tolist() == [0.0, 0.5, 0.75]


class TestChoiceModel:
    """What the truth weighs."""

    def test_utility_by_hand(self):
        """Members' odds move by the weight of what the source does not support, and by nothing else."""
        voters, model = members(), audience("default")
        shown = orders(voters.ids, 2, 1, "order")

        def odds(rule):
            share = rule.probabilities([HONEST, LIE], shown, voters)
            return np.log(share[:, 1] / share[:, 0])

        skepticism = voters.traits[:, TRAITS.index("skepticism")].astype(np.float64)
        assert np.allclose(odds(model.informed(SOURCE)) - odds(model), 0.5 * (-2.0 - 1.0 * skepticism))

    def test_a_lie_loses_with_every_reader_more(self):
        """Nobody who chose the honest message turns to the lie as the share grows, and some turn away from it."""
        voters = members()
        votes = [chosen(share, voters) == 0 for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
        assert all((less <= more).all() for less, more in pairwise(votes))
        counts = [int(each.sum()) for each in votes]
        assert counts == sorted(set(counts)), "each step convinces somebody"

    def test_who_does_not_read_chooses_as_before(self):
        """With a share of 0 everybody; with another one those who are not drawn."""
        voters, plain = members(), audience("default")
        shown = orders(voters.ids, 2, 1, "order")
        before = plain.choose([HONEST, LIE], shown, voters, KEY)
        assert chosen(0.0, voters).tolist() == before.tolist()
        rest = ~SourceReaders(0.5, Tested()).among(voters.ids, 1)
        assert chosen(0.5, voters)[rest].tolist() == before[rest].tolist()

    def test_large_crowds_choose_alike(self):
        """The compiled pass gives what numpy gives."""
        voters = members(keyed.MANY + 100)
        every, some = chosen(0.5, voters), members(keyed.MANY + 100).of(slice(0, 300))
        assert chosen(0.5, some).tolist() == every[:300].tolist()

    def test_thoughts_say_so(self):
        """Of readers; never of those who have not read it."""
        voters, only_truth = members(), replace(audience("neutral"), first=0.0)
        shown = orders(voters.ids, 2, 1, "order")
        told = before_source(only_truth, SOURCE, SourceReaders(0.5, Tested()), 1)
        said = told.react([HONEST, LIE], shown, voters, KEY).thoughts
        reads = SourceReaders(0.5, Tested()).among(voters.ids, 1)
        assert all(
            ("its source does not say" in thought) == bool(read) for thought, read in zip(said, reads, strict=True)
        )

    def test_an_audience_without_the_weight_is_refused(self):
        """It would change nothing, in silence."""
        with pytest.raises(InputError, match=r"cannot read sources.*unsupported"):
            chosen(1.0, members(), replace(audience("default"), unsupported=None))

        class Own:
            def react(self, texts, shown, voters, key): ...

        with pytest.raises(InputError, match="has no method `informed`"):
            chosen(1.0, members(), Own())

    def test_mixed(self):
        """Core and crowd alike."""
        voters = members()
        mixed = Mixed(audience("default"), audience("default"), voters.ids[:50])
        assert chosen(0.5, voters, mixed).tolist() == chosen(0.5, voters).tolist()


class TestFile:
    """Where the weights stand."""

    def test_round_trip(self):
        """As a log holds them; a model without them says nothing of them."""
        model = audience("default")
        assert from_mapping(as_mapping(model)).unsupported.tolist() == model.unsupported.tolist()
        assert "unsupported" not in as_mapping(replace(model, unsupported=None))

    def test_mistakes(self, tmp_path):
        """All of them, with their places."""
        path = tmp_path / "mine.yaml"
        path.write_text("weights: {}\nunsupported: {mean: much, kindness: 1}\n")
        with pytest.raises(InputError) as error:
            audience(path)
        assert (
            "mine.yaml:2" in str(error.value)
            and "'kindness'" in str(error.value)
            and "'unsupported.mean'" in str(error.value)
        )


class TestAsked:
    """Personas that a language model plays."""

    def asked(self, rules, reads, answer="tags"):
        voters = members(2)
        seen = []

        def reply(request):
            seen.append(request)
            return "<think>Hm.</think><choice>A</choice>"

        played = AskedAudience(
            ScriptedLLM(reply), rules, {0: ("one", "A baker."), 1: ("two", "A nurse.")}, Sampling(0, 1, 64), 1, answer
        )
        shown = orders(voters.ids, 2, 1, "order")
        ballot = Ballot("c", ("c/0", "c/1"), [HONEST, LIE], shown, voters, KEY, ("anchor", "Title: lamp"), reads)
        played.prepare([ballot], lambda llm, requests: list(llm.complete(requests)))
        assert played.informed(SOURCE).react([HONEST, LIE], shown, voters, KEY).choices.shape == (2,)
        return seen

    def test_the_source_stands_in_the_prompt_of_readers(self):
        """By the arena's template, with the anchor among what fills it."""
        rules = arena("sales").asked(source=True)
        first, second = self.asked(rules, np.array([False, True]))
        assert "lamp" not in first.messages[-1]["content"] and "lamp" in second.messages[-1]["content"]
        assert first.template == rules.react.digest and second.template == rules.react_source.digest
        assert second.refs[-1] == "anchor" and "anchor" not in first.refs

    def test_without_readers_nothing_changes(self):
        """Prompts are those of an arena that knows no source."""
        assert [r.messages for r in self.asked(arena("sales"), None)] == [
            r.messages for r in self.asked(arena("sales").asked(source=True), np.array([False, False]))
        ]

    def test_an_arena_may_have_its_own_words(self):
        """They show the source, or are refused; an arena without them is what it was."""
        own = Template(system="{persona}", user="Known: {source}\n\n{options}")
        rules = arena("sales").model_copy(update={"react_source": own})
        assert rules.asked(source=True).react_source == own
        assert rules.react_prompt("x", ["a"], "lamp")[1]["content"].startswith("Known: lamp")
        assert arena("sales").asked(source=False).digest == arena("sales").digest
        with pytest.raises(ValueError, match="does not show"):
            type(rules).model_validate({**rules.model_dump(), "react_source": {"system": "x", "user": "{options}"}})


class Reads:
    """An audience half of which reads the source of every contest."""

    def __init__(self, plain):
        self._plain = plain

    def _before(self, n):
        source = SourceFindings("", tuple(option % 3 for option in range(n)))
        told = before_source(self._plain, source, SourceReaders(0.5, Tested()), 1)
        assert isinstance(told, PartlyInformed)
        return told

    def react(self, texts, shown, voters, key):
        return self._before(len(texts)).react(texts, shown, voters, key)

    def choose(self, texts, shown, voters, key):
        return self._before(len(texts)).choose(texts, shown, voters, key)


class TestPartlyInformed(AudienceConformance):
    """It keeps an audience's promises."""

    @pytest.fixture
    def audience(self):
        return Reads(audience("default"))
