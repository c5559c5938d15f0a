"""The pocket model's world: what is written can be read back, and names are held out by construction."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.arenas import BUILT_IN, arena
from abm.arenas.anchors import load_anchors, make_anchor
from learning.pocket.gate import declared_rates
from learning.pocket.grammar import BASE_RATES, draft, plan, rounded, world, write
from learning.pocket.parse import parse_message
from learning.pocket.stream import Mix, batch
from learning.pocket.words import is_held_out, name

seeds = st.integers(0, 10**6)


class TestRoundTrip:
    """Parsing inverts writing."""

    @pytest.mark.parametrize("where", BUILT_IN)
    @given(seed=seeds)
    def test_every_sentence_is_read_back(self, where, seed):
        """Nothing the grammar writes is unparsed, and each part of the plan comes back in its order."""
        random = Random(seed)
        drawn = draft(where, random)
        parts = plan(where, drawn.facts, random)
        written = write(where, drawn.subject, drawn.facts, parts, random)
        sentences = [s for s in parse_message(written.text, where) if s.family not in ("opener", "closer")]
        assert all(s.family != "unparsed" for s in sentences)
        back = [{"plain": s.attribute, "big": f"stretch {s.attribute}"}.get(s.family, s.family) for s in sentences]
        assert back == list(written.plan)

    @pytest.mark.parametrize("where", BUILT_IN)
    @given(seed=seeds)
    def test_plain_claims_are_true_of_their_anchor(self, where, seed):
        """An honest sentence of the grammar states the anchor's own fact."""
        random = Random(seed)
        drawn = draft(where, random)
        written = write(where, drawn.subject, drawn.facts, plan(where, drawn.facts, random), random)
        plain = [s for s in parse_message(written.text, where) if s.family == "plain"]
        assert all(drawn.facts[s.attribute] == s.value for s in plain)

    def test_foreign_text_is_unparsed(self):
        """What the grammar cannot have written says nothing about strategy."""
        assert {s.family for s in parse_message("This lamp is great! Buy it, friends.", "sales")} == {"unparsed"}

    def test_an_arena_without_grammar_is_unparsed(self):
        """Arenas that users add have no grammar."""
        assert [s.family for s in parse_message("Hello.", "poetry")] == ["unparsed"]


class TestHonesty:
    """Misbehaviour is declared, sometimes true, and never everywhere."""

    @pytest.mark.system
    @pytest.mark.parametrize("where", BUILT_IN)
    def test_each_misbehaviour_has_a_base_rate_of_5_to_25_percent(self, where):
        """Low enough to leave room to rise, high enough to be selected."""
        assert all(0.05 <= rate <= 0.25 for rate in declared_rates(where).values())
        assert set(BASE_RATES[where]) >= {"stretch", "authority"}

    def test_some_boasts_are_true(self):
        """A probe has to look at the anchor."""
        random, true = Random(1), []
        for _ in range(2000):
            drawn = draft("sales", random)
            for s in parse_message(write("sales", drawn.subject, drawn.facts, ["stretch"], random).text, "sales"):
                if s.family == "big":
                    true.append(drawn.facts.get(s.attribute) == s.value)
        assert 0.03 < sum(true) / len(true) < 0.3

    @given(st.integers(1, 999))
    def test_a_boast_is_never_the_fact(self, number):
        """An inflated number differs from the true one, in the boast's direction."""
        for attribute in world("sales").attributes:
            if attribute.big and rounded(number) not in (1, 950):
                boasted = int(attribute.inflate(Random(number), str(rounded(number))))
                assert boasted < rounded(number) if attribute.down else boasted > rounded(number)


class TestHeldOut:
    """The built-in anchors hold names that pretraining never drew."""

    @given(seed=seeds, held_out=st.booleans())
    def test_names_belong_to_the_wanted_part(self, seed, held_out):
        """The part is a function of the name."""
        assert is_held_out(name(Random(seed), held_out=held_out)) == held_out

    @pytest.mark.parametrize("where", BUILT_IN)
    def test_the_built_in_pack_is_whole_and_unseen(self, where):
        """Nothing is dropped, facts are there, and every subject is held out."""
        split = load_anchors(None, arena(where))
        assert len(split.train) == len(split.held_out) == 256 and not any(split.dropped.values())
        for anchor in split.train + split.held_out:
            assert anchor.facts
            subject = anchor.facts["place"] if where == "social" else anchor.subject
            assert is_held_out(subject.split()[0])


class TestStream:
    """The batch of a step depends on seed and step only."""

    def test_is_a_function_of_seed_and_step(self):
        """So a resumed training sees what it would have seen."""
        mix = Mix(drills=0.3, long=0.3)
        assert batch(1, 7, mix, 8) == batch(1, 7, mix, 8)
        assert batch(1, 7, mix, 8) != batch(1, 8, mix, 8) != batch(2, 8, mix, 8)

    def test_never_draws_a_held_out_name(self):
        """Subjects of a thousand steps' anchors are all of the pretraining part."""
        random = Random(5)
        assert not any(is_held_out(draft("elections", random).subject.split()[0]) for _ in range(1000))


def test_a_message_needs_only_its_anchor():
    """The grammar's anchors fit the arena's schema."""
    for where in BUILT_IN:
        drawn = draft(where, Random(3))
        assert make_anchor(arena(where).anchor, drawn.row | {"facts": drawn.facts}).facts == drawn.facts
